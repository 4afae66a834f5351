import { describe, expect, test } from 'bun:test';
import { Inflow } from '../../src/acquire/inflow.ts';

function bring(inflow: Inflow, fromMs: number, toMs: number, bytesPerMs: number): void {
  for (let now = fromMs; now < toMs; now += 10) inflow.add(bytesPerMs * 10, now);
}

describe('Inflow', () => {
  test('is full while about as much comes as ever, whoever brings it', () => {
    const inflow = new Inflow();
    bring(inflow, 1_000, 4_000, 1_000);
    expect(inflow.isFull).toBe(true);
    expect(inflow.mostBytesPerSecond).toBeCloseTo(1_000_000, -5);
    bring(inflow, 4_000, 6_000, 600);
    expect(inflow.isFull).toBe(false);
  });

  test('forgets the most that came when a line has become slower', () => {
    const inflow = new Inflow();
    bring(inflow, 1_000, 4_000, 1_000);
    bring(inflow, 4_000, 40_000, 300);
    expect(inflow.isFull).toBe(true);
  });

  test('a pause is no measure', () => {
    const inflow = new Inflow();
    bring(inflow, 1_000, 4_000, 1_000);
    inflow.add(1, 60_000);
    expect(inflow.isFull).toBe(false);
    expect(inflow.mostBytesPerSecond).toBeGreaterThan(900_000);
  });
});

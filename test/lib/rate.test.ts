import { describe, expect, test } from 'bun:test';
import { BusyRate } from '../../src/lib/rate.ts';

const BLOCK = 16_384;

/** Delivers `bytesPerSecond` for `spanMs` in blocks; returns the time at the end. */
function deliver(rate: BusyRate, fromMs: number, spanMs: number, bytesPerSecond: number): number {
  const stepMs = (BLOCK / bytesPerSecond) * 1000;
  let now = fromMs;
  while (now + stepMs <= fromMs + spanMs) {
    now += stepMs;
    rate.add(BLOCK, now);
  }
  return now;
}

describe('BusyRate', () => {
  test('is undefined before anything was measured', () => {
    const rate = new BusyRate();
    expect(rate.at(0)).toBeUndefined();
    rate.begin(0);
    expect(rate.at(100)).toBeUndefined();
  });

  test('finds the rate of a steady source, and follows when it changes', () => {
    const rate = new BusyRate();
    rate.begin(0);
    let now = deliver(rate, 0, 3_000, 1_000_000);
    expect(rate.at(now)).toBeWithin(900_000, 1_100_000);
    now = deliver(rate, now, 5_000, 4_000_000);
    expect(rate.at(now)).toBeWithin(3_500_000, 4_500_000);
  });

  test('idle minutes do not make a source look slow', () => {
    const rate = new BusyRate();
    rate.begin(0);
    const now = deliver(rate, 0, 3_000, 1_000_000);
    rate.end(now);
    const before = rate.at(now) as number;
    expect(rate.at(now + 600_000)).toBe(before);
    rate.begin(now + 600_000);
    expect(rate.at(now + 600_100)).toBe(before);
  });

  test('falls while a busy source stays silent', () => {
    const rate = new BusyRate();
    rate.begin(0);
    const now = deliver(rate, 0, 3_000, 1_000_000);
    expect(rate.at(now + 10_000)).toBeLessThan(50_000);
  });

  test('measures a source that is asked for a little at a time', () => {
    const rate = new BusyRate();
    let now = 0;
    for (let i = 0; i < 20; i += 1) {
      rate.begin(now);
      now += 100;
      rate.add(100_000, now);
      rate.end(now);
      now += 5_000;
    }
    expect(rate.at(now)).toBeWithin(950_000, 1_050_000);
  });

  test('bytes that come while it is not busy do not count', () => {
    const rate = new BusyRate();
    rate.add(1_000_000, 10);
    expect(rate.at(1_000)).toBeUndefined();
  });
});

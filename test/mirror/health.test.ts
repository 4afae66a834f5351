import { expect, test } from 'bun:test';
import { DEFAULT_ESTIMATE, Health } from '../../src/mirror/health.ts';

test('Health.estimate() guesses before the first measure', () => {
  expect(new Health().estimate('a')).toEqual({ latencyMs: 50, bytesPerSecond: 10_000_000 });
});

test('Health.estimate() takes the first measure whole and then moves towards newer ones', () => {
  const health = new Health();
  health.measuredLatency('a', 200);
  expect(health.estimate('a').latencyMs).toBe(200);
  health.measuredLatency('a', 100);
  expect(health.estimate('a').latencyMs).toBeCloseTo(170);
  health.measuredTransfer('a', 1_000_000, 500);
  expect(health.estimate('a').bytesPerSecond).toBe(2_000_000);
  expect(health.estimate('b')).toEqual(DEFAULT_ESTIMATE);
});

test('Health.measuredTransfer() ignores what is too small to tell a rate', () => {
  const health = new Health();
  health.measuredTransfer('a', 256 * 1024 - 1, 1);
  expect(health.estimate('a')).toEqual(DEFAULT_ESTIMATE);
  health.measuredTransfer('a', 256 * 1024, 0);
  expect(Number.isFinite(health.estimate('a').bytesPerSecond)).toBe(true);
});

test('Health forgets the least recently used of many hosts', () => {
  const health = new Health();
  for (let i = 0; i < 256; i += 1) health.measuredLatency(`h${i}`, 1000);
  health.measuredLatency('h0', 1000);
  health.measuredLatency('new', 1000);
  expect(health.estimate('h0').latencyMs).toBe(1000);
  expect(health.estimate('h1')).toEqual(DEFAULT_ESTIMATE);
});

import { describe, expect, test } from 'bun:test';
import { TokenBucket } from '../../src/lib/token-bucket.ts';
import { seeded } from '../wire/samples.ts';

const MIB = 2 ** 20;

/** Bytes that pass in `spanMs` when somebody always has another `size()` bytes ready. */
function passed(bucket: TokenBucket, spanMs: number, size: () => number, way: 'take' | 'spend'): number {
  let bytes = 0;
  let now = 0;
  while (now < spanMs) {
    const next = size();
    const waitMs = bucket[way](next, now);
    if (way === 'spend' || waitMs === 0) bytes += next;
    now += waitMs;
  }
  return bytes;
}

describe('TokenBucket', () => {
  test('setRate() counts from now on; debts stay', () => {
    const bucket = new TokenBucket(MIB, 0);
    bucket.spend(2 * MIB, 0);
    bucket.setRate(2 * MIB, 1000);
    expect(bucket.bytesPerSecond).toBe(2 * MIB);
    // 1.75 MiB owed, of which a second at the old rate has paid one.
    expect(bucket.take(1, 1000)).toBe(375);
    bucket.setRate(0, 1000);
    expect(bucket.take(MIB, 1000)).toBe(0);
    bucket.setRate(MIB, 5000);
    expect(bucket.spareBytes(5000)).toBeLessThanOrEqual(MIB / 4);
    expect(bucket.spareBytes(9000)).toBe(MIB / 4);
  });

  test('a rate of 0 lets everything through at once', () => {
    const bucket = new TokenBucket(0, 0);
    expect(bucket.unlimited).toBe(true);
    for (let i = 0; i < 100; i += 1) {
      expect(bucket.take(MIB, 0)).toBe(0);
      expect(bucket.spend(MIB, 0)).toBe(0);
    }
  });

  for (const way of ['take', 'spend'] as const) {
    test(`${way}() keeps the rate over time, whatever the sizes, but for what the bucket holds`, () => {
      const draw = seeded(3);
      for (const rate of [8_000, 100_000, MIB, 50 * MIB]) {
        for (const size of [() => 16_384, () => 1 + draw(256 * 1024), () => 100]) {
          const spanMs = 20_000;
          const bytes = passed(new TokenBucket(rate, 0), spanMs, size, way);
          const due = (rate * spanMs) / 1000;
          // Once the bucket's content, once the debt of one block.
          const slack = Math.max(16_384, rate / 4) + 256 * 1024;
          expect(bytes).toBeGreaterThan(due - slack);
          expect(bytes).toBeLessThan(due + slack);
        }
      }
    });
  }

  test('take() does not charge for what has to wait', () => {
    const bucket = new TokenBucket(1000, 0);
    expect(bucket.take(20_384, 0)).toBe(0);
    const waitMs = bucket.take(1, 0);
    expect(waitMs).toBe(4000);
    expect(bucket.take(1, 0)).toBe(4000);
    expect(bucket.take(1, waitMs + 1)).toBe(0);
  });

  test('idle time is not saved up beyond a quarter of a second', () => {
    const bucket = new TokenBucket(MIB, 0);
    bucket.take(MIB, 0);
    const later = 3_600_000;
    expect(bucket.take(MIB / 4, later)).toBe(0);
    expect(bucket.take(1, later)).toBeGreaterThan(0);
  });
});

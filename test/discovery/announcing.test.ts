import { describe, expect, test } from 'bun:test';
import { Announcing } from '../../src/discovery/announcing.ts';

const MINUTE = 60_000;

describe('Announcing', () => {
  test('is due at once and says started until the tracker has answered', () => {
    const announcing = new Announcing(5);
    expect([announcing.event, announcing.nextMs, announcing.isKnown]).toEqual(['started', 5, false]);
    announcing.failed(5, 0.5);
    expect(announcing.event).toBe('started');
    announcing.answered({ intervalSeconds: 900 }, 10);
    expect([announcing.event, announcing.nextMs, announcing.isKnown]).toEqual([
      undefined,
      10 + 15 * MINUTE,
      true,
    ]);
  });

  test('keeps the interval within a minute and an hour, and above min interval', () => {
    const next = (answer: { intervalSeconds: number; minIntervalSeconds?: number }) => {
      const announcing = new Announcing(0);
      announcing.answered(answer, 0);
      return announcing.nextMs;
    };
    expect(next({ intervalSeconds: 0 })).toBe(MINUTE);
    expect(next({ intervalSeconds: 2 ** 31 - 1 })).toBe(60 * MINUTE);
    expect(next({ intervalSeconds: 100, minIntervalSeconds: 600 })).toBe(10 * MINUTE);
    expect(next({ intervalSeconds: 100, minIntervalSeconds: 2 ** 31 - 1 })).toBe(60 * MINUTE);
  });

  test('waits longer after each failure, up to an hour and a quarter, and starts anew after an answer', () => {
    const announcing = new Announcing(0);
    const waits = Array.from({ length: 10 }, () => {
      announcing.failed(0, 0.5);
      return announcing.nextMs / 1000;
    });
    expect(waits).toEqual([15, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600]);
    announcing.failed(0, 1);
    expect(announcing.nextMs).toBe(75 * MINUTE);
    announcing.answered({ intervalSeconds: 900 }, 0);
    announcing.failed(0, 0.5);
    expect(announcing.nextMs).toBe(15_000);
  });

  test('hurry() goes as soon as min interval allows, never later than planned', () => {
    const announcing = new Announcing(0);
    announcing.answered({ intervalSeconds: 900, minIntervalSeconds: 120 }, 0);
    announcing.hurry(1000);
    expect(announcing.nextMs).toBe(2 * MINUTE);
    announcing.hurry(3 * MINUTE);
    expect(announcing.nextMs).toBe(2 * MINUTE);
    announcing.answered({ intervalSeconds: 900 }, 0);
    announcing.hurry(1000);
    expect(announcing.nextMs).toBe(15_000);
  });

  test('complete() is said next, but not in place of started', () => {
    const announcing = new Announcing(0);
    announcing.complete(7);
    expect(announcing.event).toBe('started');
    announcing.answered({ intervalSeconds: 900 }, 0);
    announcing.complete(7);
    expect([announcing.event, announcing.nextMs]).toEqual(['completed', 7]);
  });

  test('gives back the tracker id, also when a later answer has none', () => {
    const announcing = new Announcing(0);
    announcing.answered({ intervalSeconds: 900, trackerId: Uint8Array.of(1) }, 0);
    announcing.answered({ intervalSeconds: 900 }, 0);
    expect(announcing.trackerId).toEqual(Uint8Array.of(1));
  });
});

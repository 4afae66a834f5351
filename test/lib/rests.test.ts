import { describe, expect, test } from 'bun:test';
import { Rests } from '../../src/lib/rests.ts';
import { VirtualClock } from '../fixtures/virtual-clock.ts';

describe('Rests.after()', () => {
  test('rests of one length end together, with one timer', async () => {
    const clock = new VirtualClock();
    const rests = new Rests(clock);
    const woken: number[] = [];
    for (let i = 0; i < 5; i += 1) {
      rests.after(8, () => woken.push(clock.nowMs()));
      await clock.run(0.5);
    }
    expect(clock.pending).toBe(1);
    await clock.run(16);
    expect(woken).toHaveLength(5);
    expect(new Set(woken).size).toBe(1);
    expect(clock.pending).toBe(0);
  });

  test.each([2, 4, 8, 16, 32])('%d ms are half as long to one and a half times', async (restMs) => {
    const clock = new VirtualClock();
    const rests = new Rests(clock);
    for (let i = 0; i < 50; i += 1) {
      const fromMs = clock.nowMs();
      let wokenMs = Number.NaN;
      rests.after(restMs, () => {
        wokenMs = clock.nowMs();
      });
      await clock.run(2 * restMs + 0.3);
      expect(wokenMs - fromMs).toBeGreaterThanOrEqual(restMs / 2);
      expect(wokenMs - fromMs).toBeLessThanOrEqual(1.5 * restMs);
    }
  });

  test('who rests anew when woken rests for the whole length', async () => {
    const clock = new VirtualClock();
    const rests = new Rests(clock);
    const woken: number[] = [];
    const again = () => {
      woken.push(clock.nowMs());
      if (woken.length < 10) rests.after(8, again);
    };
    rests.after(8, again);
    await clock.run(1_000);
    const lengths = woken.slice(1).map((ms, i) => ms - (woken[i] as number));
    expect(new Set(lengths)).toEqual(new Set([8]));
  });
});

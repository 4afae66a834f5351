import { describe, expect, test } from 'bun:test';
import { whileMoving } from '../../src/proxy/while-moving.ts';
import { VirtualClock } from '../fixtures/virtual-clock.ts';
import { errorOf } from '../fixtures/world.ts';

const { signal } = new AbortController();

describe('whileMoving()', () => {
  test('gives what the work gives, and leaves no timer behind', async () => {
    const clock = new VirtualClock();
    const options = { name: 'x', movedMs: () => undefined, signal, clock };
    expect(await whileMoving(async () => 7, options)).toBe(7);
    expect(await errorOf(whileMoving(() => Promise.reject(new Error('no')), options))).toMatchObject({
      message: 'no',
    });
    expect(clock.pending).toBe(0);
  });

  test('rejects with a time-out (504) 20 s after the last movement, and aborts the work', async () => {
    const clock = new VirtualClock();
    let lastMs: number | undefined;
    let aborted = false;
    const startMs = clock.nowMs();
    const work = (own: AbortSignal) => {
      own.addEventListener('abort', () => {
        aborted = true;
      });
      return new Promise<never>(() => {});
    };
    const failing = errorOf(whileMoving(work, { name: 'x', movedMs: () => lastMs, signal, clock }));
    for (let i = 0; i < 5; i += 1) {
      await clock.run(19_000);
      lastMs = clock.nowMs();
    }
    expect(await clock.until(failing)).toMatchObject({ name: 'UnavailableError', timedOut: true });
    expect(clock.nowMs() - startMs).toBe(5 * 19_000 + 20_000);
    expect(aborted).toBe(true);
  });

  test('what moved before the work began does not count against it', async () => {
    const clock = new VirtualClock();
    await clock.run(100_000);
    const startMs = clock.nowMs();
    const work = () => new Promise<never>(() => {});
    const failing = errorOf(whileMoving(work, { name: 'x', movedMs: () => 1, signal, clock }));
    await clock.until(failing);
    expect(clock.nowMs() - startMs).toBe(20_000);
  });

  test('the time that apt has waited already is part of the 20 s', async () => {
    const clock = new VirtualClock();
    const sinceMs = clock.nowMs();
    await clock.run(10_000);
    const work = () => new Promise<never>(() => {});
    const failing = errorOf(
      whileMoving(work, { name: 'x', movedMs: () => undefined, signal, sinceMs, clock }),
    );
    await clock.until(failing);
    expect(clock.nowMs() - sinceMs).toBe(20_000);
  });
});

import { describe, expect, test } from 'bun:test';
import { GrowingBody, type GrowingBodyOptions } from '../../src/proxy/growing-body.ts';
import { VirtualClock } from '../fixtures/virtual-clock.ts';
import { errorOf } from '../fixtures/world.ts';
import { FakeContent } from './fake-content.ts';

const { signal } = new AbortController();

/** A file of 100,000 bytes; `moved()` says that something has come, wherever. */
function bench(available: number, options: Partial<GrowingBodyOptions> = {}) {
  const clock = new VirtualClock();
  const file = new FakeContent(Buffer.alloc(100_000), { available });
  let lastMs = clock.nowMs();
  const movedMs = () => lastMs;
  const body = new GrowingBody(file, { to: 100_000, name: 'x', movedMs, signal, clock, ...options });
  const moved = () => {
    lastMs = clock.nowMs();
  };
  return { clock, file, body, moved };
}

describe('GrowingBody.readyBeyond()', () => {
  test('gives what is here but for a little, and all of it when the end is here', async () => {
    const { file, body } = bench(5_000);
    expect(await body.readyBeyond(0)).toBe(5_000 - 64);
    file.grow(9_000);
    expect(await body.readyBeyond(5_000 - 64)).toBe(9_000 - 64);
    file.grow(100_000);
    expect(await body.readyBeyond(9_000 - 64)).toBe(100_000);
  });

  test('while something moves it gives a byte of that in less than 10 s each', async () => {
    const { clock, body, moved } = bench(5_000);
    let offset = await body.readyBeyond(0);
    for (let i = 1; i <= 60; i += 1) {
      const before = clock.nowMs();
      const next = body.readyBeyond(offset);
      await clock.run(5_000);
      moved();
      const ready = await clock.until(next);
      expect(ready).toBe(offset + 1);
      expect(clock.nowMs() - before).toBeLessThanOrEqual(10_000);
      offset = ready;
    }
  });

  test('rejects when nothing has moved for 20 s, though it has bytes to give', async () => {
    const { clock, body } = bench(5_000);
    const startMs = clock.nowMs();
    const drain = async () => {
      for (let offset = 0; ; ) offset = await body.readyBeyond(offset);
    };
    expect(await clock.until(errorOf(drain()))).toMatchObject({
      name: 'UnavailableError',
      timedOut: true,
      message: expect.stringContaining('nothing comes any more'),
    });
    expect(clock.nowMs() - startMs).toBeWithin(20_000, 28_001);
  });

  test('rejects when all of it was given and no byte comes for 20 s, whatever else moves', async () => {
    const { clock, file, body, moved } = bench(64);
    const waiting = errorOf(body.readyBeyond(64));
    for (let i = 0; i < 4; i += 1) {
      await clock.run(4_900);
      moved();
    }
    expect(await clock.until(waiting)).toMatchObject({ timedOut: true });
    expect(file.available).toBe(64);
  });

  test('of a small file nothing is held back', async () => {
    const { body } = bench(0, {});
    body[Symbol.dispose]();
    const file = new FakeContent('0123456789', { available: 4 });
    using small = new GrowingBody(file, { to: 10, name: 'x', movedMs: () => undefined, signal });
    expect(await small.readyBeyond(0)).toBe(4);
  });

  test('passes a failure on, and leaves no timer behind', async () => {
    const { clock, file, body } = bench(64);
    const waiting = errorOf(body.readyBeyond(64));
    file.fail();
    expect(await waiting).toMatchObject({ message: 'could not fetch the rest' });
    body[Symbol.dispose]();
    expect(clock.pending).toBe(0);
  });
});

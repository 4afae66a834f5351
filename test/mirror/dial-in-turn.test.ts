import { expect, test } from 'bun:test';
import { dialInTurn } from '../../src/mirror/dial-in-turn.ts';

/** Timers that the test fires. */
function handClock() {
  const timers = new Set<() => void>();
  return {
    nowMs: () => 0,
    wallMs: () => 0,
    after(_ms: number, run: () => void) {
      timers.add(run);
      return () => timers.delete(run);
    },
    fire: () => {
      for (const run of [...timers]) {
        timers.delete(run);
        run();
      }
    },
    pending: () => timers.size,
  };
}

function harness() {
  const clock = handClock();
  const dials = new Map<
    string,
    { resolve: (v: string) => void; reject: (e: Error) => void; signal: AbortSignal }
  >();
  const dial = (name: string, signal: AbortSignal) =>
    new Promise<string>((resolve, reject) => {
      dials.set(name, { resolve, reject, signal });
      signal.addEventListener('abort', () => reject(signal.reason));
    });
  return { clock, dials, dial, options: { clock, delayMs: 1, signal: new AbortController().signal } };
}

test('dialInTurn() asks one address while it is not silent for too long', async () => {
  const { clock, dials, dial, options } = harness();
  const result = dialInTurn(['a', 'b'], dial, options);
  dials.get('a')?.resolve('from a');
  expect(await result).toBe('from a');
  expect([...dials.keys()]).toEqual(['a']);
  expect(clock.pending()).toBe(0);
});

test('dialInTurn() goes on at once after a failure', async () => {
  const { dials, dial, options } = harness();
  const result = dialInTurn(['a', 'b'], dial, options);
  dials.get('a')?.reject(new Error('refused'));
  await Promise.resolve();
  await Promise.resolve();
  dials.get('b')?.resolve('from b');
  expect(await result).toBe('from b');
});

test('dialInTurn() lets the first to answer win and cancels the others', async () => {
  const { clock, dials, dial, options } = harness();
  const result = dialInTurn(['a', 'b'], dial, options);
  clock.fire();
  dials.get('b')?.resolve('from b');
  expect(await result).toBe('from b');
  expect(dials.get('a')?.signal.aborted).toBe(true);
  expect(dials.get('b')?.signal.aborted).toBe(false);
});

test('dialInTurn() rejects when all have failed, and when aborted', async () => {
  const failing = harness();
  await expect(
    dialInTurn(['a', 'b'], (name) => Promise.reject(new Error(`no ${name}`)), failing.options),
  ).rejects.toThrow('no b');
  const { dial, clock } = harness();
  const controller = new AbortController();
  const result = dialInTurn(['a', 'b'], dial, { clock, delayMs: 1, signal: controller.signal });
  controller.abort(new Error('enough'));
  await expect(result).rejects.toThrow('enough');
  expect(clock.pending()).toBe(0);
});

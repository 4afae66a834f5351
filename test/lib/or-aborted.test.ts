import { describe, expect, test } from 'bun:test';
import { orAborted } from '../../src/lib/or-aborted.ts';
import { errorOf } from '../fixtures/world.ts';

describe('orAborted()', () => {
  test('is the promise while the signal is silent', async () => {
    const { signal } = new AbortController();
    expect(await orAborted(Promise.resolve(7), signal)).toBe(7);
    expect((await errorOf(orAborted(Promise.reject(new Error('no')), signal))).message).toBe('no');
  });

  test("is the signal's reason as soon as that is aborted, before or meanwhile", async () => {
    const abort = new AbortController();
    const waiting = errorOf(orAborted(new Promise(() => {}), abort.signal));
    const reason = new Error('stop');
    abort.abort(reason);
    expect(await waiting).toBe(reason);
    expect(await errorOf(orAborted(Promise.reject(new Error('late')), abort.signal))).toBe(reason);
  });
});

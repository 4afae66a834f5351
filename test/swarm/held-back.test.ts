import { describe, expect, test } from 'bun:test';
import { HeldBack, HOLD_MS } from '../../src/swarm/held-back.ts';
import { FakeTaker } from './upload-takers.ts';

function scene() {
  const held = new HeldBack<FakeTaker>();
  const taker = new FakeTaker('a');
  const released = (nowMs: number, spareBytes = 0) =>
    held.release(nowMs, spareBytes).map(({ number }) => number);
  return { held, taker, released };
}

describe('HeldBack', () => {
  test('lets go when the time is over, in order', () => {
    const { held, taker, released } = scene();
    held.hold(taker, 3, 100, 0);
    held.hold(taker, 1, 100, 10);
    expect(held.dueMs).toBe(HOLD_MS);
    expect(released(HOLD_MS - 1)).toEqual([]);
    expect(released(HOLD_MS)).toEqual([3]);
    expect([...taker.held]).toEqual([1]);
    expect(released(HOLD_MS + 10)).toEqual([1]);
    expect(held.dueMs).toBeUndefined();
  });

  test('and before, the oldest first, as far as there is rate to spare', () => {
    const { held, taker, released } = scene();
    for (const number of [1, 2, 3]) held.hold(taker, number, 100, 0);
    expect(released(1, 150)).toEqual([1, 2]);
    expect(released(1, 0)).toEqual([]);
  });

  test('a piece is held back from a peer once', () => {
    const { held, taker, released } = scene();
    expect(held.may(taker, 7)).toBe(true);
    held.hold(taker, 7, 100, 0);
    released(HOLD_MS);
    expect(held.may(taker, 7)).toBe(false);
    expect(held.may(taker, 8)).toBe(true);
  });

  test('nothing is said of numbers that are void, nor to one that is gone', () => {
    const { held, taker, released } = scene();
    const gone = new FakeTaker('gone');
    for (const number of [10, 11, 12]) held.hold(taker, number, 100, 0);
    held.hold(gone, 1, 100, 0);
    gone.isGone = true;
    held.forget(taker, 10, 2);
    expect(released(HOLD_MS)).toEqual([12]);
  });

  test('the number a peer makes us keep is bounded', () => {
    const { held, taker } = scene();
    for (let number = 0; held.may(taker, number); number += 1) held.hold(taker, number, 100, 0);
    expect(taker.held.size).toBe(1_024);
    for (let number = 5_000; number < 10_000; number += 1) held.hold(taker, number, 100, 0);
    expect(taker.held.size).toBe(1_024);
  });
});

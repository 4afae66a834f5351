/** Chance and time under a test's hand. */
import type { Clock } from '../../src/lib/clock.ts';
import type { Draw } from '../../src/tracker/peer-list.ts';

/** mulberry32. */
export function seededDraw(seed: number): Draw {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A clock that a test sets; it has no timers. */
export class SetClock implements Clock {
  seconds = 0;
  nowMs(): number {
    return this.seconds * 1000;
  }
  wallMs(): number {
    return this.seconds * 1000;
  }
  after(): () => void {
    throw new Error('the tracker needs no timers');
  }
}

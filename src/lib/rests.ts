/**
 * Short rests of many that all end at once: what rests for the same time wakes at the same moments, with one timer and
 * one look at the system for all of them. A rest is half as long to one and a half times as long as asked.
 */
import { type Clock, systemClock } from './clock.ts';

export class Rests {
  readonly #clock: Clock;
  /** By the time they end, on a grid of the rest's own length. */
  readonly #resting = new Map<number, (() => void)[]>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `wake` once, in about `restMs` (above 0). It can't be taken back. */
  after(restMs: number, wake: () => void): void {
    const nowMs = this.#clock.nowMs();
    const atMs = Math.ceil(nowMs / restMs + 0.5) * restMs;
    const others = this.#resting.get(atMs);
    if (others) {
      others.push(wake);
      return;
    }
    const all = [wake];
    this.#resting.set(atMs, all);
    this.#clock.after(atMs - nowMs, () => {
      this.#resting.delete(atMs);
      for (const each of all) each();
    });
  }
}

/** Of all sockets of this process. */
export const socketRests = new Rests(systemClock);

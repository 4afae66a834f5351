/**
 * When a flight plans next: once for all events of a turn of the event loop, at the latest at a time that was set, sooner
 * when somebody asks for it. It decides nothing else. After `stop` it never runs again.
 */
import type { Clock } from '../lib/clock.ts';

export class PlanTimer {
  readonly #clock: Clock;
  readonly #plan: () => void;
  #isSoon = false;
  #cancel: (() => void) | undefined;
  #atMs = 0;
  #isStopped = false;

  constructor(clock: Clock, plan: () => void) {
    this.#clock = clock;
    this.#plan = plan;
  }

  /** At the end of this turn of the event loop. */
  soon(): void {
    if (this.#isSoon || this.#isStopped) return;
    this.#isSoon = true;
    queueMicrotask(() => {
      this.#isSoon = false;
      if (!this.#isStopped) this.#plan();
    });
  }

  /** At that time at the latest, if one is set at all. */
  by(atMs: number): void {
    if (!this.#isSoon && this.#cancel && atMs < this.#atMs) this.set(atMs);
  }

  /** At that time, whatever was set before. */
  set(atMs: number): void {
    this.clear();
    if (this.#isStopped) return;
    this.#atMs = atMs;
    this.#cancel = this.#clock.after(atMs - this.#clock.nowMs(), () => this.#plan());
  }

  /** No time is set. */
  clear(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  stop(): void {
    this.#isStopped = true;
    this.clear();
  }
}

/**
 * How long a mirror's word on a release file is waited for where a copy at hand still holds, by how its host was lately.
 * A well one may be silent for a second and a half, before its answer or in the middle of it. One that was just silent has
 * a moment to begin: whoever asks then gets the copy at once. One whose last answer came late is slow, not dead, and is
 * waited for, so that what it has new is missed once at most. What is asked, and what comes of it later, is the business of
 * refresh.ts.
 */
import type { Clock } from '../lib/clock.ts';

export const WELL_WAIT_MS = 1500;
export const SILENT_WAIT_MS = 50;
/** Silence proves nothing longer than this: the network may be back. */
export const SILENT_FOR_MS = 60_000;
/** In all, though something moves; of a slow one, before apt gives up (30 s without a byte). */
export const WELL_IN_ALL_MS = 10_000;
export const SLOW_IN_ALL_MS = 20_000;
const HOSTS_MAX = 256;

interface Manner {
  /** Since when it owes an answer. */
  readonly silentMs?: number | undefined;
  /** Its last answer took longer than we wait. */
  readonly isSlow: boolean;
}

export interface PatienceOptions {
  readonly clock: Clock;
  /** When others last waited for that host in vain, by the clock; undefined when it has been heard since. */
  readonly silentMs?: ((host: string) => number | undefined) | undefined;
}

export class Patience {
  readonly #options: PatienceOptions;
  /** The least recently noted first. */
  readonly #hosts = new Map<string, Manner>();

  constructor(options: PatienceOptions) {
    this.#options = options;
  }

  /**
   * What `work` resolves with; undefined when it is too long in coming. `heardMs`: when a part of it last came, by the
   * clock; undefined before the first. Rejects as `work` does.
   */
  async wait<T>(host: string, work: Promise<T>, heardMs: () => number | undefined): Promise<T | undefined> {
    const { clock } = this.#options;
    const startedMs = clock.nowMs();
    const isSlow = this.#hosts.get(host)?.isSlow ?? false;
    const firstMs = this.#isSilent(host) ? SILENT_WAIT_MS : isSlow ? SLOW_IN_ALL_MS : WELL_WAIT_MS;
    const nextMs = isSlow ? SLOW_IN_ALL_MS : WELL_WAIT_MS;
    const inAllMs = isSlow ? SLOW_IN_ALL_MS : WELL_IN_ALL_MS;
    let cancel = () => {};
    const timeUp = new Promise<undefined>((resolve) => {
      const look = () => {
        const heard = heardMs();
        const untilMs = heard === undefined ? startedMs + firstMs : heard + nextMs;
        const leftMs = Math.min(untilMs, startedMs + inAllMs) - clock.nowMs();
        if (leftMs > 0) cancel = clock.after(leftMs, look);
        else resolve(undefined);
      };
      look();
    });
    try {
      const result = await Promise.race([work, timeUp]);
      if (result === undefined) this.#note(host, { silentMs: clock.nowMs(), isSlow });
      return result;
    } finally {
      cancel();
    }
  }

  /** It has answered, in time or not. */
  answered(host: string, afterMs: number): void {
    this.#note(host, { isSlow: afterMs > WELL_WAIT_MS });
  }

  /** The transfer was given up, as it said nothing. */
  gaveUp(host: string): void {
    this.#note(host, { silentMs: this.#options.clock.nowMs(), isSlow: false });
  }

  #isSilent(host: string): boolean {
    const { clock, silentMs } = this.#options;
    const sinceMs = [this.#hosts.get(host)?.silentMs, silentMs?.(host)].filter((ms) => ms !== undefined);
    return sinceMs.some((ms) => clock.nowMs() - ms < SILENT_FOR_MS);
  }

  #note(host: string, manner: Manner): void {
    this.#hosts.delete(host);
    this.#hosts.set(host, manner);
    for (const oldest of this.#hosts.keys()) {
      if (this.#hosts.size <= HOSTS_MAX) break;
      this.#hosts.delete(oldest);
    }
  }
}

/** A limit to how long something may say nothing: each step of a transfer has it anew. */
import type { Clock } from '../lib/clock.ts';
import { UnavailableError } from '../lib/errors.ts';

/** Ends a transfer that has said nothing for a while. */
export class Silence {
  readonly #controller = new AbortController();
  readonly #clock: Clock;
  readonly #ms: number;
  readonly #what: string;

  constructor(clock: Clock, ms: number, what: string) {
    this.#clock = clock;
    this.#ms = ms;
    this.#what = what;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  async race<T>(step: Promise<T>): Promise<T> {
    let cancel = () => {};
    const silent = new Promise<never>((_, reject) => {
      cancel = this.#clock.after(this.#ms, () => {
        reject(
          new UnavailableError(`${this.#what}: the mirror said nothing for ${this.#ms} ms`, {
            timedOut: true,
          }),
        );
      });
    });
    try {
      return await Promise.race([step, silent]);
    } finally {
      cancel();
    }
  }

  end(): void {
    this.#controller.abort();
  }
}

/**
 * The addresses at which local discovery has heard somebody lately: machines of the local network, whatever their
 * addresses look like. Bounded, the one heard longest ago goes first. Who may be heard at all is discovery's business.
 */
import type { Clock } from '../lib/clock.ts';

const MAX_HOSTS = 512;
/** Three announces that didn't come. */
const FORGET_MS = 900_000;

export class HeardHosts {
  readonly #clock: Clock;
  /** When it was heard, the longest ago first. */
  readonly #heardMs = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(host: string): void {
    this.#heardMs.delete(host);
    this.#heardMs.set(host, this.#clock.nowMs());
    if (this.#heardMs.size > MAX_HOSTS) {
      const [quietest] = this.#heardMs.keys();
      if (quietest !== undefined) this.#heardMs.delete(quietest);
    }
  }

  has(host: string): boolean {
    const heardMs = this.#heardMs.get(host);
    return heardMs !== undefined && this.#clock.nowMs() - heardMs <= FORGET_MS;
  }
}

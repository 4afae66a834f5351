/**
 * Notices that this machine is elsewhere than it was, or was asleep: an address more, or a date that has gone on while the
 * clock that timers run by stood still (CLOCK_MONOTONIC doesn't count sleep). Then nobody finds us where we were announced,
 * connections may be dead without a word, and timers have been late by hours. It decides when that is so; what is to be
 * done about it is the caller's. A date that is put right looks like sleep, too, and costs one announce.
 */
import type { Clock } from '../lib/clock.ts';
import { reachOf } from './reach.ts';

const LOOK_MS = 10_000;
/** More than a clock is ever put right by while it runs. */
const ASLEEP_MS = 60_000;

export interface SurroundingsOptions {
  readonly clock: Clock;
  /** This machine's addresses at this moment, those that mean nothing elsewhere included. */
  readonly addresses: () => readonly string[];
  readonly changed: (how: 'woke' | 'moved') => void;
}

export class Surroundings implements Disposable {
  readonly #options: SurroundingsOptions;
  #known: ReadonlySet<string>;
  /** Of the date before the clock. */
  #leadMs: number;
  #cancel: () => void = () => {};

  constructor(options: SurroundingsOptions) {
    this.#options = options;
    this.#known = this.#addresses();
    this.#leadMs = this.#lead();
    this.#lookLater();
  }

  [Symbol.dispose](): void {
    this.#cancel();
  }

  #lookLater(): void {
    this.#cancel = this.#options.clock.after(LOOK_MS, () => {
      this.#lookLater();
      this.#look();
    });
  }

  #look(): void {
    const [addresses, leadMs] = [this.#addresses(), this.#lead()];
    const isNew = [...addresses].some((address) => !this.#known.has(address));
    const hasSlept = leadMs - this.#leadMs > ASLEEP_MS;
    this.#known = addresses;
    this.#leadMs = leadMs;
    if (hasSlept) this.#options.changed('woke');
    else if (isNew) this.#options.changed('moved');
  }

  /** Without those that nobody elsewhere could dial: containers come and go with link-local ones. */
  #addresses(): Set<string> {
    return new Set(this.#options.addresses().filter((address) => reachOf(address) !== undefined));
  }

  #lead(): number {
    const { clock } = this.#options;
    return clock.wallMs() - clock.nowMs();
  }
}

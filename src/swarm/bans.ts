/**
 * Who is banned, why and until when. It decides how long; what is worth a ban is decided where it is proven.
 * An address group is banned for an hour, doubling each time; one on the LAN or given by hand for ten minutes, as a
 * mistake there costs a user their best source. Bounded: the ban that ends first makes room.
 */
import type { Clock } from '../lib/clock.ts';
import { addressGroup, isLanAddress } from './address.ts';

export interface Ban {
  /** The address that was caught; its whole group is banned. */
  readonly address: string;
  readonly reason: string;
  readonly untilMs: number;
  readonly times: number;
}

const HOUR_MS = 3_600_000;
const NEAR_MS = 600_000;
const LONGEST_MS = 30 * 24 * HOUR_MS;
const MAX_BANS = 10_000;

export class Bans {
  readonly #clock: Clock;
  readonly #byGroup = new Map<string, Ban>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(host: string, reason: string, near: boolean): Ban {
    const group = addressGroup(host);
    const times = (this.#byGroup.get(group)?.times ?? 0) + 1;
    const lengthMs = near || isLanAddress(host) ? NEAR_MS : Math.min(LONGEST_MS, HOUR_MS * 2 ** (times - 1));
    const ban = { address: host, reason, untilMs: this.#clock.nowMs() + lengthMs, times };
    if (this.#byGroup.size >= MAX_BANS && !this.#byGroup.has(group)) this.#dropFirstToEnd();
    this.#byGroup.set(group, ban);
    return ban;
  }

  has(host: string): boolean {
    const ban = this.#byGroup.get(addressGroup(host));
    return ban !== undefined && ban.untilMs > this.#clock.nowMs();
  }

  /** Those in force now. */
  list(): Ban[] {
    const now = this.#clock.nowMs();
    return [...this.#byGroup.values()].filter((ban) => ban.untilMs > now);
  }

  #dropFirstToEnd(): void {
    let first: [string, Ban] | undefined;
    for (const entry of this.#byGroup) {
      if (!first || entry[1].untilMs < first[1].untilMs) first = entry;
    }
    if (first) this.#byGroup.delete(first[0]);
  }
}

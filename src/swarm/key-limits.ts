/**
 * How many keys strangers may ask about: new ones by the hour and address group, as a cache could be probed key by
 * key, and open ones in all, as each is remembered. It decides whether a key is looked at; what is not looked at is
 * answered `none` like a file that isn't there, so that nobody waits. Near peers aren't counted (each has its own limit
 * of open wants). docs/protocol.md "Meeting and limits".
 */
import type { Clock } from '../lib/clock.ts';
import type { Sha256 } from '../lib/sha256.ts';
import { addressGroup } from './address.ts';

/** About an upgrade's worth. A probe of all 63,000 packages of a release thus takes days. */
export const NEW_KEYS_AN_HOUR = 1_000;
/** Of all strangers together; a key costs about 200 bytes. */
export const MAX_OPEN_KEYS = 65_536;
const HOUR_MS = 3_600_000;
/** Address groups whose hour is remembered: 32 MiB at the very most. Whoever asked first makes room. */
const MAX_GROUPS = 1_024;

interface Hour {
  readonly sinceMs: number;
  /** 32 bits of each key asked for: asking again, after a new connection, is not new. */
  readonly keys: Set<number>;
}

export class KeyLimits {
  readonly #clock: Clock;
  readonly #hours = new Map<string, Hour>();
  #open = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Open keys of strangers. */
  get open(): number {
    return this.#open;
  }

  /** A stranger asks for a key. True: it is open now, until `closed`. */
  opens(host: string, key: Sha256): boolean {
    if (this.#open >= MAX_OPEN_KEYS || !this.#isWithinHour(addressGroup(host), key)) return false;
    this.#open += 1;
    return true;
  }

  closed(count: number): void {
    this.#open -= count;
  }

  #isWithinHour(group: string, key: Sha256): boolean {
    const now = this.#clock.nowMs();
    let hour = this.#hours.get(group);
    if (!hour || now - hour.sinceMs >= HOUR_MS) {
      hour = { sinceMs: now, keys: new Set() };
      this.#hours.delete(group);
      this.#hours.set(group, hour);
      if (this.#hours.size > MAX_GROUPS) {
        const [oldest] = this.#hours.keys();
        if (oldest !== undefined) this.#hours.delete(oldest);
      }
    }
    const short = Number.parseInt(key.slice(0, 8), 16);
    if (hour.keys.has(short)) return true;
    if (hour.keys.size >= NEW_KEYS_AN_HOUR) return false;
    hour.keys.add(short);
    return true;
  }
}

/** One peer's share. It may become near while it has keys open. */
export class KeyAccount {
  readonly #limits: KeyLimits;
  readonly #peer: { readonly address: string; readonly trusted: boolean };
  #counted = 0;

  constructor(limits: KeyLimits, peer: { readonly address: string; readonly trusted: boolean }) {
    this.#limits = limits;
    this.#peer = peer;
  }

  /** Whether a key that it asks for is looked at. */
  opens(key: Sha256): boolean {
    if (this.#peer.trusted) return true;
    if (!this.#limits.opens(this.#peer.address, key)) return false;
    this.#counted += 1;
    return true;
  }

  closed(count: number): void {
    const counted = Math.min(count, this.#counted);
    this.#counted -= counted;
    this.#limits.closed(counted);
  }
}

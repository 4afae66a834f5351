/**
 * Connections that come in, counted by address group and minute, so that whoever dials again and again (a loop, a
 * storm after a restart, an attack) is refused before anything is spent on it: for a minute, and twice as long each
 * time it goes on. Decides nothing else about who may connect. Bounded: who was quiet longest is forgotten first.
 */
import type { Clock } from '../lib/clock.ts';
import { isLoopbackAddress } from './address.ts';
import { LocalNetwork } from './local-network.ts';

const MINUTE_MS = 60_000;
/** A node tries each of its swarms by itself, and a household behind one address has several nodes. */
export const KNOCKS_A_MINUTE = 30;
/** On the LAN an address may be a whole container host. */
export const LAN_KNOCKS_A_MINUTE = 120;
const LONGEST_REFUSAL_MS = 60 * MINUTE_MS;
/** Without excess for this long a group begins anew. */
const FORGET_MS = 60 * MINUTE_MS;
const MAX_GROUPS = 4_096;

interface Knocker {
  /** Since when is counted. */
  sinceMs: number;
  count: number;
  /** Excesses in a row. */
  excesses: number;
  refusedUntilMs: number;
}

export class Knocks {
  readonly #clock: Clock;
  readonly #local: LocalNetwork;
  readonly #knockers = new Map<string, Knocker>();

  constructor(clock: Clock, local: LocalNetwork = new LocalNetwork()) {
    this.#clock = clock;
    this.#local = local;
  }

  /** Counts one; false when it is one too many. This machine itself is not counted. */
  allows(host: string): boolean {
    if (isLoopbackAddress(host)) return true;
    const now = this.#clock.nowMs();
    const knocker = this.#of(this.#local.group(host), now);
    if (now < knocker.refusedUntilMs) return false;
    if (now - knocker.sinceMs >= MINUTE_MS) {
      knocker.sinceMs = now;
      knocker.count = 0;
    }
    knocker.count += 1;
    if (knocker.count <= (this.#local.has(host) ? LAN_KNOCKS_A_MINUTE : KNOCKS_A_MINUTE)) return true;
    knocker.refusedUntilMs = now + Math.min(LONGEST_REFUSAL_MS, MINUTE_MS * 2 ** knocker.excesses);
    knocker.excesses += 1;
    knocker.count = 0;
    return false;
  }

  #of(group: string, now: number): Knocker {
    let knocker = this.#knockers.get(group);
    if (knocker && now >= Math.max(knocker.refusedUntilMs, knocker.sinceMs) + FORGET_MS) knocker = undefined;
    knocker ??= { sinceMs: now, count: 0, excesses: 0, refusedUntilMs: 0 };
    this.#knockers.delete(group);
    this.#knockers.set(group, knocker);
    if (this.#knockers.size > MAX_GROUPS) {
      const [quietest] = this.#knockers.keys();
      if (quietest !== undefined) this.#knockers.delete(quietest);
    }
    return knocker;
  }
}

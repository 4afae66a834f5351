/**
 * What this node learns of itself from the DHT: its external address, by what others see (BEP 42), and whether
 * strangers can reach its UDP port, and so whether it must call itself read-only (BEP 43).
 *
 * Address: the one that more than half of the last answers' hosts name, one vote a host, at least five of them. A lie
 * costs nothing but a new id. Reach: a query from a host that we haven't sent to lately proves it. Half an hour among
 * others without one, and we are read-only; as nobody asks a read-only node, it tries again every six hours. Pure but
 * for the times handed in.
 */
import { formatIp } from '../announce/ip-address.ts';

const LEAST_VOTES = 5;
const MAX_VOTES = 15;
/** So many nodes that answer are company enough to expect a query from. */
const COMPANY = 8;
/** NATs forget whom we sent to in some minutes (RFC 4787 §4.3: 2 to 5). */
const CONTACT_MS = 10 * 60_000;
const MAX_CONTACTS = 4_096;
/** How long a query from outside proves anything. */
const PROOF_MS = 60 * 60_000;
export const TRIAL_MS = 30 * 60_000;
export const READ_ONLY_MS = 6 * 60 * 60_000;

export class DhtStanding {
  /** Address by the host that named it, oldest first. */
  readonly #votes = new Map<string, string>();
  /** When we last sent to a host, oldest first. */
  readonly #contacts = new Map<string, number>();
  #provenMs = Number.NEGATIVE_INFINITY;
  /** Since when we are among others, and openly so. */
  #trialMs: number | undefined;
  #readOnlyMs: number | undefined;

  /** As strangers see us; undefined as long as too few say so. */
  get externalAddress(): string | undefined {
    const counts = new Map<string, number>();
    for (const address of this.#votes.values()) counts.set(address, (counts.get(address) ?? 0) + 1);
    for (const [address, count] of counts) {
      if (this.#votes.size >= LEAST_VOTES && count > this.#votes.size / 2) return address;
    }
    return undefined;
  }

  get isReadOnly(): boolean {
    return this.#readOnlyMs !== undefined;
  }

  /** Whether strangers reach us: true or false as soon as that is known. */
  isReachable(nowMs: number): boolean | undefined {
    if (nowMs - this.#provenMs < PROOF_MS) return true;
    return this.isReadOnly ? false : undefined;
  }

  /** A node at `host` answered and says that our address is this (4 bytes). */
  named(host: string, address: Uint8Array): void {
    this.#votes.delete(host);
    this.#votes.set(host, formatIp(address));
    dropOldest(this.#votes, MAX_VOTES);
  }

  sentTo(host: string, nowMs: number): void {
    this.#contacts.delete(host);
    this.#contacts.set(host, nowMs);
    dropOldest(this.#contacts, MAX_CONTACTS);
  }

  queriedBy(host: string, nowMs: number): void {
    const contactMs = this.#contacts.get(host);
    if (contactMs !== undefined && nowMs - contactMs < CONTACT_MS) return;
    this.#provenMs = nowMs;
    this.#readOnlyMs = undefined;
    this.#trialMs = nowMs;
  }

  /** To be told now and then; `nodes`: how many in the table. */
  tick(nodes: number, nowMs: number): void {
    if (this.#readOnlyMs !== undefined) {
      if (nowMs - this.#readOnlyMs < READ_ONLY_MS) return;
      this.#readOnlyMs = undefined;
      this.#trialMs = undefined;
    }
    if (nodes < COMPANY || nowMs - this.#provenMs < PROOF_MS) this.#trialMs = undefined;
    else this.#trialMs ??= nowMs;
    if (this.#trialMs !== undefined && nowMs - this.#trialMs >= TRIAL_MS) this.#readOnlyMs = nowMs;
  }
}

function dropOldest(map: Map<string, unknown>, most: number): void {
  if (map.size <= most) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}

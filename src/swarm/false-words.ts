/**
 * Peers whose own word on pieces of a mirror (grade first-hand) can't be taken: for a while nobody here asks for pieces
 * on it, in any file. It also decides when that is worth a ban: a node whose mirror, or the way to it, gives wrong bytes
 * states false hashes in good faith, so one file proves nothing but that its word is worth nothing for now. Whoever is
 * proven wrong on a second file, with another hash, is banned: two different files that went wrong at somebody else's
 * mirror alone, and have the right size, are dearer to doubt than to do without.
 * By address group, as peer ids are changed at will. Decides no more than that; what is false is found out by the flights. Bounded: the oldest is forgotten.
 * docs/protocol.md "Blame and bans".
 */
import type { Clock } from '../lib/clock.ts';
import type { Sha256 } from '../lib/sha256.ts';
import { addressGroup } from './address.ts';

/** While it is only our mirror's word against theirs. */
export const DOUBT_MS = 600_000;
/** After a false word was proven; a second one within this time bans. */
export const PROVEN_MS = 6 * 3_600_000;
const MAX_KEPT = 1_000;

interface Record {
  untilMs: number;
  proven: { readonly key: Sha256; readonly hashHex: string; readonly atMs: number } | undefined;
}

export class FalseWords {
  readonly #clock: Clock;
  readonly #records = new Map<string, Record>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Our mirror's bytes say otherwise than it does. */
  doubt(peer: { readonly address: string }): void {
    this.#put(peer, DOUBT_MS);
  }

  isDoubted(peer: { readonly address: string }): boolean {
    if (this.#records.size === 0) return false;
    return (this.#records.get(addressGroup(peer.address))?.untilMs ?? 0) > this.#clock.nowMs();
  }

  /** It was our mirror that was wrong. What is proven stays. */
  rehabilitate(peer: { readonly address: string }): void {
    const record = this.#records.get(addressGroup(peer.address));
    if (record && !record.proven) this.#records.delete(addressGroup(peer.address));
  }

  /** The right file shows that it has stated this hash falsely. True: that is worth a ban. */
  prove(peer: { readonly address: string }, key: Sha256, hash: Uint8Array): boolean {
    const nowMs = this.#clock.nowMs();
    const record = this.#put(peer, PROVEN_MS);
    const before = record.proven;
    const hashHex = hash.toHex();
    if (!before || nowMs - before.atMs >= PROVEN_MS) {
      record.proven = { key, hashHex, atMs: nowMs };
      return false;
    }
    return before.key !== key && before.hashHex !== hashHex;
  }

  #put(peer: { readonly address: string }, forMs: number): Record {
    const id = addressGroup(peer.address);
    const record = this.#records.get(id) ?? { untilMs: 0, proven: undefined };
    record.untilMs = Math.max(record.untilMs, this.#clock.nowMs() + forMs);
    this.#records.delete(id);
    this.#records.set(id, record);
    if (this.#records.size > MAX_KEPT) {
      const [oldest] = this.#records.keys();
      if (oldest !== undefined) this.#records.delete(oldest);
    }
    return record;
  }
}

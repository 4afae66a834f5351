/**
 * The info dictionary from peers and to peers (ut_metadata). Who fetches asks a few peers at once for all of it, each for
 * itself: so a wrong one is that peer's fault and nobody else's, and it is blamed. Peers that say different lengths don't
 * take each other's turn, and who is slow yields to who waits, so nobody can keep it from us by promising it. Memory is
 * what has come: at most 3 × 32 MiB and 12 × 4 MiB. Source: BEP 9.
 */
import { Budget } from '../lib/budget.ts';
import type { Clock } from '../lib/clock.ts';
import { ProtocolError } from '../lib/errors.ts';
import { decodeMetadataMessage, encodeMetadataMessage, METADATA_PIECE_BYTES } from '../wire/extended.ts';

/** Longest info dictionary that is fetched (torrent/metainfo.ts reads no longer one). */
export const METADATA_MAX_BYTES = 32 * 1024 * 1024;
/** Peers that are asked at once: of those that say the same length, of those with a long one, of all. */
const AT_ONCE = 3;
const MAX_FETCHES = 12;
const LONG_BYTES = 4 * 1024 * 1024;
/** Who was given so much time, and was slower than that, gives way to another. */
const FAIR_MS = 10_000;
const SLOW_BYTES_A_SECOND = 32 * 1024;
/** Pieces that one peer is asked for ahead. */
const AHEAD = 8;
/** Who sends nothing for so long is replaced. */
const SILENT_MS = 8_000;
/** Answers to one peer, in pieces of 16 KiB: at once, and a second. */
const MOST_AT_ONCE = 4_096;
const A_SECOND = 64;
const MAX_UNREAD_BYTES = 1024 * 1024;

export interface MetadataPeer {
  readonly isReady: boolean;
  /** What it says that the dictionary's length is. */
  readonly metadataBytes: number | undefined;
  readonly unsentBytes: number;
  speaks(extension: 'ut_metadata'): boolean;
  sendExtended(extension: 'ut_metadata', payload: Uint8Array): boolean;
  blamed(reason: string): void;
}

interface Fetch {
  readonly sizeBytes: number;
  readonly parts: (Uint8Array | undefined)[];
  here: number;
  asked: number;
  readonly sinceMs: number;
  heardMs: number;
}

export class MetadataFetch<P extends MetadataPeer> {
  readonly #clock: Clock;
  readonly #isRight: (info: Uint8Array) => boolean;
  readonly #done: (info: Uint8Array) => void;
  readonly #fetches = new Map<P, Fetch>();
  /** They rejected, fell silent, or claim what can't be. */
  readonly #useless = new WeakSet<P>();
  #isDone = false;

  constructor(clock: Clock, isRight: (info: Uint8Array) => boolean, done: (info: Uint8Array) => void) {
    this.#clock = clock;
    this.#isRight = isRight;
    this.#done = done;
  }

  /** It can be asked. */
  offer(peer: P): void {
    const { metadataBytes = 0 } = peer;
    if (this.#isDone || this.#fetches.has(peer) || this.#useless.has(peer)) return;
    if (!peer.isReady || !peer.speaks('ut_metadata')) return;
    if (metadataBytes < 1 || metadataBytes > METADATA_MAX_BYTES || !this.#makeRoom(metadataBytes)) return;
    const fetch: Fetch = {
      sizeBytes: metadataBytes,
      parts: new Array<Uint8Array | undefined>(Math.ceil(metadataBytes / METADATA_PIECE_BYTES)).fill(
        undefined,
      ),
      here: 0,
      asked: 0,
      sinceMs: this.#clock.nowMs(),
      heardMs: this.#clock.nowMs(),
    };
    this.#fetches.set(peer, fetch);
    this.#askOn(peer, fetch);
  }

  /** Throws ProtocolError. */
  heard(
    peer: P,
    message: { readonly piece: number; readonly bytes: Uint8Array; readonly totalSizeBytes: number },
  ): void {
    const fetch = this.#fetches.get(peer);
    if (!fetch || this.#isDone) return;
    const { piece, bytes, totalSizeBytes } = message;
    const expected = Math.min(METADATA_PIECE_BYTES, fetch.sizeBytes - piece * METADATA_PIECE_BYTES);
    if (totalSizeBytes !== fetch.sizeBytes || piece >= fetch.parts.length || bytes.length !== expected)
      throw new ProtocolError('metadata of another length than it said');
    if (fetch.parts[piece]) return;
    fetch.parts[piece] = bytes;
    fetch.here += 1;
    fetch.heardMs = this.#clock.nowMs();
    if (fetch.here < fetch.parts.length) return this.#askOn(peer, fetch);
    this.#fetches.delete(peer);
    const info = new Uint8Array(Buffer.concat(fetch.parts as Uint8Array[]));
    if (!this.#isRight(info)) {
      this.#useless.add(peer);
      return peer.blamed('metadata that is not of this info-hash');
    }
    this.#isDone = true;
    this.#fetches.clear();
    this.#done(info);
  }

  /** It won't give it, or is gone. */
  ended(peer: P): void {
    this.#useless.add(peer);
    this.#fetches.delete(peer);
  }

  tick(): void {
    const now = this.#clock.nowMs();
    for (const [peer, { heardMs }] of this.#fetches) if (now - heardMs > SILENT_MS) this.ended(peer);
  }

  /** Whether one more of that length may be asked; in a slow one's stead if need be. */
  #makeRoom(sizeBytes: number): boolean {
    const rivals = [...this.#fetches].filter(([, fetch]) => rival(fetch.sizeBytes, sizeBytes));
    const isFull = this.#fetches.size >= MAX_FETCHES;
    if (rivals.length < AT_ONCE && !isFull) return true;
    const now = this.#clock.nowMs();
    const slow = (isFull ? [...this.#fetches] : rivals).find(([, { sinceMs, here }]) => {
      const seconds = (now - sinceMs) / 1000;
      return now - sinceMs > FAIR_MS && here * METADATA_PIECE_BYTES < seconds * SLOW_BYTES_A_SECOND;
    });
    if (!slow) return false;
    this.ended(slow[0]);
    return true;
  }

  #askOn(peer: P, fetch: Fetch): void {
    while (fetch.asked < fetch.parts.length && fetch.asked < fetch.here + AHEAD) {
      peer.sendExtended('ut_metadata', encodeMetadataMessage({ type: 'request', piece: fetch.asked }));
      fetch.asked += 1;
    }
  }
}

/** Long ones are all each other's. */
function rival(aBytes: number, bBytes: number): boolean {
  return aBytes === bBytes || (aBytes > LONG_BYTES && bBytes > LONG_BYTES);
}

/** What a ut_metadata message is about; requests are answered from `info`. Throws ProtocolError. */
export class MetadataAnswers<P extends MetadataPeer> {
  readonly #clock: Clock;
  readonly #budgets = new WeakMap<P, Budget>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** True when it was for us to answer. */
  heard(
    peer: P,
    payload: Uint8Array,
    info: Uint8Array | undefined,
    fetch: MetadataFetch<P> | undefined,
  ): void {
    const message = decodeMetadataMessage(payload);
    if (!message) return;
    if (message.type === 'data') return fetch?.heard(peer, message);
    if (message.type === 'reject') return fetch?.ended(peer);
    const { piece } = message;
    const from = piece * METADATA_PIECE_BYTES;
    const mayHave =
      info &&
      from < info.length &&
      peer.unsentBytes <= MAX_UNREAD_BYTES &&
      this.#budgetOf(peer).spend(1, this.#clock.nowMs());
    const answer = mayHave
      ? encodeMetadataMessage({
          type: 'data',
          piece,
          totalSizeBytes: info.length,
          bytes: info.subarray(from, from + METADATA_PIECE_BYTES),
        })
      : encodeMetadataMessage({ type: 'reject', piece });
    peer.sendExtended('ut_metadata', answer);
  }

  #budgetOf(peer: P): Budget {
    let budget = this.#budgets.get(peer);
    if (!budget) {
      budget = new Budget(MOST_AT_ONCE, A_SECOND, this.#clock.nowMs());
      this.#budgets.set(peer, budget);
    }
    return budget;
  }
}

/**
 * Which pieces were sent in the last minute, how often, and to whom last: what a node with a limit needs to know so as
 * not to say things twice. Files are told apart by key, so it holds over all connections. Pure; bounded by time and by
 * number: what is older, or too much, is forgotten.
 */
import type { Sha256 } from '../lib/sha256.ts';

export interface Sent<T> {
  readonly copies: number;
  /** Who had it last. */
  readonly taker: T;
  /** When its last block was handed out. */
  lastMs: number;
}

const GENERATION_MS = 30_000;
const MAX_GENERATION = 32_768;

export class SentLately<T> {
  #young = new Map<Sha256, Map<number, Sent<T>>>();
  #old = new Map<Sha256, Map<number, Sent<T>>>();
  #size = 0;
  #sinceMs: number;

  constructor(nowMs: number) {
    this.#sinceMs = nowMs;
  }

  of(key: Sha256, piece: number): Sent<T> | undefined {
    return this.#young.get(key)?.get(piece) ?? this.#old.get(key)?.get(piece);
  }

  /** This piece is being sent to `taker` now. */
  note(key: Sha256, piece: number, taker: T, nowMs: number): Sent<T> {
    this.#age(nowMs);
    const copies = (this.of(key, piece)?.copies ?? 0) + 1;
    const sent = { copies, taker, lastMs: nowMs };
    let ofFile = this.#young.get(key);
    if (!ofFile) {
      ofFile = new Map();
      this.#young.set(key, ofFile);
    }
    if (!ofFile.has(piece)) this.#size += 1;
    ofFile.set(piece, sent);
    return sent;
  }

  #age(nowMs: number): void {
    const elapsedMs = nowMs - this.#sinceMs;
    if (elapsedMs < GENERATION_MS && this.#size < MAX_GENERATION) return;
    this.#old = elapsedMs < 2 * GENERATION_MS ? this.#young : new Map();
    this.#young = new Map();
    this.#size = 0;
    this.#sinceMs = nowMs;
  }
}

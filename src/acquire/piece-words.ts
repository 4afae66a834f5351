/**
 * What is known of single pieces while a file has no tree: the hash of each, and on whose word. Our own is what we had
 * from the mirror; hearsay is what a peer stated and its bytes bore out. Two hashes for one piece make it disputed:
 * it then comes from the mirror only. Keeps statements for the judgement when the right file is here; bans nobody.
 */

import type { Peer } from '../swarm/peer.ts';
import { HASH_BYTES } from '../torrent/merkle.ts';
import type { PieceHash } from '../wire/archive-ext.ts';

export interface PieceWord {
  readonly hash: Uint8Array;
  /** Our own: had from the mirror. */
  readonly own: boolean;
}

const MAX_STATEMENTS = 16_384;

export class PieceWords {
  readonly #words = new Map<number, PieceWord>();
  readonly #disputed = new Set<number>();
  /** What our own mirror said falsely: whoever says the same had it from such a mirror. */
  readonly #disowned = new Map<number, Uint8Array>();
  readonly #firstHand: { readonly peer: Peer; readonly piece: number; readonly hash: Uint8Array }[] = [];

  of(piece: number): PieceWord | undefined {
    return this.#disputed.has(piece) ? undefined : this.#words.get(piece);
  }

  isDisputed(piece: number): boolean {
    return this.#disputed.has(piece);
  }

  /** The bytes of a piece are here and have this hash. */
  known(piece: number, word: PieceWord): void {
    const before = this.#words.get(piece);
    if (before && !same(before.hash, word.hash) && !word.own) return;
    this.#words.set(piece, word);
    if (word.own) this.#disputed.delete(piece);
  }

  /** The piece is to be fetched anew. */
  forget(piece: number): void {
    this.#words.delete(piece);
  }

  /** What is known came from a mirror that gave the wrong file: it counts for nothing. */
  disown(): void {
    for (const [piece, { hash, own }] of this.#words) if (own) this.#disowned.set(piece, hash);
    this.#words.clear();
    this.#disputed.clear();
  }

  /** A peer states hashes as its own word. One that differs from what is known disputes the piece, unless we know it ourselves. */
  stated(peer: Peer, pieces: readonly PieceHash[]): void {
    for (const { pieceOffset: piece, hash } of pieces) {
      if (this.#firstHand.length < MAX_STATEMENTS) this.#firstHand.push({ peer, piece, hash });
      const word = this.#words.get(piece);
      if (word && !word.own && !same(word.hash, hash)) this.#disputed.add(piece);
    }
  }

  /** Peers whose own word differs from the file's true layer, and from what our own mirror made us say. */
  liars(layer: Uint8Array): Set<Peer> {
    const liars = new Set<Peer>();
    for (const { peer, piece, hash } of this.#firstHand) {
      const ours = this.#disowned.get(piece);
      if (ours && same(ours, hash)) continue;
      const at = piece * HASH_BYTES;
      if (at < layer.length && !same(layer.subarray(at, at + HASH_BYTES), hash)) liars.add(peer);
    }
    return liars;
  }

  /** Whether anybody but us has said anything. */
  get hasStatements(): boolean {
    return this.#firstHand.length > 0;
  }
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/**
 * What is known of single pieces while a file has no tree: the hash of each, and on whose word. Our own is what we had
 * from the mirror; hearsay is what a peer stated and its bytes bore out. Two hashes for one piece make it disputed:
 * it then comes from the mirror only. Keeps what peers state as their own word (StatedWords) and weighs it: whoever has
 * said of one piece what our mirror's bytes contradict is doubted, and what only such as these vouch for is doubtful.
 * Bans nobody.
 */
import type { Peer } from '../swarm/peer.ts';
import { HASH_BYTES } from '../torrent/merkle.ts';
import type { PieceHash } from '../wire/archive-ext.ts';
import { StatedWords } from './stated-words.ts';

export interface PieceWord {
  readonly hash: Uint8Array;
  /** Our own: had from the mirror. */
  readonly own: boolean;
}

export class PieceWords {
  readonly #words = new Map<number, PieceWord>();
  readonly #disputed = new Set<number>();
  /** What our own mirror said falsely: whoever says the same had it from such a mirror. */
  readonly #disowned = new Map<number, Uint8Array>();
  readonly #stated = new StatedWords();

  of(piece: number): PieceWord | undefined {
    return this.#disputed.has(piece) ? undefined : this.#words.get(piece);
  }

  isDisputed(piece: number): boolean {
    return this.#disputed.has(piece);
  }

  /** The bytes of a piece are here and have this hash. Returns those whose own word our mirror thereby contradicts. */
  known(piece: number, word: PieceWord): Peer[] {
    const before = this.#words.get(piece);
    if (before && !same(before.hash, word.hash) && !word.own) return [];
    this.#words.set(piece, word);
    if (!word.own) return [];
    this.#disputed.delete(piece);
    return [...this.#stated.on(piece)].filter(({ hash }) => !same(hash, word.hash)).map(({ peer }) => peer);
  }

  /** The piece is to be fetched anew. */
  forget(piece: number): void {
    this.#words.delete(piece);
    this.#disputed.delete(piece);
  }

  /** What is known came from a mirror that gave the wrong file: it counts for nothing, nor does what spoke against peers. */
  disown(): void {
    for (const [piece, { hash, own }] of this.#words) if (own) this.#disowned.set(piece, hash);
    this.#words.clear();
    this.#disputed.clear();
    this.#stated.trustAll();
  }

  /**
   * A peer states hashes as its own word. One that differs from what is known disputes the piece; true when it differs
   * from what we know ourselves.
   */
  stated(peer: Peer, pieces: readonly PieceHash[]): boolean {
    let isContradicted = false;
    for (const { pieceOffset: piece, hash } of pieces) {
      this.#stated.add(peer, piece, hash);
      const word = this.#words.get(piece);
      if (!word || same(word.hash, hash)) continue;
      if (word.own) isContradicted = true;
      else if (!this.#stated.isDoubted(peer)) this.#disputed.add(piece);
    }
    return isContradicted;
  }

  /** Its own word counts for nothing from now on. False when it did not before. */
  doubt(peer: Peer): boolean {
    if (!this.#stated.doubt(peer)) return false;
    for (const piece of this.#disputed) {
      const word = this.#words.get(piece);
      if (word && !this.#isContradictedByOthers(piece, word.hash)) this.#disputed.delete(piece);
    }
    return true;
  }

  isDoubted(peer: Peer): boolean {
    return this.#stated.isDoubted(peer);
  }

  /** That a piece has this hash is the word of nobody but those that are doubted. */
  isDoubtful(piece: number, hash: Uint8Array): boolean {
    return this.#stated.isDoubtful(piece, hash);
  }

  /** What a piece's bytes here are found to have, be it disputed. */
  foundIn(piece: number): Uint8Array | undefined {
    return this.#words.get(piece)?.hash;
  }

  /** One of those that say of the piece what its bytes bear out, as their own word, and aren't doubted. */
  voucher(piece: number): Peer | undefined {
    const hash = this.foundIn(piece);
    if (!hash) return undefined;
    for (const word of this.#stated.on(piece))
      if (same(word.hash, hash) && !this.#stated.isDoubted(word.peer)) return word.peer;
    return undefined;
  }

  /** Peers whose own word differs from the file's true layer, and from what our own mirror made us say; with such a word. */
  liars(layer: Uint8Array): Map<Peer, Uint8Array> {
    const liars = new Map<Peer, Uint8Array>();
    for (const { peer, piece, hash } of this.#stated.all()) {
      const ours = this.#disowned.get(piece);
      if (ours && same(ours, hash)) continue;
      const at = piece * HASH_BYTES;
      if (at < layer.length && !same(layer.subarray(at, at + HASH_BYTES), hash)) liars.set(peer, hash);
    }
    return liars;
  }

  /** Whether anybody but us has said anything. */
  get hasStatements(): boolean {
    return !this.#stated.isEmpty;
  }

  #isContradictedByOthers(piece: number, hash: Uint8Array): boolean {
    for (const word of this.#stated.on(piece))
      if (!same(word.hash, hash) && !this.#stated.isDoubted(word.peer)) return true;
    return false;
  }
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

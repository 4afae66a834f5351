/**
 * What one peer says it has of one file that we look for: its own numbers for the pieces, its grade, its root.
 * Holds statements, not facts: whether they are true is found out by the flight that uses them.
 */
import type { Pieces } from '../torrent/pieces.ts';
import { Grade, type PieceHash } from '../wire/archive-ext.ts';
import type { Peer } from './peer.ts';
import type { Want } from './wants.ts';

export class Offer {
  readonly peer: Peer;
  readonly want: Want;
  /** The peer's number for piece 0. */
  readonly firstPiece: number;
  grade: Grade;
  root: Uint8Array | undefined;
  /** The root as text, for comparing; "" for a file of one piece. */
  rootHex = '';
  #fresh: PieceHash[] = [];
  /** One bit a piece; undefined = all. */
  #bits: Uint8Array | undefined;
  /** What it says of single pieces while nobody is whole (grade first-hand): the hash, and whether it is its own word. */
  readonly hashes = new Map<number, { readonly hash: Uint8Array; readonly own: boolean }>();
  /** Pieces that it has rejected for now: it says HAVE when they may be asked for again. */
  readonly #heldBack = new Set<number>();
  /** Set once the peer or the want is gone: nothing may be asked any more. */
  closed = false;

  constructor(peer: Peer, want: Want, firstPiece: number) {
    this.peer = peer;
    this.want = want;
    this.firstPiece = firstPiece;
    this.grade = Grade.relayed;
  }

  get pieces(): Pieces {
    return this.want.pieces;
  }

  /** The peer vouches for the root itself: it says that it has the whole file. */
  get ownStatement(): boolean {
    return this.grade === Grade.whole || this.grade === Grade.signed;
  }

  state(grade: Grade, root: Uint8Array | undefined, bits: Uint8Array | undefined): void {
    this.grade = grade;
    this.root = root;
    this.rootHex = root?.toHex() ?? '';
    this.#bits = bits;
    this.#heldBack.clear();
  }

  /** Adds what the peer says of pieces. What it said before stands: a peer that changes its word is held to the first. */
  hear(pieces: readonly PieceHash[], own: boolean): void {
    for (const { pieceOffset, hash } of pieces) {
      if (!this.pieces.has(pieceOffset) || this.hashes.has(pieceOffset)) continue;
      this.hashes.set(pieceOffset, { hash, own });
      if (own) this.#fresh.push({ pieceOffset, hash });
    }
  }

  /** Hashes stated as the peer's own word since the last call. */
  fresh(): PieceHash[] {
    const fresh = this.#fresh;
    this.#fresh = [];
    return fresh;
  }

  /** It has every piece. */
  get all(): boolean {
    return !this.closed && this.#bits === undefined;
  }

  has(piece: number): boolean {
    if (this.closed || !this.pieces.has(piece)) return false;
    if (!this.#bits) return true;
    return ((this.#bits[piece >> 3] ?? 0) & (0x80 >> (piece & 7))) !== 0;
  }

  /** What it says now of one piece. */
  set(piece: number, present: boolean): void {
    this.#heldBack.delete(piece);
    if (!this.#bits) {
      if (present) return;
      this.#bits = new Uint8Array(Math.ceil(this.pieces.count / 8)).fill(0xff);
    }
    const mask = 0x80 >> (piece & 7);
    const byte = this.#bits[piece >> 3] ?? 0;
    this.#bits[piece >> 3] = present ? byte | mask : byte & ~mask;
  }

  /** It has the piece, and won't give it now: until it says HAVE, `has` is false. */
  holdBack(piece: number): void {
    this.set(piece, false);
    this.#heldBack.add(piece);
  }

  isHeldBack(piece: number): boolean {
    return !this.closed && this.#heldBack.has(piece);
  }

  owns(number: number): boolean {
    return number >= this.firstPiece && number < this.firstPiece + this.pieces.count;
  }
}

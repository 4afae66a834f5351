/**
 * What a flight has: the state of every piece, whose word it rests on, and how far apt may read. Pure bookkeeping:
 * no bytes, no sources. Invariants: `available` never falls within one generation; the last piece is available only
 * once the whole SHA-256 holds, or, where apt would lose patience, as far as the mirror's stream has brought it, but for
 * the last byte: what isn't proven is never complete.
 */
import type { Pieces } from '../torrent/pieces.ts';
import { ASKED, HAVE, MISSING } from './plan.ts';

/** Whose word a piece rests on. */
export const FROM_NOBODY = 0;
/** Our own request to the mirror: apt would get the same without us. */
export const FROM_MIRROR = 1;
/** A peer, verified under the root that the flight follows. */
export const FROM_ROOT = 2;
/** A peer, verified under nothing but the hash that it stated: apt doesn't see it before the whole holds. */
export const FROM_HEARSAY = 3;

export type Origin = typeof FROM_NOBODY | typeof FROM_MIRROR | typeof FROM_ROOT | typeof FROM_HEARSAY;

export class Progress {
  readonly pieces: Pieces;
  readonly state: Uint8Array;
  readonly askedOf: Int32Array;
  readonly origin: Uint8Array;
  haveBytes = 0;
  verified = false;
  /** Whether pieces FROM_ROOT may be read by apt before the whole file is verified. */
  #rootReleased = false;
  /** The mirror is streaming this piece and has come this far in the file. */
  #mirrorPiece = -1;
  #mirrorTo = 0;
  #showsLast = false;
  #head = 0;
  #available = 0;

  constructor(pieces: Pieces) {
    this.pieces = pieces;
    this.state = new Uint8Array(pieces.count);
    this.askedOf = new Int32Array(pieces.count).fill(-1);
    this.origin = new Uint8Array(pieces.count);
  }

  /** First piece that isn't here; `count` when all are. */
  get head(): number {
    while (this.#head < this.pieces.count && this.state[this.#head] === HAVE) this.#head += 1;
    return this.#head;
  }

  get complete(): boolean {
    return this.head === this.pieces.count;
  }

  /** Bytes from the start of the file that are here, released or not. */
  get contiguousBytes(): number {
    return Math.min(this.pieces.sizeBytes, this.head * this.pieces.pieceLength);
  }

  /** Bytes from the start that apt may read. */
  get available(): number {
    return this.#available;
  }

  get rootReleased(): boolean {
    return this.#rootReleased;
  }

  releaseRoot(): void {
    this.#rootReleased = true;
    this.#advance();
  }

  /** Another root is followed from now on; nothing rests on the old one. */
  withholdRoot(): void {
    this.#rootReleased = false;
  }

  asked(piece: number, offer: number): void {
    this.state[piece] = ASKED;
    this.askedOf[piece] = offer;
  }

  missing(piece: number): void {
    if (this.state[piece] === HAVE) this.haveBytes -= this.pieces.size(piece);
    this.state[piece] = MISSING;
    this.askedOf[piece] = -1;
    this.origin[piece] = FROM_NOBODY;
    this.#head = Math.min(this.#head, piece);
  }

  have(piece: number, origin: Exclude<Origin, typeof FROM_NOBODY>): void {
    if (this.state[piece] !== HAVE) this.haveBytes += this.pieces.size(piece);
    this.state[piece] = HAVE;
    this.askedOf[piece] = -1;
    this.origin[piece] = origin;
    if (this.#mirrorPiece === piece) this.#mirrorPiece = -1;
    this.#advance();
  }

  /** The mirror's stream has brought bytes of `piece` up to the file offset `to`. */
  mirrorAt(piece: number, to: number): void {
    this.#mirrorPiece = piece;
    this.#mirrorTo = to;
    this.#advance();
  }

  mirrorStopped(): void {
    this.#mirrorPiece = -1;
  }

  /** The mirror itself has given what stands before `to`: it may be shown, whoever else gave it. */
  show(to: number): void {
    this.#available = Math.max(
      this.#available,
      Math.min(to, (this.pieces.count - 1) * this.pieces.pieceLength),
    );
    this.#advance();
  }

  /** Nothing else can be shown: what the mirror's stream has brought of the last piece may be, all but its last byte. */
  showLast(): void {
    this.#showsLast = true;
    this.#advance();
  }

  wholeVerified(): void {
    this.verified = true;
    this.#available = this.pieces.sizeBytes;
  }

  /** Readers so far have been cut; what is here and still trusted is counted anew. */
  newGeneration(): void {
    this.#available = 0;
    this.#rootReleased = false;
    this.#showsLast = false;
    this.#advance();
  }

  #advance(): void {
    if (this.verified) return;
    const { pieces } = this;
    const last = pieces.count - 1;
    let piece = Math.min(last, Math.floor(this.#available / pieces.pieceLength));
    while (piece < last && this.state[piece] === HAVE && this.#released(piece)) piece += 1;
    let to = piece * pieces.pieceLength;
    const mayGrow = piece < last || this.#showsLast;
    if (mayGrow && piece === this.#mirrorPiece && this.state[piece] !== HAVE)
      to = Math.max(to, this.#mirrorTo);
    this.#available = Math.max(this.#available, Math.min(to, pieces.sizeBytes - 1));
  }

  #released(piece: number): boolean {
    const origin = this.origin[piece];
    return origin === FROM_MIRROR || (origin === FROM_ROOT && this.#rootReleased);
  }
}

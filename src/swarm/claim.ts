/**
 * What a peer says it is fetching from the mirror, as a bit a piece: whoever looks for a file looks at every piece of
 * every claim, so looking one up must cost nothing, whatever ranges the peer wrote it in, nor keeping it more than a
 * few hundred bytes. Decides nothing; for how long a claim is believed is said in acquire/share-out.ts.
 */
import { MAX_PIECES } from '../torrent/pieces.ts';
import type { NumberRange } from '../wire/archive-ext.ts';

export class Claim {
  /** When the last of the pieces should be there, by our clock. */
  readonly dueMs: number;
  /** The lowest piece claimed. */
  readonly first: number;
  readonly #bits: Uint8Array;

  /** Ranges in any order; they may overlap. What lies beyond the pieces that a file may have is left out. */
  constructor(ranges: readonly NumberRange[], dueMs: number) {
    this.dueMs = dueMs;
    const end = ranges.reduce(
      (highest, { first, count }) => Math.max(highest, Math.min(first + count, MAX_PIECES)),
      0,
    );
    this.#bits = new Uint8Array(Math.ceil(end / 8));
    this.first = ranges.reduce((lowest, { first }) => Math.min(lowest, first), MAX_PIECES);
    for (const { first, count } of ranges) {
      for (let piece = first; piece < Math.min(first + count, MAX_PIECES); piece += 1)
        this.#bits[piece >> 3] = (this.#bits[piece >> 3] ?? 0) | (0x80 >> (piece & 7));
    }
  }

  has(piece: number): boolean {
    return ((this.#bits[piece >> 3] ?? 0) & (0x80 >> (piece & 7))) !== 0;
  }

  /** Every piece that is claimed, ascending. */
  *pieces(): Generator<number> {
    for (let piece = 0; piece < 8 * this.#bits.length; piece += 1) if (this.has(piece)) yield piece;
  }
}

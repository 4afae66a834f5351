/**
 * How a file of a given size is cut into pieces and blocks: a fixed function of the size, so that two nodes that have
 * the same file have the same pieces. Up to 512 KiB it is one piece, whose hash is the file's own SHA-256; above, the
 * piece length is a power of two from 256 KiB up, such that there are at most 2,048 pieces.
 * A geometry can't be made invalid: out-of-range indices are RangeErrors. Source: docs/protocol.md "Pieces", BEP 3, BEP 52.
 */

/** What REQUEST asks for, and a leaf of the hash tree (BEP 3, BEP 52). */
export const BLOCK_BYTES = 16 * 1024;
/** Largest file that is one piece. */
export const SINGLE_PIECE_MAX_BYTES = 512 * 1024;
const SMALLEST_PIECE_BYTES = 256 * 1024;
/** Most pieces that a file has. */
export const MAX_PIECES = 2048;

/** Bytes of every piece but the last. For a file of one piece: 512 KiB, though the piece is as long as the file. */
export function pieceLengthOf(sizeBytes: number): number {
  if (sizeBytes <= SINGLE_PIECE_MAX_BYTES) return SINGLE_PIECE_MAX_BYTES;
  let length = SMALLEST_PIECE_BYTES;
  while (sizeBytes > length * MAX_PIECES) length *= 2;
  return length;
}

export class Pieces {
  readonly sizeBytes: number;
  readonly pieceLength: number;
  /** 0 for an empty file. */
  readonly count: number;
  /** Leaves of 16 KiB in a whole piece: a power of two. */
  readonly leavesPerPiece: number;
  /** Height of the piece layer in the hash tree, leaves being 0: `leavesPerPiece` = 2^height. */
  readonly layerHeight: number;
  /** Height of the root. A file of one piece: over its own leaves only; else over the whole padded piece layer. */
  readonly treeHeight: number;

  /** Throws RangeError unless `sizeBytes` is a safe integer ≥ 0. */
  constructor(sizeBytes: number) {
    if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0)
      throw new RangeError(`not a file size: ${sizeBytes}`);
    this.sizeBytes = sizeBytes;
    this.pieceLength = pieceLengthOf(sizeBytes);
    this.count = Math.ceil(sizeBytes / this.pieceLength);
    this.leavesPerPiece = this.pieceLength / BLOCK_BYTES;
    this.layerHeight = log2Ceil(this.leavesPerPiece);
    this.treeHeight = log2Ceil(Math.ceil(sizeBytes / BLOCK_BYTES));
  }

  /** One piece, checked by the file's own SHA-256: no tree is needed. */
  get isSingle(): boolean {
    return this.count <= 1;
  }

  has(index: number): boolean {
    return Number.isInteger(index) && index >= 0 && index < this.count;
  }

  /** Where the piece starts in the file. */
  offset(index: number): number {
    return this.#check(index) * this.pieceLength;
  }

  size(index: number): number {
    return Math.min(this.pieceLength, this.sizeBytes - this.offset(index));
  }

  /** The piece that holds the byte at `offset` (in [0, sizeBytes)). */
  at(offset: number): number {
    if (!Number.isInteger(offset) || offset < 0 || offset >= this.sizeBytes) {
      throw new RangeError(`offset ${offset} is outside a file of ${this.sizeBytes} bytes`);
    }
    return Math.floor(offset / this.pieceLength);
  }

  blocks(index: number): number {
    return Math.ceil(this.size(index) / BLOCK_BYTES);
  }

  blockSize(index: number, block: number): number {
    const size = this.size(index);
    if (!Number.isInteger(block) || block < 0 || block * BLOCK_BYTES >= size) {
      throw new RangeError(`no block ${block} in piece ${index} of ${size} bytes`);
    }
    return Math.min(BLOCK_BYTES, size - block * BLOCK_BYTES);
  }

  #check(index: number): number {
    if (!this.has(index)) throw new RangeError(`no piece ${index} in a file of ${this.count} pieces`);
    return index;
  }
}

/** Smallest n with 2^n ≥ value; 0 for values up to 1. */
export function log2Ceil(value: number): number {
  let log = 0;
  while (2 ** log < value) log += 1;
  return log;
}

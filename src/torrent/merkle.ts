/**
 * BEP 52's hash tree: SHA-256 over leaves of 16 KiB (the last one as short as it is), inner nodes over two children,
 * leaves beyond the end of the file 32 zero bytes. Heights count from the leaves (0). A "layer" is the row of
 * hashes at one height, 32 bytes each, without the padding at its end. Pure arithmetic: no files, no messages.
 * Written for speed (the cost must be SHA-256's own): one-shot hashing into buffers made beforehand, combining in place.
 */
import { BLOCK_BYTES, type Pieces } from './pieces.ts';

export const HASH_BYTES = 32;

/** Hashes of subtrees that lie wholly beyond the file's end, by height. */
const PADDING: Uint8Array[] = [new Uint8Array(HASH_BYTES)];

/** The hash of an all-padding subtree of this height. */
export function paddingHash(height: number): Uint8Array {
  for (let h = PADDING.length; h <= height; h++) {
    const child = PADDING[h - 1] as Uint8Array;
    PADDING.push(sha256(Buffer.concat([child, child])));
  }
  return PADDING[height] as Uint8Array;
}

/** The leaf hashes of a piece or file: 32 bytes for every started 16 KiB. */
export function leafLayer(bytes: Uint8Array): Uint8Array {
  const leaves = new Uint8Array(Math.ceil(bytes.length / BLOCK_BYTES) * HASH_BYTES);
  writeLeaves(bytes, leaves);
  return leaves;
}

/** The node of `height` over the first hashes of a row at `fromHeight`, padded as BEP 52 has it. The row is kept. */
export function rootOf(row: Uint8Array, fromHeight: number, height: number): Uint8Array {
  const count = row.length / HASH_BYTES;
  const scratch = new HashRow(count);
  scratch.bytes.set(row);
  return scratch.reduce(count, fromHeight, height).slice();
}

/** The root of a file from its piece layer (which BEP 52 calls `pieces root`). For files of several pieces. */
export function layerRoot(layer: Uint8Array, pieces: Pieces): Uint8Array {
  if (pieces.isSingle || layer.length !== pieces.count * HASH_BYTES) {
    throw new RangeError(`not a piece layer of ${pieces.count} pieces: ${layer.length} bytes`);
  }
  return rootOf(layer, pieces.layerHeight, pieces.treeHeight);
}

/**
 * Hashes pieces, over and over, without allocating anything but the result. For files of several pieces: their last
 * one is padded to a whole piece. `bytes` is the piece as a whole.
 */
export class PieceHasher {
  readonly #pieces: Pieces;
  readonly #row: HashRow;
  /** The piece hashed last and its leaves: buffers of pieces are used over and over, and views aren't free. */
  #bytes: Uint8Array | undefined;
  #leaves: readonly Uint8Array[] = [];

  constructor(pieces: Pieces) {
    this.#pieces = pieces;
    this.#row = new HashRow(pieces.leavesPerPiece);
  }

  hash(bytes: Uint8Array): Uint8Array {
    if (bytes.length > this.#pieces.pieceLength)
      throw new RangeError(`longer than a piece: ${bytes.length} bytes`);
    if (this.#bytes !== bytes) {
      this.#bytes = bytes;
      this.#leaves = viewsOf(bytes, BLOCK_BYTES);
    }
    const leaves = this.#leaves;
    for (let i = 0; i < leaves.length; i += 1) {
      Bun.SHA256.hash(leaves[i] as Uint8Array, this.#row.nodes[i] as Uint8Array);
    }
    return this.#row.reduce(leaves.length, 0, this.#pieces.layerHeight).slice();
  }
}

/** A row of hashes, to be filled and reduced, over and over: making a view costs as much as hashing a node. */
export class HashRow {
  readonly bytes: Uint8Array;
  /** The same bytes, hash by hash. */
  readonly nodes: readonly Uint8Array[];
  readonly #pairs: readonly Uint8Array[];

  /** Of `count` hashes at most. */
  constructor(count: number) {
    // Room for one more: an odd row is padded.
    this.bytes = new Uint8Array((count + 1) * HASH_BYTES);
    this.nodes = viewsOf(this.bytes, HASH_BYTES);
    this.#pairs = viewsOf(this.bytes, 2 * HASH_BYTES);
  }

  /**
   * Combines, in place, the first `count` hashes, of `fromHeight`, to the one node of `height` above them, padded as
   * BEP 52 has it. What is returned is good until the row is filled again.
   */
  reduce(count: number, fromHeight: number, height: number): Uint8Array {
    const top = this.nodes[0] as Uint8Array;
    if (count === 0) top.set(paddingHash(height));
    let left = count;
    for (let h = fromHeight; h < height && left > 0; h++) {
      if (left % 2 === 1) this.nodes[left++]?.set(paddingHash(h));
      left /= 2;
      // The output lies before the rest of the input, or in what has just been read as a whole.
      for (let i = 0; i < left; i++)
        Bun.SHA256.hash(this.#pairs[i] as Uint8Array, this.nodes[i] as Uint8Array);
    }
    return top;
  }
}

/** SHA-256 of two hashes side by side. */
export function parentOf(left: Uint8Array, right: Uint8Array): Uint8Array {
  const both = new Uint8Array(2 * HASH_BYTES);
  both.set(left);
  both.set(right, HASH_BYTES);
  return sha256(both);
}

/** `bytes` in steps, the last one as short as it is. */
function viewsOf(bytes: Uint8Array, stepBytes: number): Uint8Array[] {
  return Array.from({ length: Math.ceil(bytes.length / stepBytes) }, (_, i) =>
    bytes.subarray(i * stepBytes, (i + 1) * stepBytes),
  );
}

function writeLeaves(bytes: Uint8Array, into: Uint8Array): void {
  for (let from = 0, at = 0; from < bytes.length; from += BLOCK_BYTES, at += HASH_BYTES) {
    Bun.SHA256.hash(bytes.subarray(from, from + BLOCK_BYTES), into.subarray(at, at + HASH_BYTES));
  }
}

function sha256(bytes: Uint8Array): Uint8Array {
  const digest = new Uint8Array(HASH_BYTES);
  Bun.SHA256.hash(bytes, digest);
  return digest;
}

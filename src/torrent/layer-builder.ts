/**
 * The hash tree of a file that is read once, chunk by chunk of any length: its piece layer and its root (BEP 52).
 * Holds one piece's leaf hashes and the layer, never the file.
 */
import { HASH_BYTES, HashRow, rootOf } from './merkle.ts';
import { BLOCK_BYTES, log2Ceil, type Pieces } from './pieces.ts';

/** What the tree of a file depends on; of an archive's file that is its Pieces. */
export type TreeShape = Pick<
  Pieces,
  'sizeBytes' | 'count' | 'isSingle' | 'leavesPerPiece' | 'layerHeight' | 'treeHeight'
>;

/** Of a file in a standard torrent. `pieceLength`: a power of two ≥ 16 KiB. */
export function treeShape(sizeBytes: number, pieceLength: number): TreeShape {
  const count = Math.ceil(sizeBytes / pieceLength);
  const leaves = Math.ceil(sizeBytes / BLOCK_BYTES);
  const leavesPerPiece = pieceLength / BLOCK_BYTES;
  return {
    sizeBytes,
    count,
    isSingle: count <= 1,
    leavesPerPiece,
    layerHeight: log2Ceil(leavesPerPiece),
    treeHeight: log2Ceil(leaves),
  };
}

export class LayerBuilder {
  readonly #pieces: TreeShape;
  readonly #layer: Uint8Array;
  /** Leaf hashes of the piece under way; of the whole file when it is one piece. */
  readonly #leaves: HashRow;
  #leafCount = 0;
  #pieceCount = 0;
  /** A leaf of which only a part has come. */
  #open: Bun.SHA256 | undefined;
  #openBytes = 0;
  #bytesSeen = 0;

  constructor(pieces: TreeShape) {
    this.#pieces = pieces;
    this.#layer = new Uint8Array(pieces.isSingle ? 0 : pieces.count * HASH_BYTES);
    const leaves = Math.ceil(pieces.sizeBytes / BLOCK_BYTES);
    this.#leaves = new HashRow(Math.min(pieces.leavesPerPiece, leaves));
  }

  /** The next bytes of the file. Throws RangeError beyond its size. */
  update(bytes: Uint8Array): void {
    this.#bytesSeen += bytes.length;
    if (this.#bytesSeen > this.#pieces.sizeBytes) throw new RangeError('more bytes than the file has');
    let from = 0;
    while (from < bytes.length) {
      const to = Math.min(from + BLOCK_BYTES - this.#openBytes, bytes.length);
      if (this.#openBytes === 0 && to - from === BLOCK_BYTES) {
        Bun.SHA256.hash(bytes.subarray(from, to), this.#nextLeaf());
        this.#leafDone();
      } else {
        this.#open ??= new Bun.SHA256();
        this.#open.update(bytes.subarray(from, to));
        this.#openBytes += to - from;
        if (this.#openBytes === BLOCK_BYTES) this.#closeLeaf();
      }
      from = to;
    }
    if (this.#bytesSeen === this.#pieces.sizeBytes) this.#finish();
  }

  /** 32 bytes a piece; empty for a file of one piece, which needs none. Throws before all bytes have come. */
  layer(): Uint8Array {
    this.#checkComplete();
    return this.#layer;
  }

  /** The root. Of an empty file, which has none: 32 zero bytes. Throws before all bytes have come. */
  root(): Uint8Array {
    this.#checkComplete();
    const { isSingle, layerHeight, treeHeight } = this.#pieces;
    if (!isSingle) return rootOf(this.#layer, layerHeight, treeHeight);
    return rootOf(this.#leaves.bytes.subarray(0, this.#leafCount * HASH_BYTES), 0, treeHeight);
  }

  #nextLeaf(): Uint8Array {
    return this.#leaves.nodes[this.#leafCount] as Uint8Array;
  }

  #closeLeaf(): void {
    this.#open?.digest(this.#nextLeaf());
    this.#open = undefined;
    this.#openBytes = 0;
    this.#leafDone();
  }

  #leafDone(): void {
    this.#leafCount += 1;
    if (this.#leafCount === this.#pieces.leavesPerPiece && !this.#pieces.isSingle) this.#closePiece();
  }

  #closePiece(): void {
    const hash = this.#leaves.reduce(this.#leafCount, 0, this.#pieces.layerHeight);
    this.#layer.set(hash, this.#pieceCount * HASH_BYTES);
    this.#pieceCount += 1;
    this.#leafCount = 0;
  }

  #finish(): void {
    if (this.#openBytes > 0) this.#closeLeaf();
    if (this.#leafCount > 0 && !this.#pieces.isSingle) this.#closePiece();
  }

  #checkComplete(): void {
    if (this.#bytesSeen !== this.#pieces.sizeBytes) {
      throw new RangeError(`only ${this.#bytesSeen} of ${this.#pieces.sizeBytes} bytes have come`);
    }
  }
}

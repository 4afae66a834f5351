/**
 * Whether the bytes of a piece are the torrent's: by SHA-1 (v1), by the file's hash tree (v2), by both where both are
 * known. It holds the piece layers, also those that came later (layer-fetch.ts) and were proven by their root.
 * Computes; touches no file. Source: BEP 3, BEP 52.
 */
import { HASH_BYTES, HashRow } from '../torrent/merkle.ts';
import { BLOCK_BYTES, log2Ceil } from '../torrent/pieces.ts';
import type { Layout, LayoutFile } from './layout.ts';

const SHA1_BYTES = 20;
const ZEROS = new Uint8Array(BLOCK_BYTES);

/** contradiction: v1 and v2 say different things of the same bytes, so the torrent itself is wrong. */
export type Verdict = 'right' | 'wrong' | 'contradiction';

export interface HashesOf {
  /** v1: SHA-1s, joined. */
  readonly pieces?: Uint8Array | undefined;
  /** By root (hexadecimal): the layer at piece length, 32 bytes a piece. */
  readonly layers: ReadonlyMap<string, Uint8Array>;
}

export class PieceCheck {
  readonly #layout: Layout;
  readonly #v1: Uint8Array | undefined;
  readonly #layers: Map<string, Uint8Array>;
  readonly #row: HashRow;
  readonly #digest = new Uint8Array(HASH_BYTES);

  constructor(layout: Layout, { pieces, layers }: HashesOf) {
    this.#layout = layout;
    this.#v1 = pieces;
    this.#layers = new Map(layers);
    this.#row = new HashRow(Math.ceil(layout.pieceLength / BLOCK_BYTES));
  }

  /** Height of the piece layer in a file's tree. */
  get layerHeight(): number {
    return log2Ceil(this.#layout.pieceLength / BLOCK_BYTES);
  }

  layer(rootHex: string): Uint8Array | undefined {
    return this.#layers.get(rootHex);
  }

  /** A layer that was proven. */
  addLayer(rootHex: string, layer: Uint8Array): void {
    this.#layers.set(rootHex, layer);
  }

  /** Files of several pieces whose layer isn't known. */
  lacking(): LayoutFile[] {
    const { files, pieceLength } = this.#layout;
    return files.filter(
      ({ piecesRoot, sizeBytes }) =>
        piecesRoot && sizeBytes > pieceLength && !this.#layers.has(piecesRoot.toHex()),
    );
  }

  /** Whether there is anything to check the piece by. */
  canCheck(piece: number): boolean {
    return this.#v1 !== undefined || this.#v2Hash(piece) !== undefined;
  }

  /** `bytes`: what is to be fetched of the piece, without the padding at its end. */
  check(piece: number, bytes: Uint8Array): Verdict {
    const v2 = this.#v2Hash(piece);
    const byV2 = v2 && equal(v2, this.#treeHash(piece, bytes));
    if (!this.#v1) return byV2 ? 'right' : 'wrong';
    const byV1 = equal(
      this.#v1.subarray(piece * SHA1_BYTES, (piece + 1) * SHA1_BYTES),
      sha1(bytes, this.#layout.size(piece)),
    );
    if (byV2 === undefined || byV1 === byV2) return byV1 ? 'right' : 'wrong';
    return 'contradiction';
  }

  /** What the piece's tree must come to; undefined when that isn't known. */
  #v2Hash(piece: number): Uint8Array | undefined {
    const file = this.#fileOf(piece);
    if (!file?.piecesRoot) return undefined;
    if (file.sizeBytes <= this.#layout.pieceLength) return file.piecesRoot;
    const index = piece - file.offset / this.#layout.pieceLength;
    return this.#layers.get(file.piecesRoot.toHex())?.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES);
  }

  #treeHash(piece: number, bytes: Uint8Array): Uint8Array {
    const file = this.#fileOf(piece) as LayoutFile;
    const leaves = Math.ceil(bytes.length / BLOCK_BYTES);
    const isWhole = file.sizeBytes <= this.#layout.pieceLength;
    for (let i = 0; i < leaves; i += 1)
      Bun.SHA256.hash(
        bytes.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES),
        this.#row.nodes[i] as Uint8Array,
      );
    // A file of one piece has a tree over its own leaves; a piece of several is padded to its whole length.
    this.#digest.set(this.#row.reduce(leaves, 0, isWhole ? log2Ceil(leaves) : this.layerHeight));
    return this.#digest;
  }

  #fileOf(piece: number): LayoutFile | undefined {
    const index = this.#layout.fileAt(piece);
    return index === undefined ? undefined : this.#layout.files[index];
  }
}

function sha1(bytes: Uint8Array, lengthBytes: number): Uint8Array {
  if (bytes.length === lengthBytes) {
    const digest = new Uint8Array(SHA1_BYTES);
    Bun.SHA1.hash(bytes, digest);
    return digest;
  }
  const hasher = new Bun.SHA1();
  hasher.update(bytes);
  for (let left = lengthBytes - bytes.length; left > 0; left -= ZEROS.length)
    hasher.update(ZEROS.subarray(0, Math.min(left, ZEROS.length)));
  return hasher.digest() as Uint8Array;
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

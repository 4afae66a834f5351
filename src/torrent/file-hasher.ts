/**
 * All that a standard torrent and an archive say of one file's content, in one pass over its bytes: the whole SHA-256, the
 * hash tree (BEP 52) and, where v1 is wanted, the SHA-1 of each piece (BEP 3). Pieces begin with the file, as they do in
 * every torrent made here. The last one is hashed both as it is and filled up with zeros (BEP 47), so that the file
 * may stand alone or among others. Holds no more than a row of hashes. Pure.
 */
import { LayerBuilder, treeShape } from './layer-builder.ts';
import { HASH_BYTES } from './merkle.ts';

/** Content, as hashed in pieces of one length. */
export interface FileHashes {
  readonly pieceLength: number;
  /** SHA-256 of the file, 32 bytes. */
  readonly sha256: Uint8Array;
  /** BEP 52: 32 bytes, the same for every piece length. Of an empty file, which has none: zeros. */
  readonly root: Uint8Array;
  /** 32 bytes a piece; empty for a file of one piece. */
  readonly layer: Uint8Array;
  /** SHA-1s of the pieces, 20 bytes each, the last one as short as it is; undefined where v1 isn't wanted. */
  readonly pieces: Uint8Array | undefined;
  /** SHA-1 of the last piece filled up with zeros; undefined as before, and where there is nothing to fill. */
  readonly paddedPiece: Uint8Array | undefined;
}

export const SHA1_BYTES = 20;
const ZEROS = new Uint8Array(64 * 1024);

export class FileHasher {
  readonly #pieceLength: number;
  readonly #whole = new Bun.SHA256();
  readonly #tree: LayerBuilder;
  readonly #pieces: Uint8Array | undefined;
  #piece = new Bun.CryptoHasher('sha1');
  #pieceBytes = 0;
  #pieceCount = 0;
  #paddedPiece: Uint8Array | undefined;

  constructor(sizeBytes: number, pieceLength: number, wantsV1: boolean) {
    this.#pieceLength = pieceLength;
    this.#tree = new LayerBuilder(treeShape(sizeBytes, pieceLength));
    if (wantsV1) this.#pieces = new Uint8Array(Math.ceil(sizeBytes / pieceLength) * SHA1_BYTES);
  }

  /** The next bytes of the file. Throws RangeError beyond its size. */
  update(bytes: Uint8Array): void {
    this.#tree.update(bytes);
    this.#whole.update(bytes);
    if (this.#pieces) this.#updatePieces(bytes, this.#pieces);
  }

  /** Throws RangeError before all bytes have come. */
  finish(): FileHashes {
    const root = this.#tree.root();
    const sha256 = new Uint8Array(HASH_BYTES);
    this.#whole.digest(sha256);
    if (this.#pieces && this.#pieceBytes > 0) this.#closeShort(this.#pieces);
    return {
      pieceLength: this.#pieceLength,
      sha256,
      root: root.slice(),
      layer: this.#tree.layer(),
      pieces: this.#pieces,
      paddedPiece: this.#paddedPiece,
    };
  }

  #updatePieces(bytes: Uint8Array, pieces: Uint8Array): void {
    for (let from = 0; from < bytes.length; ) {
      const to = Math.min(from + this.#pieceLength - this.#pieceBytes, bytes.length);
      this.#piece.update(bytes.subarray(from, to));
      this.#pieceBytes += to - from;
      from = to;
      if (this.#pieceBytes === this.#pieceLength) this.#close(pieces);
    }
  }

  #close(pieces: Uint8Array): void {
    pieces.set(this.#piece.digest(), this.#pieceCount * SHA1_BYTES);
    this.#pieceCount += 1;
    this.#pieceBytes = 0;
  }

  #closeShort(pieces: Uint8Array): void {
    const padded = this.#piece.copy();
    for (let left = this.#pieceLength - this.#pieceBytes; left > 0; left -= ZEROS.length)
      padded.update(left >= ZEROS.length ? ZEROS : ZEROS.subarray(0, left));
    this.#paddedPiece = new Uint8Array(padded.digest());
    this.#close(pieces);
  }
}

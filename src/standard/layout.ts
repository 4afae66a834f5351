/**
 * Where the bytes of a torrent lie: its files one after another in one space, padding included, cut into pieces. In a
 * v2 torrent every file begins with a piece, and what is between is padding; a hybrid says it with padding files, which
 * are nobody's bytes (zeros, never asked for at a piece's end, never written). Pure arithmetic; what names may be on
 * disk is the storage's business. Source: BEP 3, BEP 47, BEP 52.
 */

/** As much of a torrent's file as matters here (torrent/metainfo.ts has more). */
export interface LayoutFile {
  readonly path: readonly string[];
  readonly sizeBytes: number;
  /** In the space of all files, padding included. */
  readonly offset: number;
  readonly isPadding: boolean;
  /** 32 bytes: of a v2 or hybrid torrent's file that isn't empty. */
  readonly piecesRoot?: Uint8Array | undefined;
}

/** A stretch of a file, or of padding. */
export interface Span {
  /** Undefined: zeros. */
  readonly file: number | undefined;
  /** Where in the file. */
  readonly at: number;
  readonly length: number;
}

export interface LayoutOf {
  readonly pieceLength: number;
  readonly files: readonly LayoutFile[];
  /** It has v1 hashes: a piece is as long as it is, whatever lies in it. */
  readonly isV1: boolean;
}

export class Layout {
  readonly pieceLength: number;
  readonly files: readonly LayoutFile[];
  readonly isV1: boolean;
  /** Of the space, padding included. */
  readonly totalBytes: number;
  /** Without padding. */
  readonly sizeBytes: number;
  readonly pieceCount: number;
  /** Indices of files that have bytes, by offset. */
  readonly #order: readonly number[];

  constructor({ pieceLength, files, isV1 }: LayoutOf) {
    this.pieceLength = pieceLength;
    this.files = files;
    this.isV1 = isV1;
    this.totalBytes = files.reduce((most, { offset, sizeBytes }) => Math.max(most, offset + sizeBytes), 0);
    this.sizeBytes = files.reduce((sum, file) => sum + (file.isPadding ? 0 : file.sizeBytes), 0);
    this.pieceCount = Math.ceil(this.totalBytes / pieceLength);
    this.#order = [...files.keys()]
      .filter((i) => (files[i] as LayoutFile).sizeBytes > 0 && !(files[i] as LayoutFile).isPadding)
      .sort((a, b) => (files[a] as LayoutFile).offset - (files[b] as LayoutFile).offset);
  }

  offset(piece: number): number {
    return piece * this.pieceLength;
  }

  /** As v1 hashes it, and the most that may be asked of it. In a v2 torrent the last file is padded, too (libtorrent). */
  size(piece: number): number {
    return this.isV1 ? Math.min(this.pieceLength, this.totalBytes - this.offset(piece)) : this.pieceLength;
  }

  /** Without the padding at its end: what has to be fetched. */
  wantedBytes(piece: number): number {
    const from = this.offset(piece);
    const end = from + this.size(piece);
    const last = this.#order[this.#firstFrom(end) - 1];
    const file = last === undefined ? undefined : this.files[last];
    return file ? Math.max(0, Math.min(end, file.offset + file.sizeBytes) - from) : 0;
  }

  /** The file in whose bytes a piece begins; of a v2 torrent: the one that it is of. */
  fileAt(piece: number): number | undefined {
    const offset = this.offset(piece);
    const index = this.#order[this.#firstFrom(offset + 1) - 1];
    if (index === undefined) return undefined;
    const file = this.files[index] as LayoutFile;
    return offset < file.offset + file.sizeBytes ? index : undefined;
  }

  /** [first, end) of the pieces that hold bytes of a file. */
  piecesOf(index: number): [number, number] {
    const { offset, sizeBytes } = this.files[index] as LayoutFile;
    if (sizeBytes === 0) return [0, 0];
    return [Math.floor(offset / this.pieceLength), Math.ceil((offset + sizeBytes) / this.pieceLength)];
  }

  /** What lies at `offset`, in order. */
  spans(offset: number, length: number): Span[] {
    const spans: Span[] = [];
    const end = offset + length;
    let at = offset;
    for (let i = Math.max(0, this.#firstFrom(at + 1) - 1); at < end; i += 1) {
      const index = this.#order[i];
      const file = index === undefined ? undefined : (this.files[index] as LayoutFile);
      const from = file?.offset ?? end;
      if (file && from + file.sizeBytes <= at) continue;
      if (from > at) {
        const gap = Math.min(end, from) - at;
        spans.push({ file: undefined, at: 0, length: gap });
        at += gap;
        if (at === end) break;
      }
      if (!file) break;
      const take = Math.min(end, from + file.sizeBytes) - at;
      spans.push({ file: index, at: at - from, length: take });
      at += take;
    }
    return spans;
  }

  /** How many files with bytes begin before `offset`. */
  #firstFrom(offset: number): number {
    let low = 0;
    let high = this.#order.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.files[this.#order[middle] as number] as LayoutFile).offset < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

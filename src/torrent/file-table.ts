/**
 * Which files an archive has: path, size, SHA-256 and, where known, BEP 52 root, as four columns of bytes in the order
 * of the paths. 63,440 files are 6.5 MB and no objects; a file is found by binary search in the paths.
 * A table can't be made invalid: paths are relative, without empty, "." or ".." segments, without control characters,
 * UTF-8, sorted by bytes and unique; columns are of the same length. Throws ProtocolError only. Pure.
 */
import { isUtf8 } from 'node:buffer';
import { ProtocolError } from '../lib/errors.ts';
import { type Sha256, sha256FromBytes } from '../lib/sha256.ts';

export const KEY_BYTES = 32;
export const SIZE_BYTES = 8;
export const ROOT_BYTES = 32;
const LF = 0x0a;
const SLASH = 0x2f;
const DOT = 0x2e;
const NO_ROOT = new Uint8Array(ROOT_BYTES);

export interface FileColumns {
  /** Archive-relative paths, each but the last followed by LF. */
  readonly paths: Uint8Array;
  /** 8 bytes each, big-endian. */
  readonly sizes: Uint8Array;
  /** 32 bytes each. */
  readonly keys: Uint8Array;
  /** 32 bytes each, zero = none; absent when no file has one. */
  readonly roots?: Uint8Array;
}

export interface ListedFile {
  /** Relative to the archive's base: "pool/main/h/hello/hello_2.10-3_amd64.deb". */
  readonly path: string;
  readonly sizeBytes: number;
  readonly key: Sha256;
  /** BEP 52 root. */
  readonly root: Uint8Array | undefined;
}

export class FileTable implements Iterable<ListedFile> {
  readonly columns: FileColumns;
  readonly count: number;
  readonly totalBytes: number;
  readonly #paths: Buffer;
  /** Where each path begins, and one past the end of the last, as if an LF followed it. */
  readonly #starts: Uint32Array;
  readonly #sizes: DataView;

  constructor(columns: FileColumns) {
    const { paths, sizes, keys, roots } = columns;
    this.columns = columns;
    this.#paths = Buffer.from(paths.buffer, paths.byteOffset, paths.length);
    this.#sizes = new DataView(sizes.buffer, sizes.byteOffset, sizes.length);
    this.#starts = pathStarts(this.#paths);
    this.count = this.#starts.length - 1;
    if (sizes.length !== this.count * SIZE_BYTES) fail('"sizes" has not 8 bytes for each path');
    if (keys.length !== this.count * KEY_BYTES) fail('"keys" has not 32 bytes for each path');
    if (roots && roots.length !== this.count * ROOT_BYTES) fail('"roots" has not 32 bytes for each path');
    let totalBytes = 0;
    for (let i = 0; i < this.count; i++) totalBytes += this.sizeBytes(i);
    this.totalBytes = totalBytes;
    for (let i = 1; i < this.count; i++) {
      const order = this.#compare(
        i - 1,
        this.#paths,
        this.#starts[i] as number,
        (this.#starts[i + 1] as number) - 1,
      );
      if (order > 0) fail('"paths" is not sorted');
      if (order === 0) fail('a path twice');
    }
  }

  /** The number of the file with that path, or undefined. */
  lookup(path: string): number | undefined {
    const wanted = Buffer.from(path);
    let low = 0;
    let high = this.count - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const order = this.#compare(middle, wanted, 0, wanted.length);
      if (order === 0) return middle;
      if (order < 0) low = middle + 1;
      else high = middle - 1;
    }
    return undefined;
  }

  path(index: number): string {
    this.#check(index);
    return this.#paths.toString('utf8', this.#starts[index], (this.#starts[index + 1] as number) - 1);
  }

  sizeBytes(index: number): number {
    this.#check(index);
    const high = this.#sizes.getUint32(index * SIZE_BYTES);
    if (high > 0x1f_ffff) fail('a size beyond 2^53-1');
    return high * 2 ** 32 + this.#sizes.getUint32(index * SIZE_BYTES + 4);
  }

  key(index: number): Sha256 {
    this.#check(index);
    return sha256FromBytes(this.columns.keys.subarray(index * KEY_BYTES, (index + 1) * KEY_BYTES));
  }

  /** A view of the BEP 52 root; undefined where none is stated. */
  root(index: number): Uint8Array | undefined {
    this.#check(index);
    const root = this.columns.roots?.subarray(index * ROOT_BYTES, (index + 1) * ROOT_BYTES);
    return root === undefined || Buffer.compare(root, NO_ROOT) === 0 ? undefined : root;
  }

  file(index: number): ListedFile {
    return {
      path: this.path(index),
      sizeBytes: this.sizeBytes(index),
      key: this.key(index),
      root: this.root(index),
    };
  }

  *[Symbol.iterator](): Generator<ListedFile> {
    for (let i = 0; i < this.count; i++) yield this.file(i);
  }

  /** Path `index` against bytes [from, to) of `other`: < 0 when it comes before. */
  #compare(index: number, other: Buffer, from: number, to: number): number {
    return this.#paths.compare(other, from, to, this.#starts[index], (this.#starts[index + 1] as number) - 1);
  }

  #check(index: number): void {
    if (!(index >= 0 && index < this.count)) throw new RangeError(`no file ${index} of ${this.count}`);
  }
}

/** Checks each path on its own, and gives their beginnings. */
function pathStarts(paths: Buffer): Uint32Array {
  if (paths.length === 0) return new Uint32Array([0]);
  if (!isUtf8(paths)) fail('"paths" is not UTF-8');
  let count = 1;
  for (let at = paths.indexOf(LF); at >= 0; at = paths.indexOf(LF, at + 1)) count += 1;
  const starts = new Uint32Array(count + 1);
  let file = 0;
  let segment = 0;
  for (let at = 0; at <= paths.length; at++) {
    const byte = at < paths.length ? (paths[at] as number) : LF;
    if (byte > SLASH && byte !== 0x7f) continue;
    if (byte === SLASH || byte === LF) {
      const length = at - segment;
      const dots = length <= 2 && paths[segment] === DOT && (length === 1 || paths[segment + 1] === DOT);
      if (length === 0 || dots) fail('a path with an empty, "." or ".." segment');
      segment = at + 1;
      if (byte === LF) starts[++file] = segment;
    } else if (byte < 0x20 || byte === 0x7f) fail('a path with a control character');
  }
  return starts;
}

function fail(reason: string): never {
  throw new ProtocolError(`could not read file list: ${reason}`);
}

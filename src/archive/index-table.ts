/**
 * The files of one Packages or Sources index as one flat table: archive-relative path → { SHA-256, size }, and
 * back from a SHA-256 to its record. One Uint8Array, no object per entry: 63,440 records are 3.7 MB.
 *
 * Layout (little-endian): a header of 64 bytes (magic "DTINDEX" and format version, number of records, SHA-256 of
 * all that follows), then in columns: fingerprints of 16 bytes in ascending order (the first half of the path's
 * SHA-256), keys of 32 bytes, sizes of 6 bytes, and the record numbers in ascending order of key, 4 bytes each.
 * A table that decodes has its checksum, so what a search reads may be relied on. Building is in table-builder.ts.
 */
import { ProtocolError } from '../lib/errors.ts';
import { type Sha256, sha256FromBytes, sha256ToBytes } from '../lib/sha256.ts';

export const FINGERPRINT_BYTES = 16;
export const HEADER_BYTES = 64;
export const KEY_BYTES = 32;
export const SIZE_BYTES = 6;
export const RECORD_BYTES = FINGERPRINT_BYTES + KEY_BYTES + SIZE_BYTES + 4;
/** More than ten times the largest index there is; the builder's sort keys hold 21 bits of record number. */
export const MAX_RECORDS = 2 ** 21;
const MAGIC = Buffer.from('DTINDEX\x01', 'latin1');

/** What a table says of a path. */
export interface TableRecord {
  readonly key: Sha256;
  readonly sizeBytes: number;
}

/** The name a table knows a path by: 16 bytes. `path` is relative to the archive's base ("pool/main/h/…"). */
export function pathFingerprint(path: string): Uint8Array {
  return new Bun.CryptoHasher('sha256').update(path).digest().subarray(0, FINGERPRINT_BYTES);
}

export class IndexTable {
  /** Number of records. */
  readonly length: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #keysAt: number;
  readonly #sizesAt: number;
  readonly #orderAt: number;

  /** Takes over `bytes`, a whole serialised table. Throws ProtocolError when it isn't one, or is damaged. */
  constructor(bytes: Uint8Array) {
    if (bytes.length < HEADER_BYTES || MAGIC.compare(bytes, 0, MAGIC.length) !== 0) {
      throw new ProtocolError('this is no index table of this version');
    }
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.length = this.#view.getUint32(MAGIC.length, true);
    if (this.length > MAX_RECORDS || bytes.length !== HEADER_BYTES + this.length * RECORD_BYTES) {
      throw new ProtocolError('an index table is cut short');
    }
    const stated = bytes.subarray(32, HEADER_BYTES);
    const found = new Bun.CryptoHasher('sha256').update(bytes.subarray(HEADER_BYTES)).digest();
    if (Buffer.compare(stated, found) !== 0) throw new ProtocolError('an index table is damaged');
    this.#bytes = bytes;
    this.#keysAt = HEADER_BYTES + this.length * FINGERPRINT_BYTES;
    this.#sizesAt = this.#keysAt + this.length * KEY_BYTES;
    this.#orderAt = this.#sizesAt + this.length * SIZE_BYTES;
    for (let i = 0; i < this.length; i += 1) {
      if (this.#view.getUint32(this.#orderAt + i * 4, true) >= this.length) {
        throw new ProtocolError('an index table names a record that it has not');
      }
    }
  }

  get sizeBytes(): number {
    return this.#bytes.length;
  }

  /** The file at the path of that fingerprint. */
  find(fingerprint: Uint8Array): TableRecord | undefined {
    const record = search(
      this.length,
      prefixOf(fingerprint),
      (i) => this.#prefix(i),
      (i) => compareAt(this.#bytes, HEADER_BYTES + i * FINGERPRINT_BYTES, fingerprint),
    );
    return record < 0 ? undefined : this.#record(record);
  }

  findPath(path: string): TableRecord | undefined {
    return this.find(pathFingerprint(path));
  }

  /** The file with that content; where several paths have it, any of them. */
  findKey(key: Sha256): TableRecord | undefined {
    const digest = sha256ToBytes(key);
    const place = search(
      this.length,
      prefixOf(digest),
      (i) => this.#view.getUint32(this.#keyAt(i), false),
      (i) => compareAt(this.#bytes, this.#keyAt(i), digest),
    );
    return place < 0 ? undefined : this.#record(this.#view.getUint32(this.#orderAt + place * 4, true));
  }

  #prefix(record: number): number {
    return this.#view.getUint32(HEADER_BYTES + record * FINGERPRINT_BYTES, false);
  }

  /** Where the key stands that is `place`th in ascending order. */
  #keyAt(place: number): number {
    return this.#keysAt + this.#view.getUint32(this.#orderAt + place * 4, true) * KEY_BYTES;
  }

  #record(record: number): TableRecord {
    const keyAt = this.#keysAt + record * KEY_BYTES;
    const sizeAt = this.#sizesAt + record * SIZE_BYTES;
    return {
      key: sha256FromBytes(this.#bytes.subarray(keyAt, keyAt + KEY_BYTES)),
      sizeBytes: this.#view.getUint32(sizeAt, true) + this.#view.getUint16(sizeAt + 4, true) * 2 ** 32,
    };
  }
}

/** The header for columns that are already laid out. */
export function tableHeader(records: number, columns: Uint8Array): Uint8Array {
  const header = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(header);
  header.writeUInt32LE(records, MAGIC.length);
  header.set(new Bun.CryptoHasher('sha256').update(columns).digest(), 32);
  return header;
}

function prefixOf(digest: Uint8Array): number {
  return Buffer.from(digest.buffer, digest.byteOffset, digest.byteLength).readUInt32BE(0);
}

/**
 * The place of a digest among ascending ones, or -1. Digests are spread evenly, so interpolation needs three or four
 * steps; a crowd of equal prefixes (nobody's doing but a hostile index's) falls back to halving.
 */
function search(
  length: number,
  wanted: number,
  prefix: (i: number) => number,
  compare: (i: number) => number,
): number {
  let low = 0;
  let high = length - 1;
  let step = 0;
  while (low <= high) {
    let middle = (low + high) >>> 1;
    if (step < 8) {
      const from = prefix(low);
      const to = prefix(high);
      if (wanted < from || wanted > to) return -1;
      if (to > from) middle = low + Math.floor(((wanted - from) / (to - from)) * (high - low));
      step += 1;
    }
    const order = compare(middle);
    if (order === 0) return middle;
    if (order < 0) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}

/** Negative when the bytes at `at` sort before `wanted`. */
function compareAt(bytes: Uint8Array, at: number, wanted: Uint8Array): number {
  for (let i = 0; i < wanted.length; i += 1) {
    const difference = (bytes[at + i] as number) - (wanted[i] as number);
    if (difference !== 0) return difference;
  }
  return 0;
}

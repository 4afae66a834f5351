/**
 * Builds an index table (index-table.ts) from the text of a Packages or Sources index, or of a list of patches
 * (Packages.diff/Index), chunk by chunk. Packages stanzas name one file (Filename, Size, SHA256), Sources stanzas
 * several (Directory, Checksums-Sha256: deb-src control data, deb822(5)), a list of patches all that lie beside it
 * (SHA256-Download: the compressed files). A stanza without them is passed over: an index may hold what we can't check.
 * Paths are taken as they stand, less a leading "./"; one with ".." in it is passed over. Two different contents
 * for one path in one index are a contradiction: that path gets no record.
 */
import { ProtocolError } from '../lib/errors.ts';
import { ControlScanner } from './control.ts';
import {
  FINGERPRINT_BYTES,
  HEADER_BYTES,
  KEY_BYTES,
  MAX_RECORDS,
  RECORD_BYTES,
  SIZE_BYTES,
  tableHeader,
} from './index-table.ts';

const FIELDS = ['Filename', 'Size', 'SHA256', 'Directory', 'Checksums-Sha256', 'SHA256-Download'] as const;
const FILENAME = 0;
const SIZE = 1;
const SHA256 = 2;
const DIRECTORY = 3;
const CHECKSUMS = 4;
const DOWNLOAD = 5;
/** Fingerprint, key and size side by side while building; the columns come at the end. */
const ROW_BYTES = FINGERPRINT_BYTES + KEY_BYTES + SIZE_BYTES;
const MAX_SIZE_BYTES = 2 ** 48 - 1;

export class TableBuilder {
  readonly #scanner: ControlScanner;
  readonly #digest = new Uint8Array(32);
  #rows = Buffer.alloc(ROW_BYTES * 4096);
  #count = 0;
  #directory: string | undefined;
  #checksums: string | undefined;
  #patches: string | undefined;
  readonly #filename = Buffer.alloc(4096);
  #filenameLength = 0;
  readonly #key = new Uint8Array(KEY_BYTES);
  #hasKey = false;
  #size = -1;

  constructor() {
    this.#scanner = new ControlScanner(FIELDS, {
      onField: (field, bytes, from, to) => this.#field(field, bytes, from, to),
      onStanza: () => this.#stanza(),
    });
  }

  /** The next bytes of the index, decompressed. Throws ProtocolError. */
  push(chunk: Uint8Array): void {
    this.#scanner.push(chunk);
  }

  /** The serialised table. Throws ProtocolError. The builder is spent after it. */
  finish(): Uint8Array {
    this.#scanner.end();
    return layOut(this.#rows, this.#count);
  }

  #field(field: number, bytes: Buffer, from: number, to: number): void {
    switch (field) {
      case FILENAME: {
        const start = skipDotSlash(bytes, from, to);
        this.#filenameLength = to - start <= this.#filename.length ? to - start : 0;
        bytes.copy(this.#filename, 0, start, start + this.#filenameLength);
        break;
      }
      case SIZE:
        this.#size = parseDecimal(bytes, from, to);
        break;
      case SHA256:
        this.#hasKey = to - from === 64 && readHex(bytes, from, this.#key, 0);
        break;
      case DIRECTORY:
        this.#directory = bytes.toString('utf8', from, to);
        break;
      case CHECKSUMS:
        this.#checksums = bytes.toString('utf8', from, to);
        break;
      case DOWNLOAD:
        this.#patches = bytes.toString('utf8', from, to);
        break;
    }
  }

  #stanza(): void {
    if (this.#filenameLength > 0 && this.#hasKey && this.#size >= 0) {
      this.#add(this.#filename.subarray(0, this.#filenameLength), this.#key, this.#size);
    } else if (this.#directory !== undefined && this.#checksums !== undefined) {
      this.#addSources(this.#directory, this.#checksums);
    } else if (this.#patches !== undefined) {
      this.#addSources('', this.#patches);
    }
    this.#filenameLength = 0;
    this.#hasKey = false;
    this.#size = -1;
    this.#directory = undefined;
    this.#checksums = undefined;
    this.#patches = undefined;
  }

  #addSources(directory: string, checksums: string): void {
    const base = directory.replace(/^(?:\.\/)+/, '').replace(/\/+$/, '');
    for (const line of checksums.split('\n')) {
      const match = /^\s*([0-9a-fA-F]{64})\s+(\d{1,15})\s+([^\s/]+)\s*$/.exec(line);
      if (!match) continue;
      const path = base === '' || base === '.' ? (match[3] as string) : `${base}/${match[3]}`;
      this.#add(Buffer.from(path), Uint8Array.fromHex(match[1] as string), Number(match[2]));
    }
  }

  #add(path: Buffer, key: Uint8Array, sizeBytes: number): void {
    if (sizeBytes > MAX_SIZE_BYTES || climbs(path)) return;
    if (this.#count === MAX_RECORDS) throw new ProtocolError(`an index has more than ${MAX_RECORDS} files`);
    const at = this.#count * ROW_BYTES;
    if (at === this.#rows.length) {
      const larger = Buffer.alloc(this.#rows.length * 2);
      larger.set(this.#rows);
      this.#rows = larger;
    }
    Bun.SHA256.hash(path, this.#digest);
    this.#rows.set(this.#digest.subarray(0, FINGERPRINT_BYTES), at);
    this.#rows.set(key, at + FINGERPRINT_BYTES);
    this.#rows.writeUIntLE(sizeBytes, at + FINGERPRINT_BYTES + KEY_BYTES, SIZE_BYTES);
    this.#count += 1;
  }
}

/** Sorts the rows, drops doubles, writes the columns and the header. */
function layOut(rows: Buffer, count: number): Uint8Array {
  const sorted = sortedBy(rows, count, 0, FINGERPRINT_BYTES);
  const order = withoutDoubles(rows, sorted);
  const length = order.length;
  const table = Buffer.alloc(HEADER_BYTES + length * RECORD_BYTES);
  const keysAt = HEADER_BYTES + length * FINGERPRINT_BYTES;
  const sizesAt = keysAt + length * KEY_BYTES;
  const orderAt = sizesAt + length * SIZE_BYTES;
  for (let i = 0; i < length; i += 1) {
    const at = (order[i] as number) * ROW_BYTES;
    rows.copy(table, HEADER_BYTES + i * FINGERPRINT_BYTES, at, at + FINGERPRINT_BYTES);
    rows.copy(table, keysAt + i * KEY_BYTES, at + FINGERPRINT_BYTES, at + FINGERPRINT_BYTES + KEY_BYTES);
    rows.copy(table, sizesAt + i * SIZE_BYTES, at + FINGERPRINT_BYTES + KEY_BYTES, at + ROW_BYTES);
  }
  const byKey = sortedBy(table.subarray(keysAt, sizesAt), length, 0, KEY_BYTES, KEY_BYTES);
  for (let i = 0; i < length; i += 1) table.writeUInt32LE(byKey[i] as number, orderAt + i * 4);
  table.set(tableHeader(length, table.subarray(HEADER_BYTES)));
  return table;
}

/**
 * Row numbers in ascending order of the `width` bytes at `offset` of each row. Sorted natively as numbers made of
 * the first 32 bits and the row number; only runs of equal prefixes are compared byte by byte.
 */
function sortedBy(
  rows: Buffer,
  count: number,
  offset: number,
  width: number,
  rowBytes = ROW_BYTES,
): Uint32Array {
  const keys = new Float64Array(count);
  for (let i = 0; i < count; i += 1) keys[i] = rows.readUInt32BE(i * rowBytes + offset) * MAX_RECORDS + i;
  keys.sort();
  const order = new Uint32Array(count);
  for (let i = 0; i < count; i += 1) order[i] = (keys[i] as number) % MAX_RECORDS;
  const prefix = (i: number) => rows.readUInt32BE((order[i] as number) * rowBytes + offset);
  for (let from = 0; from < count; ) {
    let to = from + 1;
    while (to < count && prefix(to) === prefix(from)) to += 1;
    if (to - from > 1) {
      order.subarray(from, to).sort((a, b) => {
        const [x, y] = [a * rowBytes + offset, b * rowBytes + offset];
        return rows.compare(rows, y, y + width, x, x + width);
      });
    }
    from = to;
  }
  return order;
}

/** One row for each path; none where its rows contradict one another. */
function withoutDoubles(rows: Buffer, order: Uint32Array): Uint32Array {
  const same = (a: number, b: number, width: number) =>
    rows.compare(rows, b * ROW_BYTES, b * ROW_BYTES + width, a * ROW_BYTES, a * ROW_BYTES + width) === 0;
  let kept = 0;
  for (let from = 0; from < order.length; ) {
    const first = order[from] as number;
    let to = from + 1;
    let agree = true;
    while (to < order.length && same(first, order[to] as number, FINGERPRINT_BYTES)) {
      agree &&= same(first, order[to] as number, ROW_BYTES);
      to += 1;
    }
    if (agree) order[kept++] = first;
    from = to;
  }
  return order.subarray(0, kept);
}

function skipDotSlash(bytes: Buffer, from: number, to: number): number {
  let at = from;
  while (at + 1 < to && bytes[at] === 46 && bytes[at + 1] === 47) at += 2;
  while (at < to && bytes[at] === 47) at += 1;
  return at;
}

/** True when a segment of the path is "..": no such path is ever asked for by its normal form. */
function climbs(path: Buffer): boolean {
  return path.includes('..') && path.toString('latin1').split('/').includes('..');
}

function parseDecimal(bytes: Buffer, from: number, to: number): number {
  if (to === from || to - from > 15) return -1;
  let value = 0;
  for (let i = from; i < to; i += 1) {
    const digit = (bytes[i] as number) - 48;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

/** Reads hexadecimal digits into all of `target`; false when one isn't a digit. */
function readHex(bytes: Buffer, from: number, target: Uint8Array, offset: number): boolean {
  for (let i = offset; i < target.length; i += 1) {
    const high = hexDigit(bytes[from + 2 * i] as number);
    const low = hexDigit(bytes[from + 2 * i + 1] as number);
    if (high < 0 || low < 0) return false;
    target[i] = (high << 4) | low;
  }
  return true;
}

function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const lower = byte | 0x20;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

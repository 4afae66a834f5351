/**
 * Which root belongs to which content, of the files of one .dtorrent that have one: 64 bytes a file, sorted by key, and
 * none of the .dtorrent's other bytes. Pure.
 */
import { type Sha256, sha256ToBytes } from '../lib/sha256.ts';
import type { FileTable } from '../torrent/file-table.ts';

const KEY_BYTES = 32;
const ROW_BYTES = 64;

export class RootTable {
  readonly #rows: Buffer;
  readonly count: number;

  constructor(files: FileTable) {
    const { keys, roots } = files.columns;
    const rows: Buffer[] = [];
    for (let i = 0; i < files.count; i++) {
      const root = roots && files.root(i);
      if (root) rows.push(Buffer.concat([keys.subarray(i * KEY_BYTES, (i + 1) * KEY_BYTES), root]));
    }
    rows.sort(Buffer.compare);
    this.#rows = Buffer.concat(rows);
    this.count = rows.length;
  }

  /** 32 bytes. */
  find(key: Sha256): Uint8Array | undefined {
    const wanted = sha256ToBytes(key);
    let low = 0;
    let high = this.count - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const at = middle * ROW_BYTES;
      const order = this.#rows.compare(wanted, 0, KEY_BYTES, at, at + KEY_BYTES);
      if (order === 0) return new Uint8Array(this.#rows.subarray(at + KEY_BYTES, at + ROW_BYTES));
      if (order < 0) low = middle + 1;
      else high = middle - 1;
    }
    return undefined;
  }
}

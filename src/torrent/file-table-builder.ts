/**
 * Collects files in any order into a FileTable: columns grow as bytes, and are sorted once at the end.
 * The same path with the same content is one file (arch: all packages stand in every index); the same path with two
 * contents is a contradiction and an error. Pure.
 */
import { ProtocolError } from '../lib/errors.ts';
import { type FileColumns, FileTable, KEY_BYTES, ROOT_BYTES, SIZE_BYTES } from './file-table.ts';

/** Size and key side by side while building. */
const ROW_BYTES = SIZE_BYTES + KEY_BYTES;

export class FileTableBuilder {
  readonly #paths: string[] = [];
  #rows = Buffer.allocUnsafe(ROW_BYTES * 4096);
  readonly #roots = new Map<string, Uint8Array>();

  get count(): number {
    return this.#paths.length;
  }

  /** `path` holds one character a byte (Latin-1 of its UTF-8), `key` is copied. Bad paths are refused by build(). */
  add(path: string, sizeBytes: number, key: Uint8Array): void {
    if (key.length !== KEY_BYTES) throw new RangeError(`a key has ${KEY_BYTES} bytes, not ${key.length}`);
    if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0)
      throw new RangeError(`not a file size: ${sizeBytes}`);
    if (path.includes('\n')) throw new ProtocolError('could not list a file: a path with a line break');
    const at = this.#paths.length * ROW_BYTES;
    if (at === this.#rows.length) this.#rows = Buffer.concat([this.#rows], this.#rows.length * 2);
    this.#rows.writeUIntBE(Math.floor(sizeBytes / 2 ** 32), at, 4);
    this.#rows.writeUInt32BE(sizeBytes % 2 ** 32, at + 4);
    this.#rows.set(key, at + SIZE_BYTES);
    this.#paths.push(path);
  }

  /** States the BEP 52 root of a path (as given to add()). */
  setRoot(path: string, root: Uint8Array): void {
    if (root.length !== ROOT_BYTES)
      throw new RangeError(`a root has ${ROOT_BYTES} bytes, not ${root.length}`);
    this.#roots.set(path, root);
  }

  /** Throws ProtocolError for a path that can't be listed and for a path with two contents. */
  build(): FileTable {
    const order = this.#order();
    const rows = this.#rows;
    const sizes = new Uint8Array(order.length * SIZE_BYTES);
    const keys = new Uint8Array(order.length * KEY_BYTES);
    const roots = this.#roots.size > 0 ? new Uint8Array(order.length * ROOT_BYTES) : undefined;
    const paths: string[] = new Array(order.length);
    for (let i = 0; i < order.length; i++) {
      const file = order[i] as number;
      const at = file * ROW_BYTES;
      const path = this.#paths[file] as string;
      paths[i] = path;
      rows.copy(sizes, i * SIZE_BYTES, at, at + SIZE_BYTES);
      rows.copy(keys, i * KEY_BYTES, at + SIZE_BYTES, at + ROW_BYTES);
      const root = this.#roots.get(path);
      if (root) roots?.set(root, i * ROOT_BYTES);
    }
    const columns: FileColumns = {
      paths: new Uint8Array(Buffer.from(paths.join('\n'), 'latin1')),
      sizes,
      keys,
    };
    return new FileTable(roots ? { ...columns, roots } : columns);
  }

  /** Row numbers by path, each path once. */
  #order(): number[] {
    const paths = this.#paths;
    // A plain array: sorting a typed one with a comparator takes twice as long.
    const order = Array.from(paths, (_, i) => i);
    // One character is one byte, so the order of strings is the order of bytes.
    order.sort((a, b) => ((paths[a] as string) < (paths[b] as string) ? -1 : paths[a] === paths[b] ? 0 : 1));
    let kept = 0;
    for (const file of order) {
      const previous = order[kept - 1];
      if (kept > 0 && previous !== undefined && paths[previous] === paths[file]) {
        if (!this.#sameContent(previous, file)) {
          throw new ProtocolError(`could not list files: two contents for ${paths[file]}`);
        }
      } else order[kept++] = file;
    }
    return order.slice(0, kept);
  }

  #sameContent(a: number, b: number): boolean {
    const [x, y] = [a * ROW_BYTES, b * ROW_BYTES];
    return this.#rows.compare(this.#rows, y, y + ROW_BYTES, x, x + ROW_BYTES) === 0;
  }
}

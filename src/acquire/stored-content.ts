/** A whole file of the store as a reader sees it. */
import { readSync } from 'node:fs';
import type { OpenFile } from '../store/store.ts';
import type { Content } from './content.ts';

export class StoredContent implements Content {
  readonly origin = 'store';
  readonly #open: OpenFile;

  constructor(open: OpenFile) {
    this.#open = open;
  }

  get sizeBytes(): number {
    return this.#open.file.sizeBytes;
  }

  get lastModifiedMs(): number {
    return this.#open.file.lastModifiedMs;
  }

  get etag(): string {
    return `"${this.#open.file.key}"`;
  }

  get available(): number {
    return this.sizeBytes;
  }

  async waitBeyond(offset: number): Promise<number> {
    if (offset < this.sizeBytes) return this.sizeBytes;
    throw new RangeError('beyond the end of the file');
  }

  read(offset: number, maxBytes: number): Uint8Array {
    const bytes = Buffer.allocUnsafe(Math.min(maxBytes, this.sizeBytes - offset));
    const got = readSync(this.#open.fd, bytes, 0, bytes.length, offset);
    if (got === 0 && bytes.length > 0)
      throw new Error(`${this.#open.file.key} in the store is shorter than it was`);
    return bytes.subarray(0, got);
  }

  [Symbol.dispose](): void {
    this.#open[Symbol.dispose]();
  }
}

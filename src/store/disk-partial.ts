/**
 * A file on its way into the disk store: lies under partial/ by a name of its own, so that two flights for one key
 * don't meet, and becomes visible by rename. What becomes of it in the index is handed in as `publish`.
 */
import { closeSync, fstatSync, openSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { Sha256 } from '../lib/sha256.ts';
import { writeFully } from './partial-bytes.ts';
import type { CommitDetails, PartialFile, StoredFile } from './store.ts';

export interface DiskPartialOptions {
  readonly key: Sha256;
  readonly sizeBytes: number;
  readonly path: string;
  /** Renames and makes the row, or throws and leaves nothing. */
  readonly publish: (path: string, details: CommitDetails) => StoredFile;
  /** Called once, when its bytes no longer count as on their way. */
  readonly ended: () => void;
}

export class DiskPartial implements PartialFile {
  readonly key: Sha256;
  readonly sizeBytes: number;
  readonly fd: number;
  readonly #options: DiskPartialOptions;
  #state: 'open' | 'failed' | 'committed' = 'open';
  #closed = false;

  /** Throws the system's error when the file can't be made. */
  constructor(options: DiskPartialOptions) {
    this.#options = options;
    this.key = options.key;
    this.sizeBytes = options.sizeBytes;
    this.fd = openSync(options.path, 'wx+', 0o644);
  }

  write(offset: number, bytes: Uint8Array): void {
    if (this.#closed || this.#state === 'committed')
      throw new Error(`could not write ${this.key}: it has ended`);
    try {
      writeFully(this.fd, this.sizeBytes, offset, bytes);
    } catch (error) {
      if (!(error instanceof RangeError)) this.#state = 'failed';
      throw error;
    }
  }

  commit(details: CommitDetails): StoredFile {
    if (this.#closed || this.#state !== 'open')
      throw new Error(`could not commit ${this.key}: it is ${this.#state}`);
    if (fstatSync(this.fd).size !== this.sizeBytes) {
      throw new Error(`could not commit ${this.key}: bytes are missing at its end`);
    }
    const file = this.#options.publish(this.#options.path, details);
    this.#state = 'committed';
    this.#options.ended();
    return file;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    closeSync(this.fd);
    if (this.#state === 'committed') return;
    this.#options.ended();
    await rm(this.#options.path, { force: true });
  }
}

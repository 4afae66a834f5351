/**
 * A file on its way into the disk store, and what becomes of it: visible by rename, kept with its journal for another
 * flight, or gone. Where it lies is the partial folder's (partial-folder.ts), what becomes of it in the index is handed
 * in as `publish`.
 */
import { closeSync, fstatSync } from 'node:fs';
import type { Sha256 } from '../lib/sha256.ts';
import { type DiskJournal, NOTHING_KEPT } from './disk-journal.ts';
import { writeFully } from './partial-bytes.ts';
import type { CommitDetails, Kept, KeptPiece, PartialFile, StoredFile } from './store.ts';

export interface DiskPartialOptions {
  readonly key: Sha256;
  readonly sizeBytes: number;
  /** Open for reading and writing; closed by the partial. */
  readonly fd: number;
  /** Undefined: it is not to be kept. Closed by the partial. */
  readonly journal?: DiskJournal | undefined;
  readonly kept?: Kept;
  /** Renames it into its place and makes the row, or throws and leaves nothing. */
  readonly publish: (details: CommitDetails) => StoredFile;
  /** Called once, when it is no longer on its way. What is 'gone' is to be removed. */
  readonly ended: (outcome: 'committed' | 'kept' | 'gone') => Promise<void>;
}

export class DiskPartial implements PartialFile {
  readonly key: Sha256;
  readonly sizeBytes: number;
  readonly fd: number;
  readonly kept: Kept;
  readonly #options: DiskPartialOptions;
  /** Pieces that the journal has. */
  readonly #noted: Set<number>;
  #state: 'open' | 'failed' | 'discarded' | 'committed' = 'open';
  /** Set when it is released: resolves when its bytes are kept or gone. */
  #ended: Promise<void> | undefined;
  #closed = false;

  constructor(options: DiskPartialOptions) {
    this.#options = options;
    this.key = options.key;
    this.sizeBytes = options.sizeBytes;
    this.fd = options.fd;
    this.kept = options.kept ?? NOTHING_KEPT;
    this.#noted = new Set(this.kept.pieces.map(({ index }) => index));
  }

  write(offset: number, bytes: Uint8Array): void {
    if (this.#ended !== undefined) throw new Error(`could not write ${this.key}: it has ended`);
    try {
      writeFully(this.fd, this.sizeBytes, offset, bytes);
    } catch (error) {
      if (!(error instanceof RangeError)) this.#state = 'failed';
      throw error;
    }
  }

  commit(details: CommitDetails): StoredFile {
    if (this.#ended !== undefined || this.#state === 'failed')
      throw new Error(`could not commit ${this.key}: it has ended`);
    if (fstatSync(this.fd).size !== this.sizeBytes) {
      throw new Error(`could not commit ${this.key}: bytes are missing at its end`);
    }
    // Should this fail, the file is in neither place.
    this.#state = 'failed';
    const file = this.#options.publish(details);
    this.#state = 'committed';
    this.release();
    return file;
  }

  note(piece: KeptPiece): void {
    if (this.#mayKeep && this.#options.journal?.append({ kind: 'piece', ...piece }))
      this.#noted.add(piece.index);
  }

  forget(index: number): void {
    if (!this.#noted.delete(index) || !this.#mayKeep) return;
    this.#options.journal?.append({ kind: 'gone', index });
  }

  dated(lastModifiedMs: number): void {
    if (this.#mayKeep) this.#options.journal?.append({ kind: 'dated', lastModifiedMs });
  }

  discard(): void {
    if (this.#state === 'open') this.#state = 'discarded';
  }

  release(): void {
    if (this.#ended !== undefined) return;
    const { journal, ended } = this.#options;
    const isKept = this.#mayKeep && journal !== undefined && this.#noted.size > 0;
    journal?.[Symbol.dispose]();
    this.#ended = ended(this.#state === 'committed' ? 'committed' : isKept ? 'kept' : 'gone');
    // Whoever disposes it hears of a failure.
    this.#ended.catch(() => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    // First: its bytes are measured through the descriptor.
    this.release();
    closeSync(this.fd);
    await this.#ended;
  }

  get #mayKeep(): boolean {
    return this.#ended === undefined && this.#state === 'open';
  }
}

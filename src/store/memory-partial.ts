/** A file on its way into the memory store. Bytes lie in a nameless temporary file, because readers want an `fd`. */
import { closeSync, fstatSync, mkdtempSync, openSync, rmdirSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Sha256 } from '../lib/sha256.ts';
import { writeFully } from './partial-bytes.ts';
import type { CommitDetails, Kept, KeptPiece, PartialFile, StoredFile } from './store.ts';

/** One set of bytes and who holds it; closed when nobody does any more. */
export class SharedFd {
  readonly fd: number;
  #holders = 1;

  constructor(fd: number) {
    this.fd = fd;
  }

  hold(): this {
    this.#holders += 1;
    return this;
  }

  release(): void {
    this.#holders -= 1;
    if (this.#holders === 0) closeSync(this.fd);
  }
}

/** What is kept of a file that isn't on its way any more. */
export interface MemoryKept {
  readonly bytes: SharedFd;
  readonly kept: Kept;
}

export interface MemoryPartialOptions {
  readonly key: Sha256;
  readonly sizeBytes: number;
  readonly left: MemoryKept | undefined;
  /** Undefined: it is not to be kept. Else called with what it has, the descriptor held for the receiver. */
  readonly keep: ((left: MemoryKept) => void) | undefined;
  readonly publish: (bytes: SharedFd, details: CommitDetails) => StoredFile;
  /** Called once, when its bytes no longer count as on their way. */
  readonly ended: () => void;
}

export class MemoryPartial implements PartialFile {
  readonly key: Sha256;
  readonly sizeBytes: number;
  readonly kept: Kept;
  readonly #options: MemoryPartialOptions;
  readonly #bytes: SharedFd;
  readonly #pieces: Map<number, KeptPiece>;
  #lastModifiedMs: number | undefined;
  #state: 'open' | 'failed' | 'discarded' | 'committed' = 'open';
  #released = false;
  #closed = false;

  constructor(options: MemoryPartialOptions) {
    this.#options = options;
    this.key = options.key;
    this.sizeBytes = options.sizeBytes;
    this.#bytes = options.left?.bytes ?? new SharedFd(namelessFile());
    this.kept = options.left?.kept ?? { pieces: [] };
    this.#pieces = new Map(this.kept.pieces.map((piece) => [piece.index, piece]));
    this.#lastModifiedMs = this.kept.lastModifiedMs;
  }

  get fd(): number {
    return this.#bytes.fd;
  }

  write(offset: number, bytes: Uint8Array): void {
    if (this.#released) throw new Error(`could not write ${this.key}: it has ended`);
    try {
      writeFully(this.fd, this.sizeBytes, offset, bytes);
    } catch (error) {
      if (!(error instanceof RangeError)) this.#state = 'failed';
      throw error;
    }
  }

  commit(details: CommitDetails): StoredFile {
    if (this.#released || this.#state === 'failed')
      throw new Error(`could not commit ${this.key}: it has ended`);
    if (fstatSync(this.fd).size !== this.sizeBytes)
      throw new Error(`could not commit ${this.key}: bytes are missing`);
    this.#state = 'committed';
    this.release();
    return this.#options.publish(this.#bytes.hold(), details);
  }

  note(piece: KeptPiece): void {
    this.#pieces.set(piece.index, piece);
  }

  forget(index: number): void {
    this.#pieces.delete(index);
  }

  dated(lastModifiedMs: number): void {
    this.#lastModifiedMs = lastModifiedMs;
  }

  discard(): void {
    if (this.#state === 'open') this.#state = 'discarded';
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#options.ended();
    if (this.#state === 'open' && this.#pieces.size > 0) this.#options.keep?.(this.#left());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.release();
    this.#bytes.release();
  }

  #left(): MemoryKept {
    const pieces = [...this.#pieces.values()].sort((a, b) => a.index - b.index);
    const lastModifiedMs = this.#lastModifiedMs;
    return {
      bytes: this.#bytes.hold(),
      kept: { pieces, ...(lastModifiedMs !== undefined && { lastModifiedMs }) },
    };
  }
}

/** An open file that is in no folder. */
function namelessFile(): number {
  const dir = mkdtempSync(join(tmpdir(), 'debtorrent-memory-'));
  const path = join(dir, 'bytes');
  try {
    const fd = openSync(path, 'wx+', 0o600);
    unlinkSync(path);
    return fd;
  } finally {
    rmdirSync(dir);
  }
}

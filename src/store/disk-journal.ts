/**
 * A journal (partial-journal.ts) as a file that is appended to. Of use only: where the disk doesn't take it, the
 * partial file does without, and is fetched anew after a restart. Nothing is synced: partial-journal.ts says why.
 */
import { closeSync, fstatSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs';
import {
  decodeJournal,
  encodeHead,
  encodeJournal,
  encodeRecord,
  type JournalHead,
  type JournalRecord,
} from './partial-journal.ts';
import type { Kept } from './store.ts';

export const NOTHING_KEPT: Kept = { pieces: [] };

/** A file has 2,048 pieces at most; each may have come and gone some times. */
const MAX_BYTES = 1 << 20;

export class DiskJournal implements Disposable {
  readonly #head: Uint8Array;
  #fd: number | undefined;

  private constructor(head: Uint8Array, fd: number) {
    this.#head = head;
    this.#fd = fd;
  }

  /** Begins anew with what is kept, in one step. Undefined when the disk doesn't take it. */
  static begin(path: string, of: JournalHead, kept: Kept): DiskJournal | undefined {
    const fresh = `${path}.new`;
    let fd: number | undefined;
    try {
      fd = openSync(fresh, 'w', 0o644);
      writeAll(fd, encodeJournal(of, kept));
      renameSync(fresh, path);
      return new DiskJournal(encodeHead(of), fd);
    } catch {
      if (fd !== undefined) closeSync(fd);
      rmSync(fresh, { force: true });
      return undefined;
    }
  }

  /** False when it wasn't taken; no more is then taken: a record after a torn one would not be in its place. */
  append(record: JournalRecord): boolean {
    if (this.#fd === undefined) return false;
    try {
      writeAll(this.#fd, encodeRecord(this.#head, record));
      return true;
    } catch {
      this[Symbol.dispose]();
      return false;
    }
  }

  [Symbol.dispose](): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}

/** What the journal at `path` claims; nothing when there is none for that file. */
export function readJournal(path: string, of: JournalHead): Kept {
  try {
    const fd = openSync(path, 'r');
    try {
      const { size } = fstatSync(fd);
      if (size > MAX_BYTES) return NOTHING_KEPT;
      const bytes = new Uint8Array(size);
      let got = 0;
      for (let read = 1; read > 0 && got < size; got += read)
        read = readSync(fd, bytes, got, size - got, got);
      return decodeJournal(bytes.subarray(0, got), of) ?? NOTHING_KEPT;
    } finally {
      closeSync(fd);
    }
  } catch {
    return NOTHING_KEPT;
  }
}

/** Appends, as the descriptor's position is its end. */
function writeAll(fd: number, bytes: Uint8Array): void {
  let done = 0;
  while (done < bytes.length) done += writeSync(fd, bytes, done, bytes.length - done);
}

/**
 * The folder of partial files. One that may be resumed lies there as `<key>` beside `<key>.journal`, any other by a name
 * of this run; so two flights for one key don't meet. What is kept when nobody fetches it is bounded: by count, by age,
 * and by the store, which evicts it before whole files, oldest first. A start only lists it; what is neither kept nor of
 * this run is swept later. It knows nothing of the store's index.
 */
import { randomUUID } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import type { Clock } from '../lib/clock.ts';
import { parseSha256, type Sha256 } from '../lib/sha256.ts';
import { DiskJournal, NOTHING_KEPT, readJournal } from './disk-journal.ts';
import { DiskPartial } from './disk-partial.ts';
import { HEAD_BYTES, type JournalHead, RECORD_BYTES } from './partial-journal.ts';
import type { CommitDetails, Kept, StoredFile } from './store.ts';

export interface NewPartial {
  readonly key: Sha256;
  readonly sizeBytes: number;
  /** Given: it takes up what is kept, and may be kept. */
  readonly pieceLength: number | undefined;
  /** Renames the file at `path` into its place and makes the row, or throws and leaves nothing. */
  readonly publish: (path: string, details: CommitDetails) => StoredFile;
  /** Called once, when its bytes no longer count as on their way. */
  readonly ended: () => void;
}

/** Partial files kept at most: far more than a machine fetches at a time. */
const MAX_KEPT = 64;
/** A file that nobody has asked for again in a week has been superseded. */
const MAX_AGE_MS = 7 * 24 * 3600 * 1000;
/** What stat(2) counts blocks in. */
const STAT_BLOCK_BYTES = 512;

export class PartialFolder {
  readonly #dir: string;
  /** Other partial files of this run begin with it. */
  readonly #run = randomUUID();
  readonly #clock: Clock;
  /** What is kept and not being fetched; oldest first. */
  readonly #kept = new Map<Sha256, { readonly bytes: number; readonly sinceMs: number }>();
  /** Keys whose resumable file is being fetched. */
  readonly #flying = new Set<Sha256>();
  #names = 0;
  #keptBytes = 0;

  /** Throws the system's error when the folder can't be used. */
  constructor(dir: string, clock: Clock) {
    this.#dir = dir;
    this.#clock = clock;
    mkdirSync(dir, { recursive: true });
    this.#find();
  }

  /** On disk, of all that is kept and not being fetched. */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** On disk, of what is kept of one file and not being fetched. */
  bytesOf(key: Sha256): number {
    return this.#kept.get(key)?.bytes ?? 0;
  }

  /** Throws the system's error when the file can't be made. */
  open(options: NewPartial): DiskPartial {
    const { key, pieceLength } = options;
    if (pieceLength === undefined || this.#flying.has(key)) return this.#openPlain(options);
    return this.#openResumable(options, pieceLength);
  }

  /** Removes what is kept, oldest first, until so many bytes are free, or nothing is left but that of `except`. */
  evict(bytes: number, except?: Sha256): void {
    const until = this.#keptBytes - bytes;
    for (const key of [...this.#kept.keys()]) {
      if (this.#keptBytes <= until) return;
      if (key !== except) this.#drop(key);
    }
  }

  /** Removes what earlier runs have left and nobody can resume. */
  async sweep(signal: AbortSignal): Promise<void> {
    for (const name of await readdir(this.#dir).catch(() => [])) {
      if (signal.aborted) return;
      if (!this.#knows(name)) await rm(`${this.#dir}/${name}`, { force: true, recursive: true });
    }
  }

  /**
   * A file whose bytes are here already: `put` makes it at the path that it is given. Read only. Rejects as `put` does.
   */
  async adopt(options: NewPartial, put: (path: string) => Promise<void>): Promise<DiskPartial> {
    const path = this.#newPath();
    await put(path);
    try {
      return this.#plain(options, path, openSync(path, 'r'));
    } catch (error) {
      rmSync(path, { force: true });
      throw error;
    }
  }

  #openPlain(options: NewPartial): DiskPartial {
    const path = this.#newPath();
    return this.#plain(options, path, openSync(path, 'wx+', 0o644));
  }

  #plain({ key, sizeBytes, publish, ended }: NewPartial, path: string, fd: number): DiskPartial {
    return new DiskPartial({
      key,
      sizeBytes,
      fd,
      publish: (details) => publish(path, details),
      ended: async (outcome) => {
        ended();
        if (outcome === 'gone') await rm(path, { force: true });
        else if (this.#kept.has(key)) this.#drop(key);
      },
    });
  }

  #openResumable({ key, sizeBytes, publish, ended }: NewPartial, pieceLength: number): DiskPartial {
    const path = this.#path(key);
    const journalPath = this.#journalPath(key);
    const of = { key, sizeBytes, pieceLength };
    const left = this.#kept.has(key) ? openKept(path, readJournal(journalPath, of), of) : undefined;
    this.#forget(key);
    if (!left) this.#remove(key);
    const fd = left?.fd ?? openSync(path, 'wx+', 0o644);
    const kept = left?.kept ?? NOTHING_KEPT;
    this.#flying.add(key);
    return new DiskPartial({
      key,
      sizeBytes,
      fd,
      kept,
      journal: DiskJournal.begin(journalPath, of, kept),
      publish: (details) => publish(path, details),
      ended: async (outcome) => {
        ended();
        this.#flying.delete(key);
        if (outcome === 'kept') {
          this.#keep(key, fstatSync(fd).blocks * STAT_BLOCK_BYTES, this.#clock.wallMs());
          return;
        }
        rmSync(journalPath, { force: true });
        if (outcome === 'committed') return;
        // Removing a large file takes its time, and another may be opened for this key meanwhile.
        const scrap = this.#newPath();
        try {
          renameSync(path, scrap);
        } catch {
          return;
        }
        await rm(scrap, { force: true });
      },
    });
  }

  /** What earlier runs have left of files that may be resumed. */
  #find(): void {
    const found: { key: Sha256; bytes: number; sinceMs: number }[] = [];
    for (const name of readdirSync(this.#dir)) {
      const key = parseSha256(name);
      if (key !== name) continue;
      try {
        const { blocks, mtimeMs: sinceMs } = statSync(this.#path(key));
        if (statSync(this.#journalPath(key)).size < HEAD_BYTES + RECORD_BYTES) continue;
        found.push({ key, bytes: blocks * STAT_BLOCK_BYTES, sinceMs });
      } catch {
        // Without a journal: nobody knows what it has.
      }
    }
    found.sort((a, b) => a.sinceMs - b.sinceMs);
    for (const { key, bytes, sinceMs } of found) this.#keep(key, bytes, sinceMs);
  }

  #keep(key: Sha256, bytes: number, sinceMs: number): void {
    this.#kept.set(key, { bytes, sinceMs });
    this.#keptBytes += bytes;
    const notBeforeMs = this.#clock.wallMs() - MAX_AGE_MS;
    for (const [oldest, { sinceMs: oldestMs }] of this.#kept) {
      if (this.#kept.size <= MAX_KEPT && oldestMs >= notBeforeMs) return;
      this.#drop(oldest);
    }
  }

  #forget(key: Sha256): void {
    this.#keptBytes -= this.bytesOf(key);
    this.#kept.delete(key);
  }

  #drop(key: Sha256): void {
    this.#forget(key);
    this.#remove(key);
  }

  /** The journal first: without it nothing is believed of the file. */
  #remove(key: Sha256): void {
    for (const path of [this.#journalPath(key), this.#path(key)])
      rmSync(path, { force: true, recursive: true });
  }

  #knows(name: string): boolean {
    if (name.startsWith(this.#run)) return true;
    const key = parseSha256(name.replace(/\.journal(\.new)?$/, ''));
    return key !== undefined && (this.#kept.has(key) || this.#flying.has(key));
  }

  #newPath(): string {
    this.#names += 1;
    return `${this.#dir}/${this.#run}-${this.#names}`;
  }

  #path(key: Sha256): string {
    return `${this.#dir}/${key}`;
  }

  #journalPath(key: Sha256): string {
    return `${this.#dir}/${key}.journal`;
  }
}

/** The file with those pieces that it is long enough for; undefined when there are none. */
function openKept(
  path: string,
  kept: Kept,
  { sizeBytes, pieceLength }: JournalHead,
): { fd: number; kept: Kept } | undefined {
  if (kept.pieces.length === 0) return undefined;
  let fd: number;
  try {
    fd = openSync(path, 'r+');
  } catch {
    return undefined;
  }
  const { size } = fstatSync(fd);
  const endOf = (index: number) => Math.min(sizeBytes, (index + 1) * pieceLength);
  const pieces = kept.pieces.filter(({ index }) => endOf(index) <= size);
  if (size <= sizeBytes && pieces.length > 0) return { fd, kept: { ...kept, pieces } };
  closeSync(fd);
  return undefined;
}

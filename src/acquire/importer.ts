/**
 * Takes packages that lie on this machine already (apt's own archives) into the store. It decides which: those whose
 * SHA-256 the catalogue knows, as long as nothing has to make room for them. A file is hashed first and taken in
 * unchanged since, by hard link where the store may have one, else by a copy that is hashed again: no other bytes than
 * those whose SHA-256 is the key ever become a file of the store. One run at a time, one file after another.
 */
import { closeSync, type Dirent, fstatSync, openSync, readdirSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import type { Entry } from '../archive/entry.ts';
import { log } from '../lib/log.ts';
import { quoteRemote } from '../lib/quote-remote.ts';
import type { Sha256 } from '../lib/sha256.ts';
import type { PartialFile, Store } from '../store/store.ts';
import type { Hasher } from './hasher.ts';

/** A store that can have a file without its bytes being written. */
export interface TakesIn extends Store {
  /** The file at `source`, linked or (where `mayCopy`) copied. Its bytes are whatever lies there: `isCopy` tells. */
  takeIn(
    source: string,
    file: { readonly key: Sha256; readonly sizeBytes: number; readonly mayCopy: boolean },
  ): Promise<{ readonly partial: PartialFile; readonly isCopy: boolean }>;
}

export interface ImporterOptions {
  readonly store: TakesIn;
  readonly hasher: Pick<Hasher, 'whole'>;
  readonly byKey: (key: Sha256) => Entry | undefined;
  /** It can be offered from now on. */
  readonly landed?: (key: Sha256) => void;
}

export interface ImportRequest {
  readonly directory: string;
  /** Where no hard link can be had. */
  readonly mayCopy: boolean;
  /** The catalogue knows more after it. */
  readonly before?: Promise<void> | undefined;
  readonly signal?: AbortSignal;
}

export interface ImportProgress {
  readonly directory: string;
  readonly running: boolean;
  readonly files: number;
  readonly bytes: number;
  readonly doneFiles: number;
  readonly doneBytes: number;
  /** Taken in, and of these by hard link. */
  readonly added: number;
  readonly addedBytes: number;
  readonly linked: number;
  /** Here already. */
  readonly present: number;
  /** No index that is in use names them. */
  readonly unknown: number;
  /** What could not be taken in, and why; the first few. */
  readonly refused: readonly string[];
}

type Account = { -readonly [K in keyof ImportProgress]: ImportProgress[K] } & { refused: string[] };

const PACKAGE = /\.(?:deb|udeb|ddeb)$/;
const MAX_FILES = 100_000;
const MAX_REFUSED = 20;

export class Importer {
  readonly #options: ImporterOptions;
  #progress: Account | undefined;

  constructor(options: ImporterOptions) {
    this.#options = options;
  }

  /** Of the run under way, else of the last one. */
  get progress(): ImportProgress | undefined {
    return this.#progress;
  }

  /** Throws Error when one is running, or the directory can't be read; rejects with nothing afterwards. */
  run({ directory, mayCopy, before, signal }: ImportRequest): Promise<ImportProgress> {
    if (this.#progress?.running) throw new Error(`could not import ${directory}: another import is running`);
    const files = packagesIn(directory);
    const progress: Account = {
      directory,
      running: true,
      files: files.length,
      bytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      doneFiles: 0,
      doneBytes: 0,
      added: 0,
      addedBytes: 0,
      linked: 0,
      present: 0,
      unknown: 0,
      refused: [],
    };
    this.#progress = progress;
    return (before ?? Promise.resolve()).then(() => this.#all(files, progress, { mayCopy, signal }));
  }

  async #all(
    files: readonly Found[],
    progress: Account,
    { mayCopy, signal }: { readonly mayCopy: boolean; readonly signal: AbortSignal | undefined },
  ): Promise<ImportProgress> {
    for (const file of files) {
      if (signal?.aborted) break;
      try {
        await this.#one(file, progress, mayCopy);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        log.debug(`import: ${quoteRemote(file.path, 300)}: ${reason}`);
        if (progress.refused.length < MAX_REFUSED) progress.refused.push(`${file.name}: ${reason}`);
      }
      progress.doneFiles += 1;
      progress.doneBytes += file.sizeBytes;
    }
    progress.running = false;
    return progress;
  }

  async #one({ path, name }: Found, progress: Account, mayCopy: boolean): Promise<void> {
    const { store, hasher, byKey, landed } = this.#options;
    const fd = openSync(path, 'r');
    try {
      const before = fstatSync(fd);
      if (!before.isFile()) throw new Error('it is no file');
      const key = await hasher.whole(fd).finish(before.size);
      const entry = byKey(key);
      if (entry === undefined || entry.sizeBytes !== before.size) {
        progress.unknown += 1;
        return;
      }
      if (store.stat(key) !== undefined) {
        store.share(key, entry.swarms);
        progress.present += 1;
        return;
      }
      const { bytes, limitBytes } = store.totals();
      if (bytes + before.size > limitBytes) throw new Error('the cache is full');
      const taken = await store.takeIn(path, { key, sizeBytes: before.size, mayCopy });
      await using partial = taken.partial;
      const isRight = taken.isCopy
        ? (await hasher.whole(partial.fd).finish(before.size)) === key
        : isSame(before, fstatSync(partial.fd));
      if (!isRight) throw new Error('it changed meanwhile');
      partial.commit({ name, swarms: entry.swarms, lastModifiedMs: before.mtimeMs });
      progress.added += 1;
      progress.addedBytes += before.size;
      if (!taken.isCopy) progress.linked += 1;
      landed?.(key);
    } finally {
      closeSync(fd);
    }
  }
}

interface Found {
  readonly name: string;
  readonly path: string;
  readonly sizeBytes: number;
}

/** Complete packages only: apt fetches into a folder of its own. */
function packagesIn(directory: string): Found[] {
  const names = entriesOf(directory)
    .filter((found) => found.isFile() && PACKAGE.test(found.name))
    .map(({ name }) => name)
    .sort()
    .slice(0, MAX_FILES);
  return names.flatMap((name) => {
    const path = join(directory, name);
    try {
      return [{ name, path, sizeBytes: Bun.file(path).size }];
    } catch {
      return [];
    }
  });
}

function entriesOf(directory: string): Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch (cause) {
    throw new Error(`could not import ${directory}: ${(cause as Error).message}`, { cause });
  }
}

/** Of one inode: neither written to nor replaced. */
function isSame(before: Stats, after: Stats): boolean {
  const { dev, ino, size, mtimeMs } = after;
  return before.dev === dev && before.ino === ino && before.size === size && before.mtimeMs === mtimeMs;
}

/**
 * A store over a tree of files that isn't ours: read-only and in place. It has what was found to have its key's bytes
 * (verified(), which its owner calls after hashing a file), for as long as the file's stamp says that it is unchanged.
 * It decides when a file counts no more; what is looked at, hashed and shared is decided by those who fill it.
 *
 * A tree is changed under us, so each use looks anew: at the stamp when asked whether a file is here, and again after
 * each read, before what was read goes anywhere. Replaced by rename or removed, those who have it open read on, as its
 * bytes can't change any more; changed in place, it is gone at once. Nothing here writes below the root.
 */
import { type BigIntStats, closeSync, fstatSync, openSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../lib/clock.ts';
import type { Sha256 } from '../lib/sha256.ts';
import { isUnchanged, stampOf } from './file-stamp.ts';
import { wholeSeconds } from './partial-bytes.ts';
import type { Coming, OpenFile, Store, StoredFile, StoreTotals } from './store.ts';
import type { TreeIndex, TreeRow } from './tree-index.ts';

export interface TreeStoreOptions {
  readonly root: string;
  readonly index: TreeIndex;
  readonly clock: Clock;
  /** The file at that path, which was believed, is another now or gone. */
  readonly lost: (path: string) => void;
  /** Store.coming(). */
  readonly coming: (key: Sha256) => Coming | undefined;
}

/** So long a file may not be on the disk itself (tree-index.ts); the kernel writes within half a minute. */
const YOUNG_MS = 5 * 60_000;

export class TreeStore implements Store {
  readonly #options: TreeStoreOptions;
  readonly #index: TreeIndex;
  readonly #listeners: ((key: Sha256) => void)[] = [];
  /** How often each key is open. */
  readonly #opens = new Map<Sha256, number>();
  /** Gone from the tree, but still open. */
  readonly #leaving = new Set<Sha256>();

  constructor(options: TreeStoreOptions) {
    this.#options = options;
    this.#index = options.index;
  }

  /** Where the file of that path is to be found now. */
  locate(path: string): string {
    return join(this.#options.root, path);
  }

  stat(key: Sha256): StoredFile | undefined {
    for (const row of this.#index.withKey(key)) {
      if (this.isAsBelieved(row)) return storedFile(row);
      this.#lose(row);
    }
    return undefined;
  }

  open(key: Sha256): OpenFile | undefined {
    for (const row of this.#index.withKey(key)) {
      const opened = this.#open(row);
      if (opened) return opened;
      this.#lose(row);
    }
    return undefined;
  }

  /** The file is the one that the row is about. */
  isAsBelieved({ path, stamp }: TreeRow): boolean {
    try {
      const stat = statSync(this.locate(path), { bigint: true, throwIfNoEntry: false });
      return stat?.isFile() === true && stampOf(stat) === stamp;
    } catch {
      return false;
    }
  }

  /**
   * The bytes of the file at `path`, read while its stamp was that of `stat` and hadn't been for less than FRESH_MS
   * (file-stamp.ts), have that SHA-256. Without swarms it is only remembered, so that it isn't hashed again.
   */
  verified(
    path: string,
    stat: BigIntStats,
    found: { readonly key: Sha256; readonly swarms: readonly string[]; readonly layer?: Uint8Array },
  ): void {
    const { key, swarms, layer } = found;
    const changedMs = Number(stat.ctimeNs / 1_000_000n);
    const row = {
      ...{ path, key, swarms, stamp: stampOf(stat) },
      sizeBytes: Number(stat.size),
      modifiedMs: Number(stat.mtimeNs / 1_000_000n),
    };
    this.#index.together(() => {
      this.#index.put(row, this.#options.clock.wallMs() - changedMs < YOUNG_MS);
      if (layer && layer.length > 0 && swarms.length > 0) this.#index.setLayer(key, layer);
    });
    if (swarms.length > 0) this.#leaving.delete(key);
  }

  /** What the row says is no longer so. True for a file that was offered until now. */
  forget(row: TreeRow): boolean {
    if (!this.#index.delete(row.path) || row.swarms.length === 0) return false;
    if (this.#index.withKey(row.key).length > 0) return false;
    if (this.#opens.has(row.key)) this.#leaving.add(row.key);
    else this.#gone(row.key);
    return true;
  }

  coming(key: Sha256): Coming | undefined {
    return this.#options.coming(key);
  }

  createPartial(): never {
    throw new Error('could not store a file: a tree that is shared in place is not written to');
  }

  layer(key: Sha256): Uint8Array | undefined {
    return this.#index.layer(key);
  }

  setLayer(key: Sha256, layer: Uint8Array): void {
    this.#index.setLayer(key, layer);
  }

  share(key: Sha256, swarms: readonly string[]): void {
    for (const row of this.#index.withKey(key))
      this.#index.setSwarms(row, [...new Set([...row.swarms, ...swarms])]);
  }

  /** Only forgets it. */
  remove(key: Sha256): void {
    for (const row of this.#index.withKey(key)) this.forget(row);
  }

  *list(): Generator<StoredFile> {
    for (const row of this.#index.all()) if (row.swarms.length > 0) yield storedFile(row);
  }

  /** Its limit is what there is: it never takes anything in. */
  totals(): StoreTotals {
    const { files, bytes } = this.#index;
    return { files, bytes, limitBytes: bytes };
  }

  onGone(listener: (key: Sha256) => void): void {
    this.#listeners.push(listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#index[Symbol.dispose]();
  }

  #open(row: TreeRow): OpenFile | undefined {
    let fd: number;
    try {
      fd = openSync(this.locate(row.path), 'r');
    } catch {
      return undefined;
    }
    const opened = fstatSync(fd, { bigint: true });
    if (!opened.isFile() || stampOf(opened) !== row.stamp) {
      closeSync(fd);
      return undefined;
    }
    const { key } = row;
    this.#opens.set(key, (this.#opens.get(key) ?? 0) + 1);
    let closed = false;
    return {
      file: storedFile(row),
      fd,
      stillHolds: () => {
        const now = fstatSync(fd, { bigint: true });
        if (isUnchanged(opened, now) || isOutOfReach(opened, now)) return true;
        this.#changedInPlace(row);
        return false;
      },
      [Symbol.dispose]: () => {
        if (closed) return;
        closed = true;
        closeSync(fd);
        this.#closed(key);
      },
    };
  }

  #closed(key: Sha256): void {
    const left = (this.#opens.get(key) ?? 1) - 1;
    if (left > 0) {
      this.#opens.set(key, left);
      return;
    }
    this.#opens.delete(key);
    if (this.#leaving.delete(key)) this.#gone(key);
  }

  /** Nobody is to read on. */
  #changedInPlace(row: TreeRow): void {
    if (this.#index.get(row.path)?.stamp === row.stamp) this.#lose(row);
    if (this.#leaving.delete(row.key)) this.#gone(row.key);
  }

  #lose(row: TreeRow): void {
    this.forget(row);
    this.#options.lost(row.path);
  }

  /** Later: whoever asks is in the middle of a dialogue. */
  #gone(key: Sha256): void {
    this.#options.clock.after(0, () => {
      if (this.#index.withKey(key).length > 0) return;
      for (const listener of this.#listeners) listener(key);
    });
  }
}

/** Removed or replaced: no name leads to it any more, and nobody has written to it before that. */
function isOutOfReach(before: BigIntStats, now: BigIntStats): boolean {
  return now.nlink === 0n && before.mtimeNs === now.mtimeNs && before.size === now.size;
}

function storedFile({ key, sizeBytes, modifiedMs, path, swarms }: TreeRow): StoredFile {
  return { key, sizeBytes, lastModifiedMs: wholeSeconds(modifiedMs), name: path, swarms };
}

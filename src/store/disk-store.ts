/**
 * The store on disk: `<cacheDir>/files/ab/<sha256>` (file-tree.ts) and rows in `<cacheDir>/store.sqlite` (disk-index.ts).
 *
 * A file becomes visible by rename, then row. Killed before the rename, a partial file is left: taken up again when the
 * file is wanted again (partial-folder.ts); between the two, a whole file without a row: taken up after hashing. A row
 * without its file is dropped when it is opened. A power cut may leave short files under names that claim more: rows not
 * known to be synced are hashed before they are believed (doubts.ts). Nothing here waits for the disk: syncing, sweeping
 * and hashing go on behind.
 */

import { closeSync, mkdirSync, statfsSync } from 'node:fs';
import { type Clock, systemClock } from '../lib/clock.ts';
import { log } from '../lib/log.ts';
import type { Sha256 } from '../lib/sha256.ts';
import { readBootId } from './boot-id.ts';
import type { DiskIndex } from './disk-index.ts';
import { Doubts } from './doubts.ts';
import { bytesToEvict, chooseEvictions } from './eviction.ts';
import { FileTree } from './file-tree.ts';
import { linkOrCopy } from './link-or-copy.ts';
import { openIndex } from './open-index.ts';
import { wholeSeconds } from './partial-bytes.ts';
import { PartialFolder } from './partial-folder.ts';
import type {
  CommitDetails,
  OpenFile,
  PartialFile,
  Resume,
  Store,
  StoredFile,
  StoreTotals,
} from './store.ts';
import { lockCacheDir } from './store-lock.ts';
import { SyncQueue } from './sync-queue.ts';

export interface DiskStoreOptions {
  readonly cacheDir: string;
  /** Least recently used files go when there is more than this. Default 10 GiB. */
  readonly limitBytes?: number;
  /** Of the disk, whoever else fills it; what is stored goes for it. Default 0. */
  readonly minFreeBytes?: number;
  readonly clock?: Clock;
  /** Which run of the machine this is; tests play a power cut with another. */
  readonly bootId?: string;
}

const DEFAULT_LIMIT_BYTES = 10 * 2 ** 30;
const FLUSH_EVERY_MS = 5_000;

export class DiskStore implements Store {
  readonly #cacheDir: string;
  #limitBytes: number;
  #minFreeBytes: number;
  readonly #clock: Clock;
  readonly #lock: Disposable;
  readonly #index: DiskIndex;
  readonly #tree: FileTree;
  readonly #partials: PartialFolder;
  readonly #doubts: Doubts;
  readonly #syncs: SyncQueue;
  readonly #opens = new Map<Sha256, number>();
  readonly #listeners: ((key: Sha256) => void)[] = [];
  readonly #stopping = new AbortController();
  readonly #tidied: Promise<void>;
  /** Promised to partial files that are on their way. */
  #reservedBytes = 0;
  #stopFlushing: () => void = () => {};
  #disposed = false;

  /** Throws ConfigError when another process has the folder, the system's error when it can't be used. */
  constructor(options: DiskStoreOptions) {
    this.#cacheDir = options.cacheDir;
    this.#limitBytes = options.limitBytes ?? DEFAULT_LIMIT_BYTES;
    this.#minFreeBytes = options.minFreeBytes ?? 0;
    this.#clock = options.clock ?? systemClock;
    mkdirSync(options.cacheDir, { recursive: true });
    this.#lock = lockCacheDir(options.cacheDir);
    try {
      this.#tree = new FileTree(`${options.cacheDir}/files`);
      this.#partials = new PartialFolder(`${options.cacheDir}/partial`, this.#clock);
      this.#index = openIndex(options.cacheDir, options.bootId ?? readBootId());
    } catch (error) {
      this.#lock[Symbol.dispose]();
      throw error;
    }
    this.#syncs = new SyncQueue(
      (key) => this.#tree.pathOf(key),
      (key) => this.#quietly('mark a file as synced', () => this.#index.markSynced(key)),
    );
    this.#doubts = new Doubts({
      index: this.#index,
      tree: this.#tree,
      clock: this.#clock,
      drop: (key) => this.remove(key),
      sync: (key) => this.#syncs.add(key),
    });
    this.#tidied = this.#tidy();
    this.#flushLater();
  }

  stat(key: Sha256): StoredFile | undefined {
    const indexed = this.#index.get(key);
    return indexed && this.#doubts.areSettled(indexed) ? indexed.file : undefined;
  }

  open(key: Sha256): OpenFile | undefined {
    const open = this.look(key);
    if (open) this.#index.touch(key, this.#clock.wallMs());
    return open;
  }

  /** As open(), but no use for LRU. */
  look(key: Sha256): OpenFile | undefined {
    const file = this.stat(key);
    if (!file) return undefined;
    const fd = this.#tree.open(key, file.sizeBytes);
    if (fd === undefined) {
      this.remove(key);
      return undefined;
    }
    this.#opens.set(key, (this.#opens.get(key) ?? 0) + 1);
    let closed = false;
    return {
      file,
      fd,
      [Symbol.dispose]: () => {
        if (closed) return;
        closed = true;
        closeSync(fd);
        this.#unpin(key);
      },
    };
  }

  createPartial(key: Sha256, sizeBytes: number, resume?: Resume): PartialFile {
    if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0)
      throw new RangeError(`not a file size: ${sizeBytes}`);
    this.#makeRoom(sizeBytes, resume && key);
    const partial = this.#partials.open({
      key,
      sizeBytes,
      pieceLength: resume?.pieceLength,
      publish: (path, details) => this.#publish(key, sizeBytes, path, details),
      ended: () => {
        this.#reservedBytes -= sizeBytes;
      },
    });
    this.#reservedBytes += sizeBytes;
    return partial;
  }

  /**
   * A file that lies elsewhere, taken in as it is: by a hard link where nobody else may write to it, else by a copy (one
   * that shares its blocks where the file system can do that). Rejects when neither may be.
   */
  async takeIn(
    source: string,
    {
      key,
      sizeBytes,
      mayCopy,
    }: { readonly key: Sha256; readonly sizeBytes: number; readonly mayCopy: boolean },
  ): Promise<{ readonly partial: PartialFile; readonly isCopy: boolean }> {
    this.#makeRoom(sizeBytes, undefined);
    this.#reservedBytes += sizeBytes;
    let isCopy = false;
    const ended = () => {
      this.#reservedBytes -= sizeBytes;
    };
    try {
      const partial = await this.#partials.adopt(
        {
          key,
          sizeBytes,
          pieceLength: undefined,
          publish: (path, details) => this.#publish(key, sizeBytes, path, details),
          ended,
        },
        async (path) => {
          isCopy = await linkOrCopy(source, path, mayCopy);
        },
      );
      return { partial, isCopy };
    } catch (error) {
      ended();
      throw error;
    }
  }

  layer(key: Sha256): Uint8Array | undefined {
    return this.#index.layer(key);
  }

  setLayer(key: Sha256, layer: Uint8Array): void {
    this.#index.setLayer(key, layer);
  }

  share(key: Sha256, swarms: readonly string[]): void {
    const file = this.stat(key);
    if (!file) return;
    const all = new Set([...file.swarms, ...swarms]);
    if (all.size > file.swarms.length) this.#index.setSwarms(key, [...all]);
  }

  remove(key: Sha256): void {
    // The row first: a file without a row is never believed, a row without a file might be for a moment.
    let wasThere: boolean;
    try {
      wasThere = this.#index.delete(key);
    } catch {
      // A full disk may leave no room even for taking a row out: make some.
      this.#tree.remove(key);
      wasThere = this.#index.delete(key);
    }
    if (!wasThere) return;
    this.#tree.remove(key);
    for (const listener of this.#listeners) listener(key);
  }

  list(): Iterable<StoredFile> {
    return this.#index.all();
  }

  totals(): StoreTotals {
    return { files: this.#index.files, bytes: this.#index.bytes, limitBytes: this.#limitBytes };
  }

  onGone(listener: (key: Sha256) => void): void {
    this.#listeners.push(listener);
  }

  /** Lets the least recently used go until no more than so many bytes are left; what is open stays. */
  prune(toBytes: number): void {
    this.#flush();
    const order = this.#index.evictionOrder(this.#limitBytes);
    const tooMuch = this.#index.bytes - toBytes;
    for (const { key } of chooseEvictions(order, tooMuch, (each) => this.#opens.has(each))) this.remove(key);
  }

  /** Other limits from now on; what is too much goes at once. */
  setLimits(limits: { readonly limitBytes: number; readonly minFreeBytes: number }): void {
    this.#limitBytes = limits.limitBytes;
    this.#minFreeBytes = limits.minFreeBytes;
    this.#makeRoom(0, undefined);
  }

  get limits(): { readonly limitBytes: number; readonly minFreeBytes: number } {
    return { limitBytes: this.#limitBytes, minFreeBytes: this.#minFreeBytes };
  }

  /** Of the disk, for whoever may write there. */
  get diskFreeBytes(): number {
    return this.#diskFreeBytes();
  }

  /** Resolves when the work of the start is done and everything stored has been synced. */
  async settled(): Promise<void> {
    await this.#tidied;
    await this.#syncs.idle();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#stopFlushing();
    this.#stopping.abort();
    await this.#tidied;
    await this.#syncs[Symbol.asyncDispose]();
    this.#flush();
    this.#index[Symbol.dispose]();
    this.#lock[Symbol.dispose]();
  }

  #publish(key: Sha256, sizeBytes: number, partialPath: string, details: CommitDetails): StoredFile {
    const before = this.#index.get(key)?.file;
    const file: StoredFile = {
      key,
      sizeBytes,
      lastModifiedMs: wholeSeconds(details.lastModifiedMs ?? this.#clock.wallMs()),
      name: details.name,
      swarms: [...new Set([...(before?.swarms ?? []), ...details.swarms])],
    };
    this.#tree.take(partialPath, key);
    try {
      this.#index.put(file, this.#clock.wallMs());
      if (details.layer) this.#index.setLayer(key, details.layer);
    } catch (error) {
      this.remove(key);
      this.#tree.remove(key);
      throw error;
    }
    this.#syncs.add(key);
    return file;
  }

  /** What is kept of `resumed` stays: it is part of what comes in. */
  #makeRoom(incomingBytes: number, resumed: Sha256 | undefined): void {
    const hereBytes = resumed === undefined ? 0 : this.#partials.bytesOf(resumed);
    const needed = () =>
      bytesToEvict({
        storedBytes: this.#index.bytes + this.#partials.keptBytes - hereBytes,
        reservedBytes: this.#reservedBytes,
        incomingBytes,
        limitBytes: this.#limitBytes,
        diskFreeBytes: this.#diskFreeBytes() + hereBytes,
        minFreeBytes: this.#minFreeBytes,
      });
    if (needed() === 0) return;
    this.#partials.evict(needed(), resumed);
    this.#flush();
    const isOpen = (key: Sha256) => this.#opens.has(key);
    for (const { key } of chooseEvictions(this.#index.evictionOrder(this.#limitBytes), needed(), isOpen)) {
      this.remove(key);
    }
    const free = this.#diskFreeBytes() + hereBytes;
    if (incomingBytes > 0 && free < incomingBytes + this.#minFreeBytes) {
      const kept = this.#minFreeBytes > 0 ? `, of which ${this.#minFreeBytes} are to stay so` : '';
      throw new Error(
        `could not store ${incomingBytes} bytes in ${this.#cacheDir}: the disk has ${free} free${kept}`,
      );
    }
  }

  #diskFreeBytes(): number {
    const { bavail, bsize } = statfsSync(this.#cacheDir);
    return bavail * bsize;
  }

  async #tidy(): Promise<void> {
    try {
      await this.#partials.sweep(this.#stopping.signal);
      await this.#doubts.settleAll(this.#stopping.signal);
    } catch (error) {
      log.warn(`store: could not tidy ${this.#cacheDir}: ${(error as Error).message}`);
    }
  }

  #unpin(key: Sha256): void {
    const opens = (this.#opens.get(key) ?? 1) - 1;
    if (opens > 0) this.#opens.set(key, opens);
    else this.#opens.delete(key);
  }

  #flushLater(): void {
    this.#stopFlushing = this.#clock.after(FLUSH_EVERY_MS, () => {
      this.#flush();
      // Others may have filled the disk.
      this.#quietly('make room', () => this.#makeRoom(0, undefined));
      this.#flushLater();
    });
  }

  #flush(): void {
    this.#quietly('write times of use', () => this.#index.flushUses());
  }

  /** For what is of use only: a full disk must not end the process. */
  #quietly(what: string, run: () => void): void {
    try {
      run();
    } catch (error) {
      log.warn(`store: could not ${what}: ${(error as Error).message}`);
    }
  }
}

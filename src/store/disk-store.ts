/**
 * The store on disk: `<cacheDir>/files/ab/<sha256>` and rows in `<cacheDir>/store.sqlite` (disk-index.ts).
 *
 * A file becomes visible by rename, then row. Killed before the rename, a partial file is left: swept at the next start;
 * between the two, a whole file without a row: taken up after hashing. A row without its file is dropped when it is
 * opened. A power cut may leave short files under names that claim more: rows not known to be synced are hashed before
 * they are believed. Nothing here waits for the disk: syncing, sweeping and hashing go on behind (sync-queue.ts, tidy.ts).
 */

import { randomUUID } from 'node:crypto';
import { closeSync, fstatSync, mkdirSync, openSync, renameSync, rmSync, statfsSync } from 'node:fs';
import { type Clock, systemClock } from '../lib/clock.ts';
import { log } from '../lib/log.ts';
import type { Sha256 } from '../lib/sha256.ts';
import { readBootId } from './boot-id.ts';
import type { DiskIndex } from './disk-index.ts';
import { DiskPartial } from './disk-partial.ts';
import { bytesToEvict, chooseEvictions } from './eviction.ts';
import { openIndex } from './open-index.ts';
import { wholeSeconds } from './partial-bytes.ts';
import type { CommitDetails, OpenFile, PartialFile, Store, StoredFile, StoreTotals } from './store.ts';
import { lockCacheDir } from './store-lock.ts';
import { SyncQueue } from './sync-queue.ts';
import { tidy } from './tidy.ts';
import { verifyFile, verifyFileSlowly } from './verify-file.ts';

export interface DiskStoreOptions {
  readonly cacheDir: string;
  /** Least recently used files go when there is more than this. Default 10 GiB. */
  readonly limitBytes?: number;
  readonly clock?: Clock;
  /** Which run of the machine this is; tests play a power cut with another. */
  readonly bootId?: string;
}

const DEFAULT_LIMIT_BYTES = 10 * 2 ** 30;
const FLUSH_EVERY_MS = 5_000;

export class DiskStore implements Store {
  readonly #cacheDir: string;
  readonly #filesDir: string;
  readonly #partialDir: string;
  readonly #limitBytes: number;
  readonly #clock: Clock;
  readonly #lock: Disposable;
  readonly #index: DiskIndex;
  readonly #syncs: SyncQueue;
  readonly #opens = new Map<Sha256, number>();
  readonly #listeners: ((key: Sha256) => void)[] = [];
  readonly #prefixesMade = new Set<string>();
  readonly #stopping = new AbortController();
  readonly #tidied: Promise<void>;
  /** Partial files of this run begin with it. */
  readonly #run = randomUUID();
  #partials = 0;
  #reservedBytes = 0;
  #stopFlushing: () => void = () => {};
  #disposed = false;

  /** Throws ConfigError when another process has the folder, the system's error when it can't be used. */
  constructor(options: DiskStoreOptions) {
    this.#cacheDir = options.cacheDir;
    this.#filesDir = `${options.cacheDir}/files`;
    this.#partialDir = `${options.cacheDir}/partial`;
    this.#limitBytes = options.limitBytes ?? DEFAULT_LIMIT_BYTES;
    this.#clock = options.clock ?? systemClock;
    for (const dir of [this.#filesDir, this.#partialDir]) mkdirSync(dir, { recursive: true });
    this.#lock = lockCacheDir(options.cacheDir);
    try {
      this.#index = openIndex(options.cacheDir, options.bootId ?? readBootId());
    } catch (error) {
      this.#lock[Symbol.dispose]();
      throw error;
    }
    this.#syncs = new SyncQueue(
      (key) => this.#path(key),
      (key) => this.#quietly('mark a file as synced', () => this.#index.markSynced(key)),
    );
    this.#tidied = this.#tidy();
    this.#flushLater();
  }

  stat(key: Sha256): StoredFile | undefined {
    const indexed = this.#index.get(key);
    if (!indexed) return undefined;
    return indexed.isSuspect && !this.#settleNow(indexed.file) ? undefined : indexed.file;
  }

  open(key: Sha256): OpenFile | undefined {
    const file = this.stat(key);
    if (!file) return undefined;
    const fd = this.#openWhole(file);
    if (fd === undefined) {
      this.remove(key);
      return undefined;
    }
    this.#index.touch(key, this.#clock.wallMs());
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

  createPartial(key: Sha256, sizeBytes: number): PartialFile {
    if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0)
      throw new RangeError(`not a file size: ${sizeBytes}`);
    this.#makeRoom(sizeBytes);
    this.#partials += 1;
    const partial = new DiskPartial({
      key,
      sizeBytes,
      path: `${this.#partialDir}/${this.#run}-${this.#partials}`,
      publish: (path, details) => this.#publish(key, sizeBytes, path, details),
      ended: () => {
        this.#reservedBytes -= sizeBytes;
      },
    });
    this.#reservedBytes += sizeBytes;
    return partial;
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
    const path = this.#path(key);
    let wasThere: boolean;
    try {
      wasThere = this.#index.delete(key);
    } catch {
      // A full disk may leave no room even for taking a row out: make some.
      rmSync(path, { force: true });
      wasThere = this.#index.delete(key);
    }
    if (!wasThere) return;
    rmSync(path, { force: true });
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
    this.#makePrefix(key);
    renameSync(partialPath, this.#path(key));
    try {
      this.#index.put(file, this.#clock.wallMs());
      if (details.layer) this.#index.setLayer(key, details.layer);
    } catch (error) {
      this.remove(key);
      rmSync(this.#path(key), { force: true });
      throw error;
    }
    this.#syncs.add(key);
    return file;
  }

  #makeRoom(incomingBytes: number): void {
    const needed = bytesToEvict({
      storedBytes: this.#index.bytes,
      reservedBytes: this.#reservedBytes,
      incomingBytes,
      limitBytes: this.#limitBytes,
      diskFreeBytes: this.#diskFreeBytes(),
    });
    if (needed === 0) return;
    this.#flush();
    const isOpen = (key: Sha256) => this.#opens.has(key);
    for (const { key } of chooseEvictions(this.#index.evictionOrder(this.#limitBytes), needed, isOpen)) {
      this.remove(key);
    }
    const free = this.#diskFreeBytes();
    if (free < incomingBytes) {
      throw new Error(
        `could not store ${incomingBytes} bytes in ${this.#cacheDir}: the disk has ${free} free`,
      );
    }
  }

  #diskFreeBytes(): number {
    const { bavail, bsize } = statfsSync(this.#cacheDir);
    return bavail * bsize;
  }

  /** A file descriptor, if the file is there and as long as it should be. */
  #openWhole(file: StoredFile): number | undefined {
    let fd: number;
    try {
      fd = openSync(this.#path(file.key), 'r');
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'ENOENT' || code === 'EISDIR') return undefined;
      throw error;
    }
    if (fstatSync(fd).size === file.sizeBytes) return fd;
    closeSync(fd);
    return undefined;
  }

  /** Believes or drops a suspect. */
  #settleNow(file: StoredFile): boolean {
    return this.#settled(file, verifyFile(this.#path(file.key), file.key, file.sizeBytes) !== undefined);
  }

  #settled(file: StoredFile, isWhole: boolean): boolean {
    if (isWhole) this.#index.markSynced(file.key);
    else {
      log.warn(`store: ${file.key} (${file.name}) was damaged, dropped`);
      this.remove(file.key);
    }
    return isWhole;
  }

  async #tidy(): Promise<void> {
    try {
      for (const key of this.#index.notSynced()) this.#syncs.add(key);
      await tidy({
        filesDir: this.#filesDir,
        partialDir: this.#partialDir,
        isOurs: (name) => name.startsWith(this.#run),
        suspects: this.#index.suspects(),
        settle: (key) => this.#settleSlowly(key),
        lookForStrays: !this.#index.wasClosedInOrder,
        has: (key) => this.#index.has(key),
        adopt: (key, sizeBytes) => this.#adopt(key, sizeBytes),
        signal: this.#stopping.signal,
      });
    } catch (error) {
      log.warn(`store: could not tidy ${this.#cacheDir}: ${(error as Error).message}`);
    }
  }

  async #settleSlowly(key: Sha256): Promise<void> {
    const before = this.#index.get(key);
    if (!before?.isSuspect) return;
    const isWhole = (await verifyFileSlowly(this.#path(key), key, before.file.sizeBytes)) !== undefined;
    // Somebody else may have settled or replaced it meanwhile.
    if (this.#index.get(key)?.isSuspect) this.#settled(before.file, isWhole);
  }

  /** A file whose row was lost. Whether it may be shared isn't known any more: private until share() says otherwise. */
  #adopt(key: Sha256, sizeBytes: number): void {
    const nowMs = this.#clock.wallMs();
    this.#index.put({ key, sizeBytes, lastModifiedMs: wholeSeconds(nowMs), name: '', swarms: [] }, nowMs);
    this.#syncs.add(key);
  }

  #unpin(key: Sha256): void {
    const opens = (this.#opens.get(key) ?? 1) - 1;
    if (opens > 0) this.#opens.set(key, opens);
    else this.#opens.delete(key);
  }

  #flushLater(): void {
    this.#stopFlushing = this.#clock.after(FLUSH_EVERY_MS, () => {
      this.#flush();
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

  #makePrefix(key: Sha256): void {
    const prefix = key.slice(0, 2);
    if (this.#prefixesMade.has(prefix)) return;
    mkdirSync(`${this.#filesDir}/${prefix}`, { recursive: true });
    this.#prefixesMade.add(prefix);
  }

  #path(key: Sha256): string {
    return `${this.#filesDir}/${key.slice(0, 2)}/${key}`;
  }
}

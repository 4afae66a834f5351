/**
 * Hashes files of a tree before anybody gets them: what an index names, and is new or changed. It decides the order (what
 * somebody asks for first), what is too fresh to be told from its next change (file-stamp.ts), and what was written to
 * while it was read; who may have it and what else is in the tree is others' business.
 *
 * Small files go to the hash thread by the dozen, as waking it costs more than reading one. The queue is bounded:
 * whoever fills it waits for room().
 */
import { type BigIntStats, closeSync, fstatSync, openSync } from 'node:fs';
import type { Entry } from '../archive/entry.ts';
import type { Clock } from '../lib/clock.ts';
import { log } from '../lib/log.ts';
import type { Sha256 } from '../lib/sha256.ts';
import { ageMs, FRESH_MS, isUnchanged } from '../store/file-stamp.ts';
import type { Coming } from '../store/store.ts';
import type { FoundFile, Hasher } from './hasher.ts';

export interface Named {
  /** Below the tree's root. */
  readonly path: string;
  /** What an index says that it is. */
  readonly entry: Entry;
}

/** What a file was found to be. */
export interface Found extends FoundFile {
  /** From before and after it was read: the same. */
  readonly stat: BigIntStats;
}

export interface TreeVerifierOptions {
  readonly hasher: Pick<Hasher, 'files'>;
  readonly clock: Clock;
  readonly locate: (path: string) => string;
  /** What there is to say of it without reading it: true when nothing more is to be done. */
  readonly isKnown: (named: Named, stat: BigIntStats) => boolean;
  /** Of what was read together. */
  readonly found: (found: readonly (readonly [Named, Found])[]) => void;
  readonly unreadable: (path: string, reason: string) => void;
}

export interface VerifierProgress {
  /** Read and hashed since the start. */
  readonly hashedFiles: number;
  readonly hashedBytes: number;
  /** Yet to be looked at. */
  readonly waitingFiles: number;
  readonly waitingBytes: number;
}

/** While one is hashed, the next is opened. */
const BATCHES_AT_ONCE = 2;
const BATCH_FILES = 64;
const BATCH_BYTES = 4 << 20;
const MAX_WAITING = 100_000;
/** A file that is written to again and again waits for the next look at the tree. */
const MAX_TRIES = 5;

interface Task extends Named {
  tries: number;
}

interface Opened {
  readonly task: Task;
  readonly fd: number;
  readonly before: BigIntStats;
}

export class TreeVerifier implements AsyncDisposable {
  readonly #options: TreeVerifierOptions;
  /** By path, in the order in which they are hashed. */
  readonly #waiting = new Map<string, Task>();
  /** What waits and what is being hashed, by key and path. */
  readonly #tasks = new Map<Sha256, Map<string, Task>>();
  readonly #settled = new Map<Sha256, PromiseWithResolvers<void>>();
  /** Asked for: these go first. */
  readonly #asked: Task[] = [];
  readonly #running = new Set<Promise<void>>();
  readonly #timers = new Set<() => void>();
  #roomAwaited: PromiseWithResolvers<void> | undefined;
  #idle: PromiseWithResolvers<void> | undefined;
  #waitingFiles = 0;
  #waitingBytes = 0;
  #hashedFiles = 0;
  #hashedBytes = 0;
  #isClosed = false;

  constructor(options: TreeVerifierOptions) {
    this.#options = options;
  }

  get progress(): VerifierProgress {
    return {
      hashedFiles: this.#hashedFiles,
      hashedBytes: this.#hashedBytes,
      waitingFiles: this.#waitingFiles,
      waitingBytes: this.#waitingBytes,
    };
  }

  /** To be hashed, unless it waits already. */
  add(named: Named): void {
    if (this.#isClosed || this.#tasks.get(named.entry.key)?.has(named.path)) return;
    const task = { ...named, tries: 0 };
    this.#enter(task);
    this.#push(task);
  }

  /** Resolves when there is room for more. */
  room(): Promise<void> {
    if (this.#waiting.size < MAX_WAITING || this.#isClosed) return Promise.resolve();
    this.#roomAwaited ??= Promise.withResolvers();
    return this.#roomAwaited.promise;
  }

  /** Resolves when nothing waits any more. */
  idle(): Promise<void> {
    if (this.#tasks.size === 0 || this.#isClosed) return Promise.resolve();
    this.#idle ??= Promise.withResolvers();
    return this.#idle.promise;
  }

  /** What is to be hashed of that content. */
  coming(key: Sha256): Coming | undefined {
    const [task] = this.#tasks.get(key)?.values() ?? [];
    if (task === undefined) return undefined;
    return {
      swarms: task.entry.swarms,
      settled: () => {
        if (this.#waiting.delete(task.path)) {
          this.#asked.push(task);
          this.#work();
        }
        const settled = this.#settled.get(key) ?? Promise.withResolvers<void>();
        this.#settled.set(key, settled);
        return settled.promise;
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    for (const cancel of this.#timers) cancel();
    this.#waiting.clear();
    this.#asked.length = 0;
    await Promise.all(this.#running);
    for (const { resolve } of this.#settled.values()) resolve();
    this.#roomAwaited?.resolve();
    this.#idle?.resolve();
  }

  #enter(task: Task): void {
    const { key, sizeBytes } = task.entry;
    const tasks = this.#tasks.get(key) ?? new Map<string, Task>();
    tasks.set(task.path, task);
    this.#tasks.set(key, tasks);
    this.#waitingFiles += 1;
    this.#waitingBytes += sizeBytes;
  }

  #leave({ path, entry }: Task): void {
    const tasks = this.#tasks.get(entry.key);
    if (!tasks?.delete(path)) return;
    this.#waitingFiles -= 1;
    this.#waitingBytes -= entry.sizeBytes;
    if (tasks.size > 0) return;
    this.#tasks.delete(entry.key);
    this.#settled.get(entry.key)?.resolve();
    this.#settled.delete(entry.key);
    if (this.#tasks.size > 0) return;
    this.#idle?.resolve();
    this.#idle = undefined;
  }

  #push(task: Task): void {
    this.#waiting.set(task.path, task);
    this.#work();
  }

  #work(): void {
    while (!this.#isClosed && this.#running.size < BATCHES_AT_ONCE) {
      const batch = this.#nextBatch();
      if (batch.length === 0) break;
      const running: Promise<void> = this.#verify(batch).finally(() => {
        this.#running.delete(running);
        this.#work();
      });
      this.#running.add(running);
    }
    if (this.#waiting.size >= MAX_WAITING / 2) return;
    this.#roomAwaited?.resolve();
    this.#roomAwaited = undefined;
  }

  /** Many small ones, or a large one. What is asked for doesn't wait for others. */
  #nextBatch(): Task[] {
    const asked = this.#asked.shift();
    if (asked) return [asked];
    const batch: Task[] = [];
    let bytes = 0;
    for (const task of this.#waiting.values()) {
      bytes += task.entry.sizeBytes;
      if (batch.length > 0 && (bytes > BATCH_BYTES || batch.length === BATCH_FILES)) break;
      batch.push(task);
    }
    for (const { path } of batch) this.#waiting.delete(path);
    return batch;
  }

  /** Never rejects. */
  async #verify(batch: readonly Task[]): Promise<void> {
    const opened: Opened[] = [];
    try {
      for (const task of batch) this.#open(task, opened);
      const files = opened.map(({ task, fd }) => ({ fd, sizeBytes: task.entry.sizeBytes }));
      const hashed = files.length > 0 ? await this.#options.hasher.files(files) : [];
      if (!this.#isClosed) this.#judge(opened, hashed);
    } catch (error) {
      // The hash thread is gone: it is started anew for the next.
      for (const { task } of opened) this.#leave(task);
      if (!this.#isClosed) log.warn(`could not verify ${opened.length} files: ${(error as Error).message}`);
    } finally {
      for (const { fd } of opened) closeSync(fd);
    }
  }

  /** Adds it to `opened` if it is to be read now. */
  #open(task: Task, opened: Opened[]): void {
    const { locate, clock, isKnown, unreadable } = this.#options;
    let fd: number | undefined;
    try {
      fd = openSync(locate(task.path), 'r');
      const before = fstatSync(fd, { bigint: true });
      const waitMs = FRESH_MS - ageMs(before, clock.wallMs());
      // A date in the future says nothing of when it will change.
      const isFresh = waitMs > 0 && waitMs <= FRESH_MS;
      const isSame = before.isFile() && Number(before.size) === task.entry.sizeBytes;
      if (isFresh) this.#later(task, waitMs);
      else if (!isSame || isKnown(task, before)) this.#leave(task);
      else {
        opened.push({ task, fd, before });
        fd = undefined;
      }
    } catch (error) {
      this.#leave(task);
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') unreadable(task.path, (error as Error).message);
    } finally {
      if (fd !== undefined) closeSync(fd);
    }
  }

  #judge(opened: readonly Opened[], hashed: readonly (FoundFile | undefined)[]): void {
    const found: [Task, Found][] = [];
    for (const [i, { task, fd, before }] of opened.entries()) {
      const stat = fstatSync(fd, { bigint: true });
      const its = hashed[i];
      task.tries += 1;
      if (its) {
        this.#hashedFiles += 1;
        this.#hashedBytes += task.entry.sizeBytes;
      }
      if (!isUnchanged(before, stat)) {
        if (task.tries < MAX_TRIES) this.#later(task, FRESH_MS);
        else this.#leave(task);
      } else if (its) found.push([task, { ...its, stat }]);
      else {
        this.#leave(task);
        this.#options.unreadable(task.path, 'it could not be read to its end');
      }
    }
    if (found.length > 0) this.#options.found(found);
    for (const [task] of found) this.#leave(task);
  }

  #later(task: Task, delayMs: number): void {
    if (this.#isClosed) return;
    const cancel = this.#options.clock.after(delayMs, () => {
      this.#timers.delete(cancel);
      this.#push(task);
    });
    this.#timers.add(cancel);
  }
}

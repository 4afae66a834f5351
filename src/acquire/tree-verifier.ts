/**
 * Hashes files of a tree before anybody gets them: what an index names, and is new or changed. It decides the order (what
 * somebody asks for first), what is too fresh to be told from its next change (file-stamp.ts), and what was written to
 * while it was read; who may have it and what else is in the tree is others' business.
 *
 * A few files are on their way to the hash thread at once. The queue is bounded: whoever fills it waits for room().
 */
import { type BigIntStats, closeSync, fstatSync, openSync } from 'node:fs';
import type { Entry } from '../archive/entry.ts';
import type { Clock } from '../lib/clock.ts';
import type { Sha256 } from '../lib/sha256.ts';
import { ageMs, FRESH_MS, isUnchanged } from '../store/file-stamp.ts';
import type { Coming } from '../store/store.ts';
import { Pieces } from '../torrent/pieces.ts';
import type { Hasher } from './hasher.ts';

export interface Named {
  /** Below the tree's root. */
  readonly path: string;
  /** What an index says that it is. */
  readonly entry: Entry;
}

/** What a file was found to be. */
export interface Found {
  readonly key: Sha256;
  readonly layer: Uint8Array;
  /** From before and after it was read: the same. */
  readonly stat: BigIntStats;
}

export interface TreeVerifierOptions {
  readonly hasher: Pick<Hasher, 'file'>;
  readonly clock: Clock;
  readonly locate: (path: string) => string;
  /** What there is to say of it without reading it: true when nothing more is to be done. */
  readonly isKnown: (named: Named, stat: BigIntStats) => boolean;
  readonly found: (named: Named, found: Found) => void;
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

const AT_ONCE = 4;
const MAX_WAITING = 100_000;
/** A file that is written to again and again waits for the next look at the tree. */
const MAX_TRIES = 5;

interface Task extends Named {
  tries: number;
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
    while (!this.#isClosed && this.#running.size < AT_ONCE) {
      const task = this.#next();
      if (task === undefined) break;
      const running: Promise<void> = this.#verify(task).finally(() => {
        this.#running.delete(running);
        this.#work();
      });
      this.#running.add(running);
    }
    if (this.#waiting.size >= MAX_WAITING / 2) return;
    this.#roomAwaited?.resolve();
    this.#roomAwaited = undefined;
  }

  #next(): Task | undefined {
    const asked = this.#asked.shift();
    if (asked) return asked;
    const [first] = this.#waiting.values();
    if (first) this.#waiting.delete(first.path);
    return first;
  }

  /** Never rejects. */
  async #verify(task: Task): Promise<void> {
    const { locate, unreadable, clock } = this.#options;
    let fd: number | undefined;
    try {
      fd = openSync(locate(task.path), 'r');
      const waitMs = FRESH_MS - ageMs(fstatSync(fd, { bigint: true }), clock.wallMs());
      // A date in the future says nothing of when it will change.
      const againMs = waitMs > 0 && waitMs <= FRESH_MS ? waitMs : await this.#hash(task, fd);
      if (againMs === undefined) this.#leave(task);
      else this.#later(task, againMs);
    } catch (error) {
      this.#leave(task);
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ENOENT' && !this.#isClosed) unreadable(task.path, (error as Error).message);
    } finally {
      if (fd !== undefined) closeSync(fd);
    }
  }

  /** Undefined when nothing more is to be done, else when to try again. */
  async #hash(task: Task, fd: number): Promise<number | undefined> {
    const { hasher, isKnown, found } = this.#options;
    const { entry } = task;
    const before = fstatSync(fd, { bigint: true });
    if (!before.isFile() || Number(before.size) !== entry.sizeBytes) return undefined;
    if (isKnown(task, before)) return undefined;
    const { key, layer } = await hasher.file(fd, new Pieces(entry.sizeBytes));
    const stat = fstatSync(fd, { bigint: true });
    if (this.#isClosed) return undefined;
    this.#hashedFiles += 1;
    this.#hashedBytes += entry.sizeBytes;
    task.tries += 1;
    if (!isUnchanged(before, stat)) return task.tries < MAX_TRIES ? FRESH_MS : undefined;
    found(task, { key, layer, stat });
    return undefined;
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

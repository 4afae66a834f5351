/**
 * When to look at a tree that others keep up to date: soon after something changed beside one of its Releases (told by
 * the system where it can, and looked for each minute where it can't, as on a network file system), once more when the
 * sync that did it has had time to remove what is no longer named, and now and then. It decides when, not what is done.
 */
import { type FSWatcher, statSync, watch } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../lib/clock.ts';
import { log } from '../lib/log.ts';
import { stampOf } from '../store/file-stamp.ts';
import type { TreeRelease } from './tree-releases.ts';

export interface TreeWatchOptions {
  readonly root: string;
  readonly clock: Clock;
  /** Called one at a time; resolves with the Releases that were found. Never rejects. */
  readonly look: () => Promise<readonly TreeRelease[]>;
}

/** A sync renames one file after another into place. */
const QUIET_MS = 2_000;
const POLL_MS = 60_000;
/** "rsync --delete-after", the second stage of ftpsync. */
const AFTERMATH_MS = 10 * 60_000;
const REGULARLY_MS = 3600_000;

export class TreeWatch implements Disposable {
  readonly #options: TreeWatchOptions;
  readonly #watchers = new Map<string, FSWatcher>();
  #stamps = '';
  #releases: readonly TreeRelease[] = [];
  #looking: Promise<void> | undefined;
  #isDue = false;
  #cancelQuiet: (() => void) | undefined;
  #cancelPoll: (() => void) | undefined;
  #lookAtMs = 0;
  #isClosed = false;

  constructor(options: TreeWatchOptions) {
    this.#options = options;
  }

  /** Looks now, and resolves when that is done; what changes meanwhile is looked at after it. */
  look(): Promise<void> {
    this.#isDue = true;
    this.#looking ??= this.#lookNow().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#cancelQuiet?.();
    this.#cancelPoll?.();
    for (const watcher of this.#watchers.values()) watcher.close();
  }

  async #lookNow(): Promise<void> {
    const { clock, look } = this.#options;
    while (this.#isDue && !this.#isClosed) {
      this.#isDue = false;
      const before = this.#stamps;
      this.#releases = await look();
      if (this.#isClosed) return;
      this.#watch();
      this.#stamps = this.#stampsNow();
      const hasChanged = before !== '' && before !== this.#stamps;
      this.#lookAtMs = clock.nowMs() + (hasChanged ? AFTERMATH_MS : REGULARLY_MS);
    }
    this.#cancelPoll?.();
    this.#cancelPoll = clock.after(POLL_MS, () => this.#poll());
  }

  #poll(): void {
    const isTime = this.#options.clock.nowMs() >= this.#lookAtMs;
    if (isTime || this.#stampsNow() !== this.#stamps) void this.look();
    else this.#cancelPoll = this.#options.clock.after(POLL_MS, () => this.#poll());
  }

  #changed(): void {
    if (this.#isClosed) return;
    this.#cancelQuiet?.();
    this.#cancelQuiet = this.#options.clock.after(QUIET_MS, () => void this.look());
  }

  /** The folders of the Releases, and no others. */
  #watch(): void {
    const folders = new Set(this.#releases.map(({ directory }) => join(this.#options.root, directory)));
    for (const [folder, watcher] of this.#watchers) {
      if (folders.delete(folder)) continue;
      watcher.close();
      this.#watchers.delete(folder);
    }
    for (const folder of folders) {
      try {
        const watcher = watch(folder, () => this.#changed());
        // Whatever ends it, the minutely look goes on.
        watcher.on('error', () => this.#watchers.delete(folder));
        watcher.unref();
        this.#watchers.set(folder, watcher);
      } catch (error) {
        log.debug(`${folder} is not watched: ${(error as Error).message}`);
      }
    }
  }

  #stampsNow(): string {
    const stamps = this.#releases.flatMap(({ directory, files }) =>
      files.map((name) => {
        const path = join(this.#options.root, directory, name);
        try {
          const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
          return `${path} ${stat ? stampOf(stat) : ''}`;
        } catch {
          return path;
        }
      }),
    );
    return stamps.join('\n');
  }
}

/**
 * Which table answers for an index in use, and how a missing one comes: built from a file that a client's request
 * brought in, taken from the shelf where another mirror's index had the same content, or, a while after a new Release
 * or at once when a look-up needs it, fetched through a function it is handed.
 *
 * Invariants: one job at a time is waited for; nothing here rejects (a failure is logged and tried again after a
 * minute); an index's old table answers until the new one is here, and another day for those who read it.
 */
import type { Clock } from '../lib/clock.ts';
import { log } from '../lib/log.ts';
import { quoteRemote } from '../lib/quote-remote.ts';
import type { Sha256 } from '../lib/sha256.ts';
import type { Entry, Location } from './entry.ts';
import type { HeldRelease, UsedIndex } from './held-release.ts';
import type { ReleaseFile } from './release.ts';
import type { TableShelf } from './table-shelf.ts';

export interface IndexTablesOptions {
  readonly shelf: TableShelf;
  readonly clock: Clock;
  /** Gets an index; absent where nobody can. */
  readonly fetchIndex: ((at: Location, entry: Entry) => Promise<string>) | undefined;
  /** From a new Release to fetching its changed indexes by ourselves: apt's chance to do it first. */
  readonly fetchDelayMs: number;
  /** The longest that settle() takes. */
  readonly waitMs: number;
  readonly entryOf: (held: HeldRelease, file: ReleaseFile) => Entry;
  /** Still in force. */
  readonly isHeld: (held: HeldRelease) => boolean;
  /** Another table answers now. */
  readonly changed: () => void;
}

const RETRY_MS = 60_000;
const PREVIOUS_MS = 24 * 3600_000;

export class IndexTables implements Disposable {
  readonly #options: IndexTablesOptions;
  /** What is being fetched or built now, by directory and stem. */
  readonly #jobs = new Map<string, Promise<void>>();
  readonly #timers = new Set<() => void>();
  /** Whose stale indexes a timer will fetch. */
  readonly #scheduled = new Set<HeldRelease>();
  #closed = false;

  constructor(options: IndexTablesOptions) {
    this.#options = options;
  }

  /** One of its indexes that `concerns` picks is on its way, or should be. */
  isUnsettled(held: HeldRelease, concerns: (stem: string) => boolean): boolean {
    const now = this.#options.clock.nowMs();
    for (const index of held.indexes.values()) {
      if (!held.isStale(index) || !concerns(index.stem)) continue;
      if (this.#jobs.has(jobName(held, index))) return true;
      if (this.#options.fetchIndex !== undefined && index.retryAtMs <= now) return true;
    }
    return false;
  }

  /** Fetches what is missing of the indexes that `concerns` picks, and waits for it, at most `waitMs`. */
  async settle(held: readonly HeldRelease[], concerns: (stem: string) => boolean): Promise<void> {
    const jobs = Promise.all(held.flatMap((one) => this.#fetchStale(one, concerns)));
    let cancel = () => {};
    const timeUp = new Promise<void>((resolve) => {
      cancel = this.#options.clock.after(this.#options.waitMs, resolve);
    });
    await Promise.race([jobs, timeUp]);
    cancel();
  }

  /** Fetches what is missing, unless a client brings it before. */
  fetchStaleLater(held: HeldRelease): void {
    if (this.#options.fetchIndex === undefined || this.#scheduled.has(held)) return;
    if (![...held.indexes.values()].some((index) => held.isStale(index))) return;
    this.#scheduled.add(held);
    this.#after(this.#options.fetchDelayMs, () => {
      this.#scheduled.delete(held);
      if (this.#options.isHeld(held)) void Promise.all(this.#fetchStale(held));
    });
  }

  /** The index's file is at `path`: its table is made and taken into use. */
  build(held: HeldRelease, index: UsedIndex, fileKey: Sha256, path: string): Promise<void> {
    return this.#job(held, index, () => this.#build(held, index, fileKey, path));
  }

  /** apt has it at `path`, packed as it likes. It may be another day's: that is no failure of anybody's. */
  buildListed(held: HeldRelease, index: UsedIndex, path: string): Promise<void> {
    return this.#job(held, index, async () => {
      try {
        await this.#build(held, index, undefined, path);
      } catch (error) {
        log.debug(`archive: no table from ${quoteRemote(path, 300)}: ${quoteRemote(reasonOf(error), 300)}`);
      }
    });
  }

  /** Takes the right table into use when the shelf has it; true when another one answers now. */
  takeFromShelf(held: HeldRelease, index: UsedIndex): boolean {
    if (!held.isStale(index)) return false;
    const { shelf } = this.#options;
    const key = held.tableKeys(index.stem).find((candidate) => shelf.load(candidate) !== undefined);
    if (key === undefined) return false;
    index.previous = index.current;
    index.current = key;
    index.retryAtMs = 0;
    const { previous } = index;
    if (previous !== undefined) {
      this.#after(PREVIOUS_MS, () => {
        if (index.previous !== previous) return;
        index.previous = undefined;
        this.#options.changed();
      });
    }
    return true;
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    for (const cancel of this.#timers) cancel();
  }

  /** Starts what is missing; the promises of all that is under way. They don't reject. */
  #fetchStale(held: HeldRelease, concerns: (stem: string) => boolean = () => true): Promise<void>[] {
    const { clock, fetchIndex } = this.#options;
    const jobs: Promise<void>[] = [];
    for (const index of held.indexes.values()) {
      if (!held.isStale(index) || !concerns(index.stem)) continue;
      const running = this.#jobs.get(jobName(held, index));
      if (running !== undefined) jobs.push(running);
      else if (fetchIndex !== undefined && index.retryAtMs <= clock.nowMs()) {
        jobs.push(this.#job(held, index, () => this.#fetchAndBuild(held, index)));
      }
    }
    return jobs;
  }

  /**
   * One job at a time for an index; a second one (the file arrives while we fetch it) runs beside the first, and
   * waiters see the later one.
   */
  #job(held: HeldRelease, index: UsedIndex, run: () => Promise<void>): Promise<void> {
    const name = jobName(held, index);
    const job = run()
      .catch((error: unknown) => {
        if (this.#closed) return;
        index.retryAtMs = this.#options.clock.nowMs() + RETRY_MS;
        log.warn(
          `archive: no table for ${quoteRemote(`${held.place.directory}/${index.stem}`)}: ${quoteRemote(reasonOf(error), 300)}`,
        );
      })
      .finally(() => {
        if (this.#jobs.get(name) === job) this.#jobs.delete(name);
      });
    this.#jobs.set(name, job);
    return job;
  }

  async #fetchAndBuild(held: HeldRelease, index: UsedIndex): Promise<void> {
    const { fetchIndex, entryOf } = this.#options;
    if (fetchIndex === undefined) return;
    let failure: unknown = new Error('the Release names no such index');
    for (const file of held.fetchable(index)) {
      try {
        const path = await fetchIndex(held.locate(file), entryOf(held, file));
        await this.#build(held, index, file.key, path);
        return;
      } catch (error) {
        failure = error;
        if (this.#closed) break;
      }
    }
    throw failure;
  }

  /** `fileKey`: of the file as it is; undefined where only its content is stated. */
  async #build(
    held: HeldRelease,
    index: UsedIndex,
    fileKey: Sha256 | undefined,
    path: string,
  ): Promise<void> {
    const plain = held.release.file(index.stem);
    const key = plain?.key ?? fileKey;
    if (key === undefined) throw new Error('the Release does not state its content');
    await this.#options.shelf.build(key, path, fileKey, plain !== undefined);
    if (this.#closed || !this.#options.isHeld(held)) return;
    if (this.takeFromShelf(held, index)) this.#options.changed();
  }

  #after(delayMs: number, run: () => void): void {
    const cancel = this.#options.clock.after(delayMs, () => {
      this.#timers.delete(cancel);
      if (!this.#closed) run();
    });
    this.#timers.add(cancel);
  }
}

function jobName(held: HeldRelease, index: UsedIndex): string {
  return `${held.place.directory}/${index.stem}`;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

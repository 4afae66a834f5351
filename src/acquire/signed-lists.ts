/**
 * The .dtorrents that signed Releases list beside the indexes in use ("Packages.dtorrent"): fetched as any file that a
 * Release names, by its SHA-256, from peers or the mirror. What they state is then the archive's own word: roots of
 * hash trees for its files (grade "signed", docs/protocol.md), and trackers for its swarms, no others.
 * One is fetched at a time, each content once; one that can't be had or read is tried again later, and what was known
 * before answers meanwhile. Nothing waits for any of this.
 */
import type { ListedBeside } from '../archive/catalogue.ts';
import { type Entry, type Location, locationName } from '../archive/entry.ts';
import type { Clock } from '../lib/clock.ts';
import { log } from '../lib/log.ts';
import { quoteRemote } from '../lib/quote-remote.ts';
import type { Sha256 } from '../lib/sha256.ts';
import { type Dtorrent, decodeDtorrent } from '../torrent/dtorrent.ts';
import { RootTable } from './root-table.ts';

export interface SignedListsOptions {
  /** What Releases in force list now. */
  readonly listed: () => readonly ListedBeside[];
  /** The file's bytes, verified. May reject. */
  readonly fetch: (at: Location, entry: Entry) => Promise<Uint8Array>;
  readonly clock: Clock;
  /** Trackers may be others now. */
  readonly changed: () => void;
}

export interface SignedTrackers {
  readonly tiers: readonly (readonly string[])[];
  /** Info-hashes (hexadecimal) of the archive's own swarms. */
  readonly swarms: ReadonlySet<string>;
}

interface Known {
  readonly listed: ListedBeside;
  readonly roots: RootTable;
  readonly trackers: Dtorrent['trackers'];
}

export const EXTENSION = '.dtorrent';
/** All of Debian amd64 is 8 MiB. */
const MAX_BYTES = 64 << 20;
const MAX_LISTS = 64;
const RETRY_MS = 600_000;

const diary = log.withTag('archive');

export class SignedLists implements Disposable {
  readonly #options: SignedListsOptions;
  /** By place. */
  readonly #known = new Map<string, Known>();
  /** Contents that could not be had, and when (monotonic) to try again. */
  readonly #failed = new Map<Sha256, number>();
  #isFetching = false;
  #cancelRetry: (() => void) | undefined;
  #closed = false;

  constructor(options: SignedListsOptions) {
    this.#options = options;
  }

  /** To be called when Releases or indexes changed. */
  update(): void {
    if (this.#closed) return;
    const listed = this.#options.listed().slice(0, MAX_LISTS);
    const places = new Set(listed.map(({ at }) => locationName(at)));
    let isOther = false;
    for (const place of this.#known.keys()) if (!places.has(place)) isOther = this.#known.delete(place);
    if (isOther) this.#options.changed();
    if (!this.#isFetching) void this.#fetchNew(listed);
  }

  /** The root that the archive at `directory` ("host/path" of its Release) states for that content. */
  rootOf(directory: string, key: Sha256): Uint8Array | undefined {
    for (const { listed, roots } of this.#known.values()) {
      const root = listed.directory === directory ? roots.find(key) : undefined;
      if (root !== undefined) return root;
    }
    return undefined;
  }

  trackers(): SignedTrackers[] {
    return [...this.#known.values()]
      .filter(({ trackers }) => trackers.length > 0)
      .map(({ listed, trackers }) => ({ tiers: trackers, swarms: new Set(listed.entry.swarms) }));
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#cancelRetry?.();
  }

  async #fetchNew(all: readonly ListedBeside[]): Promise<void> {
    this.#isFetching = true;
    for (const listed of all) {
      if (this.#closed) return;
      if (this.#isDue(listed)) await this.#fetchOne(listed);
    }
    this.#isFetching = false;
    // While it was fetching, others may have come.
    if (
      !this.#closed &&
      this.#options
        .listed()
        .slice(0, MAX_LISTS)
        .some((one) => this.#isDue(one))
    )
      this.update();
  }

  #isDue({ at, entry }: ListedBeside): boolean {
    if (this.#known.get(locationName(at))?.listed.entry.key === entry.key) return false;
    return (this.#failed.get(entry.key) ?? 0) <= this.#options.clock.nowMs();
  }

  async #fetchOne(listed: ListedBeside): Promise<void> {
    const { at, entry } = listed;
    const place = locationName(at);
    try {
      if (entry.sizeBytes > MAX_BYTES) throw new Error(`it is longer than ${MAX_BYTES} bytes`);
      const { files, trackers } = decodeDtorrent(await this.#options.fetch(at, entry));
      this.#known.set(place, { listed, roots: new RootTable(files), trackers });
      this.#failed.delete(entry.key);
      this.#options.changed();
    } catch (error) {
      if (this.#closed) return;
      this.#failed.set(entry.key, this.#options.clock.nowMs() + RETRY_MS);
      diary.warn(`could not use ${quoteRemote(place, 200)}: ${quoteRemote((error as Error).message, 200)}`);
      this.#cancelRetry?.();
      this.#cancelRetry = this.#options.clock.after(RETRY_MS, () => this.update());
      if (this.#failed.size > MAX_LISTS) this.#failed.clear();
    }
  }
}

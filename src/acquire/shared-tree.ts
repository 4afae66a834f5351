/**
 * A mirror's tree that is shared in place. A look at it brings its Releases and indexes into the catalogue, forgets the
 * files that are gone or changed, and has the new ones hashed that an index names and that may be shared. It decides
 * what is offered: a file whose bytes have the SHA-256 that a verified index states; a file of an older index stays
 * offered for as long as it lies there unchanged. Reading is all that is done to the tree.
 */
import { type BigIntStats, statSync } from 'node:fs';
import type { Catalogue } from '../archive/catalogue.ts';
import type { Entry, Location } from '../archive/entry.ts';
import { RELEASE_FILES } from '../archive/held-release.ts';
import type { Clock } from '../lib/clock.ts';
import { log } from '../lib/log.ts';
import { quoteRemote } from '../lib/quote-remote.ts';
import type { Sha256 } from '../lib/sha256.ts';
import { stampOf } from '../store/file-stamp.ts';
import type { TreeIndex, TreeRow } from '../store/tree-index.ts';
import { TreeStore } from '../store/tree-store.ts';
import type { Hasher } from './hasher.ts';
import type { TreeArchives, TreeReading } from './tree-archives.ts';
import type { TreeRelease } from './tree-releases.ts';
import { type Found, type Named, TreeVerifier, type VerifierProgress } from './tree-verifier.ts';
import { TreeWalk } from './tree-walk.ts';

export interface SharedTreeOptions {
  /** Its real path. */
  readonly root: string;
  readonly index: TreeIndex;
  readonly clock: Clock;
  readonly hasher: Pick<Hasher, 'files'>;
}

/** What it needs of the catalogue, which needs the swarms, which need the store: so it comes later. */
export interface SharedTreeParts {
  readonly archives: TreeArchives;
  readonly catalogue: Pick<Catalogue, 'releases' | 'identities'>;
  /** What an index says that the file there is. */
  readonly lookup: (at: Location) => Promise<Entry | undefined>;
  /** What the operator shares though no public archive key signed it; other rules make all be looked at anew. */
  readonly rules: readonly string[];
  /** The file has just been found to be right. */
  readonly offer: (key: Sha256) => void;
}

export interface TreeProgress extends VerifierProgress {
  /** At the last look: files that no index names, that are private, and that aren't what the index says. */
  readonly unnamedFiles: number;
  readonly privateFiles: number;
  readonly wrongFiles: number;
  readonly unreadable: number;
}

/** So many files are looked at before others have their turn. */
const SLICE_FILES = 100;
/** Of each kind of trouble. */
const MAX_NAMED = 100;

const diary = log.withTag('seed');

export class SharedTree implements AsyncDisposable {
  readonly store: TreeStore;
  readonly #options: SharedTreeOptions;
  readonly #verifier: TreeVerifier;
  readonly #unreadable = new Set<string>();
  #parts: SharedTreeParts | undefined;
  #counts = { unnamedFiles: 0, privateFiles: 0, wrongFiles: 0 };
  #reading: TreeReading = { releases: [], refused: new Map() };
  #isClosed = false;

  constructor(options: SharedTreeOptions) {
    const { root, index, clock, hasher } = options;
    this.#options = options;
    this.store = new TreeStore({
      ...{ root, index, clock },
      lost: (path) => void this.#lookAt(path),
      coming: (key) => this.#verifier.coming(key),
    });
    this.#verifier = new TreeVerifier({
      ...{ hasher, clock },
      locate: (path) => this.store.locate(path),
      isKnown: (named, stat) => this.#isKnown(named, stat),
      found: (all) => this.#found(all),
      unreadable: (path, reason) => this.noteUnreadable(path, reason),
    });
  }

  /** Before the first look. */
  connect(parts: SharedTreeParts): void {
    this.#parts = parts;
  }

  get progress(): TreeProgress {
    return { ...this.#verifier.progress, ...this.#counts, unreadable: this.#unreadable.size };
  }

  /** Of the last look. */
  get reading(): TreeReading {
    return this.#reading;
  }

  /** Reads the Releases and indexes only. Never rejects. */
  async readArchives(): Promise<TreeReading> {
    if (this.#parts) this.#reading = await this.#parts.archives.read(() => this.#isClosed);
    return this.#reading;
  }

  /** One whole look; what has to be hashed is hashed behind it (idle()). Never rejects. */
  async look(): Promise<readonly TreeRelease[]> {
    const startedMs = this.#options.clock.nowMs();
    await this.readArchives();
    try {
      const sharing = this.#sharing();
      const isOther = this.#options.index.fact('sharing') !== sharing;
      await this.#lookAtKnown(isOther);
      await this.#lookForNew();
      if (!this.#isClosed) {
        this.#options.index.dropStrayLayers();
        this.#options.index.setFact('sharing', sharing);
        diary.debug(`looked at the tree in ${Math.round(this.#options.clock.nowMs() - startedMs)} ms`);
      }
    } catch (error) {
      if (!this.#isClosed) diary.error(`could not look at ${this.#options.root}: ${reasonOf(error)}`);
    }
    return this.#reading.releases;
  }

  /** Resolves when all that was found is hashed. */
  idle(): Promise<void> {
    return this.#verifier.idle();
  }

  /** Named once. */
  noteUnreadable(path: string, reason: string): void {
    if (this.#unreadable.has(path) || this.#unreadable.size >= MAX_NAMED) return;
    this.#unreadable.add(path);
    diary.warn(`not shared, as it can't be read: ${quoteRemote(path || '.', 300)}: ${reason}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await this.#verifier[Symbol.asyncDispose]();
    await this.store[Symbol.asyncDispose]();
  }

  /** What decides of what is shared, besides the files: when it is another, known files are judged anew. */
  #sharing(): string {
    const { catalogue, rules } = this.#parts as SharedTreeParts;
    const identities = catalogue.identities().map(({ infoHash }) => infoHash);
    const releases = catalogue.releases().map(({ directory, shareable }) => `${directory} ${shareable}`);
    return JSON.stringify([rules, identities.sort(), releases.sort()]);
  }

  async #lookAtKnown(isSharingOther: boolean): Promise<void> {
    const { index } = this.#options;
    let seen = 0;
    for (const row of index.all()) {
      if (++seen % SLICE_FILES === 0) await turn();
      if (this.#isClosed) return;
      if (!this.store.isAsBelieved(row)) this.store.forget(row);
      else if (isSharingOther || row.swarms.length === 0) await this.#judgeAnew(row);
    }
  }

  async #judgeAnew(row: TreeRow): Promise<void> {
    const { archives, lookup, catalogue } = this.#parts as SharedTreeParts;
    const { index } = this.#options;
    const entry = await lookup(archives.at(row.path));
    // The index may be newer than the file: that goes on being what an older one said.
    const isNamed = entry?.key === row.key;
    const joined = new Set(catalogue.identities().map(({ infoHash }) => infoHash));
    const swarms = isNamed ? entry.swarms : row.swarms.filter((swarm) => joined.has(swarm));
    if (swarms.join() === row.swarms.join()) return;
    if (swarms.length === 0) this.store.forget(row);
    else index.setSwarms(row, swarms);
    if (row.swarms.length === 0) this.#parts?.offer(row.key);
  }

  async #lookForNew(): Promise<void> {
    const { root, index } = this.#options;
    const counts = { unnamedFiles: 0, privateFiles: 0, wrongFiles: 0 };
    const unreadable = (path: string, reason: string) => this.noteUnreadable(path, reason);
    let seen = 0;
    for (const { path: folder, files } of new TreeWalk({ root, unreadable }).folders()) {
      for (const name of files) {
        if (++seen % SLICE_FILES === 0) await turn();
        await this.#verifier.room();
        if (this.#isClosed) return;
        if (isReleaseFile(name)) continue;
        const path = folder === '' ? name : `${folder}/${name}`;
        const known = index.get(path);
        if (known?.swarms.length === 0) counts.wrongFiles += 1;
        if (known) continue;
        const entry = await this.#lookAt(path);
        if (entry === undefined) counts.unnamedFiles += 1;
        else if (entry.swarms.length === 0) counts.privateFiles += 1;
      }
      // A tree of many folders with few files each.
      if (++seen % SLICE_FILES === 0) await turn();
    }
    this.#counts = counts;
  }

  /** Has it hashed if an index names it and it may be shared. Returns what an index says of it. */
  async #lookAt(path: string): Promise<Entry | undefined> {
    if (this.#isClosed || this.#parts === undefined) return undefined;
    const { archives, lookup } = this.#parts;
    const entry = await lookup(archives.at(path));
    if (entry && entry.swarms.length > 0 && this.#sizeOf(path) === entry.sizeBytes)
      this.#verifier.add({ path, entry });
    return entry;
  }

  #sizeOf(path: string): number | undefined {
    try {
      return statSync(this.store.locate(path), { throwIfNoEntry: false })?.size;
    } catch {
      return undefined;
    }
  }

  /** The same file by another name was hashed before. */
  #isKnown({ path, entry }: Named, stat: BigIntStats): boolean {
    const same = this.#options.index.withStamp(entry.key, stampOf(stat));
    if (same === undefined) return false;
    this.store.verified(path, stat, { key: entry.key, swarms: entry.swarms });
    return true;
  }

  #found(all: readonly (readonly [Named, Found])[]): void {
    this.#options.index.together(() => {
      for (const [named, found] of all) this.#keep(named, found);
    });
    for (const [{ entry }, { key }] of all) if (key === entry.key) this.#parts?.offer(key);
  }

  #keep({ path, entry }: Named, { key, layer, stat }: Found): void {
    const isRight = key === entry.key;
    this.store.verified(path, stat, { key, layer, swarms: isRight ? entry.swarms : [] });
    if (isRight) return;
    this.#counts.wrongFiles += 1;
    if (this.#counts.wrongFiles <= MAX_NAMED)
      diary.warn(`not shared, as it isn't what its index says: ${quoteRemote(path, 300)}`);
  }
}

/** It names, and nothing names it. */
function isReleaseFile(name: string): boolean {
  return RELEASE_FILES.some((file) => file === name);
}

/** Others have their turn. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

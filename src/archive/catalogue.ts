/**
 * The catalogue: what a path **is**, by keyring → Release → index → entry. It holds the Releases in force and the
 * tables of the indexes that clients use, swaps them in one step, and keeps them over restarts. It opens no
 * connection: a missing index is fetched through a function it is handed, a Release is given by refresh.ts.
 *
 * Invariants: an entry's key and size come from a Release or from an index whose SHA-256 a Release states; only an
 * archive that sharing.ts allows has swarms; a look-up that could be answered by a table on its way waits for it
 * (apt asks for the first package milliseconds after the index), but never longer than `waitMs`.
 */
import { join } from 'node:path';
import { type Clock, systemClock } from '../lib/clock.ts';
import { log } from '../lib/log.ts';
import type { Sha256 } from '../lib/sha256.ts';
import { ArchiveSwarms, type UsedIdentity } from './archive-swarms.ts';
import { type BuildTable, childTableBuilder } from './build-table.ts';
import { type Entry, type Location, locationName } from './entry.ts';
import {
  diffStem,
  HeldRelease,
  hasTable,
  indexStem,
  isDiffIndex,
  isIndexName,
  type KeptFile,
  releasePlace,
  type UsedIndex,
} from './held-release.ts';
import { HeldReleases } from './held-releases.ts';
import type { ArchiveIdentity } from './identity.ts';
import { IndexTables } from './index-tables.ts';
import { Lookups } from './lookups.ts';
import type { NewRelease, Validators } from './new-release.ts';
import { OtherMirrors } from './other-mirrors.ts';
import type { Release, ReleaseFile } from './release.ts';
import { type ReleaseSummary, summaryOf } from './release-summary.ts';
import type { ShareRule } from './sharing.ts';
import type { SignatureVerdict } from './signature.ts';
import type { TableSearchOptions } from './table-search.ts';
import { TableShelf } from './table-shelf.ts';

export interface CatalogueOptions {
  /** Ours alone; made when it isn't there. `<stateDir>/catalogue`. */
  readonly directory: string;
  /** The swarm of an identity: info-hash in hexadecimal. May throw for an identity that can have none. */
  readonly infoHash: (identity: ArchiveIdentity) => string;
  /** What the operator shares though no public archive key signed it. */
  readonly shareRules?: readonly ShareRule[];
  /**
   * Gets an index that changed though no client fetched it (pdiffs): resolves with a path from which it can be read,
   * its SHA-256 verified or not. May come back to indexArrived() before it resolves.
   */
  readonly fetchIndex?: (at: Location, entry: Entry) => Promise<string>;
  /**
   * Fetches a release file that no client asked for, which may come back to swap() before it resolves: the InRelease of
   * a place that seems to be another mirror of an archive in use.
   */
  readonly fetchRelease?: (at: Location) => Promise<unknown>;
  /** The BEP 52 root that the archive whose Release lies in `directory` states for a content. */
  readonly rootOf?: (directory: string, key: Sha256) => Uint8Array | undefined;
  readonly buildTable?: BuildTable;
  readonly clock?: Clock;
  /** The longest a look-up waits for a table on its way. */
  readonly waitMs?: number;
  /** From a new Release to fetching its changed indexes by ourselves: apt's chance to do it first. */
  readonly fetchDelayMs?: number;
}

/** A file that a Release lists beside an index. */
export interface ListedBeside {
  readonly at: Location;
  readonly entry: Entry;
  /** "host/path" of the Release. */
  readonly directory: string;
}

const WAIT_MS = 10_000;
const FETCH_DELAY_MS = 3000;
/** apt asks for indexes right after the Release; a slow `update` takes minutes. */
const PASSED_BY_MS = 3600_000;

export class Catalogue implements AsyncDisposable {
  readonly #clock: Clock;
  readonly #shelf: TableShelf;
  readonly #releases: HeldReleases;
  readonly #tables: IndexTables;
  readonly #swarms: ArchiveSwarms;
  readonly #lookups: Lookups;
  readonly #listeners = new Set<() => void>();
  #shareRules: readonly ShareRule[];
  #closed = false;

  /** Reads what the directory holds. Throws only when that can't be made or read at all. */
  constructor(options: CatalogueOptions) {
    const clock = options.clock ?? systemClock;
    this.#clock = clock;
    this.#shareRules = options.shareRules ?? [];
    this.#releases = new HeldReleases(options.directory, clock);
    this.#shelf = new TableShelf(
      join(options.directory, 'tables'),
      options.buildTable ?? childTableBuilder(),
    );
    this.#swarms = new ArchiveSwarms({
      infoHash: options.infoHash,
      shareRules: () => this.#shareRules,
      releases: () => this.#releases.all(),
    });
    this.#tables = new IndexTables({
      shelf: this.#shelf,
      clock,
      fetchIndex: options.fetchIndex,
      fetchDelayMs: options.fetchDelayMs ?? FETCH_DELAY_MS,
      waitMs: options.waitMs ?? WAIT_MS,
      entryOf: (held, file) => this.#entryOf(held, file),
      isHeld: (held) => this.#releases.has(held),
      changed: () => this.#changed(),
    });
    const { rootOf } = options;
    const search: TableSearchOptions = {
      root: rootOf && ((held, key) => rootOf(held.place.directory, key)),
      table: (key) => this.#shelf.get(key),
      swarms: (held, stem) => this.#swarms.ofFiles(held, stem),
      releases: () => this.#releases.all(),
      nowMs: () => clock.nowMs(),
    };
    const { fetchRelease } = options;
    this.#lookups = new Lookups({
      ...{ search, clock, tables: this.#tables, swarms: this.#swarms },
      otherMirrors: fetchRelease && new OtherMirrors({ search, clock, fetchRelease }),
      indexEntry: (held, file) => this.#indexEntry(held, file),
    });
    this.#releases.restore(
      (held) => {
        held.shareable = this.#swarms.mayShare(held);
      },
      (key) => this.#shelf.load(key) !== undefined,
    );
    this.#sweep();
    for (const held of this.#releases.all()) this.#tables.fetchStaleLater(held);
  }

  /** What the file at that place is, or undefined when no Release says. Waits for tables on their way. */
  lookup(at: Location): Promise<Entry | undefined> {
    return this.#lookups.lookup(at);
  }

  /** The entry with that content, from any Release or table. Cheap enough for every want of a peer. */
  byKey(key: Sha256): Entry | undefined {
    return this.#lookups.byKey(key);
  }

  /** Whether a security pocket has that content, whoever else has it, too. Cheap enough for every want of a peer. */
  isSecurity(key: Sha256): boolean {
    return this.#lookups.isSecurity(key);
  }

  contains(key: Sha256): boolean {
    return this.byKey(key) !== undefined;
  }

  /**
   * A file with that content can be read at `path` until this resolves. When it is a Packages or Sources that a
   * Release names, its table is built and taken into use; anything else is none of our business. Call it before the
   * last bytes of the file go to apt, without waiting for it: look-ups wait. Never rejects.
   */
  async indexArrived(key: Sha256, path: string): Promise<void> {
    const jobs: Promise<void>[] = [];
    for (const held of this.#releases.all()) {
      const first = held.release.fileByHash('SHA256', key);
      if (first === undefined || !hasTable(first.name)) continue;
      const asked = [...held.indexes.values()].filter(
        ({ askedName }) => askedName !== undefined && held.release.file(askedName)?.key === key,
      );
      const names = asked.length > 0 ? asked.map(({ askedName }) => askedName as string) : [first.name];
      for (const name of names) {
        const index = held.use(indexStem(name));
        if (index !== undefined && held.isStale(index)) jobs.push(this.#tables.build(held, index, key, path));
      }
    }
    await Promise.all(jobs);
  }

  /**
   * apt itself has that index of the Release at `at`, packed in whatever way, at `path`. Its table is made from there
   * and taken into use, if what it holds is what the Release states. Never rejects.
   */
  async indexListed(at: Location, stem: string, path: string): Promise<void> {
    const held = this.#releases.at(at);
    if (held?.release.file(stem) === undefined || !isIndexName(stem)) return;
    const isNew = !held.indexes.has(stem);
    const index = held.use(stem);
    if (index === undefined || !held.isStale(index)) return;
    if (this.#tables.takeFromShelf(held, index)) return this.#changed();
    await this.#tables.buildListed(held, index, path);
    // Of the next Release already, or of the one before: nobody has asked for it.
    if (isNew && index.current === undefined && index.askedName === undefined) held.indexes.delete(stem);
  }

  /** A copy of a release file that we have, as its mirror gave it. */
  kept(at: Location): (KeptFile & { readonly bytes: Uint8Array }) | undefined {
    const name = releasePlace(at)?.name;
    const file = name && this.#releases.at(at)?.files.get(name);
    const bytes = file && this.#releases.read(file.key);
    return bytes && { ...file, bytes };
  }

  /** The Release in force where that release file lies. */
  inForce(at: Location):
    | {
        readonly release: Release;
        readonly verdict: SignatureVerdict;
        readonly form: 'InRelease' | 'Release';
        /** Clients were given our copy the last time. */
        readonly isStale: boolean;
      }
    | undefined {
    const held = this.#releases.at(at);
    if (held === undefined) return undefined;
    const { release, verdict, form, upstream } = held;
    return { release, verdict, form, isStale: upstream.stale };
  }

  /** Keeps a copy of a release file beside the Release in force there (its signature, or another form of it). */
  keep(at: Location, bytes: Uint8Array, validators: Validators): void {
    const name = releasePlace(at)?.name;
    const held = this.#releases.at(at);
    if (!held || !name) return;
    this.#releases.keepFile(held, name, bytes, validators);
    this.#releases.save();
  }

  /** Puts a Release in force, in one step. Its changed indexes answer from their old tables until the new are here. */
  swap({ at, release, verdict, bytes, validators }: NewRelease): void {
    const place = releasePlace(at);
    if (place === undefined || place.name === 'Release.gpg')
      throw new RangeError(`${locationName(at)} is no Release`);
    const now = this.#clock.nowMs();
    let held = this.#releases.get(place.directory);
    if (held === undefined) {
      held = new HeldRelease(place, place.name, release, verdict, now);
      this.#releases.add(held);
    } else {
      held.previousRelease = held.release;
      held.release = release;
      held.verdict = verdict;
      held.form = place.name;
    }
    held.usedMs = now;
    held.shareable = this.#swarms.mayShare(held);
    // Another Release needs another signature.
    if (place.name === 'Release') held.files.delete('Release.gpg');
    this.#releases.keepFile(held, place.name, bytes, validators);
    for (const index of [...held.indexes.values()]) {
      index.askedName = undefined;
      index.retryAtMs = 0;
      if (held.tableKeys(index.stem).length === 0) held.indexes.delete(index.stem);
      else this.#tables.takeFromShelf(held, index);
    }
    this.#changed();
    this.#tables.fetchStaleLater(held);
  }

  /** A better (or worse) verdict on the Release in force: its Release.gpg came. */
  judge(at: Location, verdict: SignatureVerdict): void {
    const held = this.#releases.at(at);
    if (!held) return;
    held.verdict = verdict;
    held.shareable = this.#swarms.mayShare(held);
    this.#changed();
  }

  /** Clients were given another Release there than the one in force: they may ask for what that names. */
  passedBy(at: Location, release: Release): void {
    const held = this.#releases.at(at);
    if (held) held.passedBy = { release, untilMs: this.#clock.nowMs() + PASSED_BY_MS };
  }

  /** There is no such Release any more. */
  drop(at: Location): void {
    if (this.#releases.drop(at)) this.#changed();
  }

  /** What the mirror's last answer for a release file was worth; for releases(). */
  noteUpstream(at: Location, note: 'fresh' | 'stale' | 'rolledBack' | 'refused'): void {
    const notes = this.#releases.at(at)?.upstream;
    if (!notes) return;
    notes.stale = note === 'stale';
    if (note === 'rolledBack' || note === 'refused') notes[note] += 1;
  }

  releases(): ReleaseSummary[] {
    const all = [...this.#releases.all()];
    return all.map((held) => summaryOf(held, (key) => this.#shelf.get(key), all));
  }

  /** What Releases of archives that may be shared list beside the indexes in use, named after them: "Packages.dtorrent". */
  beside(extension: string): ListedBeside[] {
    const listed: ListedBeside[] = [];
    for (const held of this.#releases.all()) {
      if (!held.shareable) continue;
      const { scheme, host, directory } = held.place;
      for (const { stem, current } of held.indexes.values()) {
        const file = current && held.release.file(stem + extension);
        if (!file) continue;
        // By its plain name: few who add a file to their Release add it by hash, too.
        const at = { scheme, host, path: `${directory.slice(host.length)}/${file.name}` };
        listed.push({ at, entry: this.#entryOf(held, file), directory });
      }
    }
    return listed;
  }

  /** The swarms to be in: of each shareable archive "all", and one for each architecture whose indexes are in use. */
  identities(): UsedIdentity[] {
    return this.#swarms.identities();
  }

  /** Bytes of the tables in memory. */
  get tableBytes(): number {
    return this.#shelf.sizeBytes;
  }

  /** Called after Releases, tables or identities changed. The returned function takes that back. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Others than those given at the start. */
  setShareRules(rules: readonly ShareRule[]): void {
    this.#shareRules = rules;
    for (const held of this.#releases.all()) held.shareable = this.#swarms.mayShare(held);
    this.#changed();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#tables[Symbol.dispose]();
    this.#listeners.clear();
    await this.#shelf[Symbol.asyncDispose]();
  }

  #indexEntry(held: HeldRelease, file: ReleaseFile): Entry {
    held.usedMs = this.#clock.nowMs();
    if (held.release.file(file.name)?.key === file.key) {
      if (hasTable(file.name)) this.#asked(held, file.name);
      // A client that patches its lists never asks for the whole index, and yet for what is in it.
      if (isDiffIndex(file.name)) this.#patched(held, diffStem(file.name));
    }
    return this.#entryOf(held, file);
  }

  /** Of an index itself. */
  #entryOf(held: HeldRelease, { key, sizeBytes, name }: ReleaseFile): Entry {
    const swarms = this.#swarms.ofIndex(held, name);
    return { key, sizeBytes, swarms, ...(held.isSecurity && { isSecurity: true }) };
  }

  /** A client wants this index. Mostly it arrives by itself; if the store had it already, we have to get it. */
  #asked(held: HeldRelease, name: string): void {
    const isNew = !held.indexes.has(indexStem(name));
    const index = held.use(indexStem(name));
    if (index === undefined || !held.isStale(index)) return;
    index.askedName = name;
    // Whatever ends us before its table is built, the next start knows what is to be made up for.
    if (isNew) this.#releases.save();
    this.#takeOrFetchLater(held, index);
  }

  /** A client has this index up to date by patches. */
  #patched(held: HeldRelease, stem: string): void {
    if (!isIndexName(stem) || held.tableKeys(stem).length === 0) return;
    const index = held.use(stem);
    if (index !== undefined && held.isStale(index)) this.#takeOrFetchLater(held, index);
  }

  #takeOrFetchLater(held: HeldRelease, index: UsedIndex): void {
    if (this.#tables.takeFromShelf(held, index)) this.#changed();
    else this.#tables.fetchStaleLater(held);
  }

  #changed(): void {
    if (this.#closed) return;
    this.#spread();
    this.#releases.save();
    this.#sweep();
    for (const listener of [...this.#listeners]) listener();
  }

  /**
   * What one mirror's (or suite's) index says holds for each Release that names an index of the same content in the
   * same place, though nobody asked for it there.
   */
  #spread(): void {
    for (const from of this.#releases.all()) {
      for (const { stem, current } of from.indexes.values()) {
        if (current === undefined || !this.#shelf.get(current)?.length) continue;
        for (const held of this.#releases.all()) {
          if (held === from || held.indexes.get(stem)?.current === current) continue;
          if (!held.tableKeys(stem).includes(current)) continue;
          const index = held.use(stem);
          if (index !== undefined) this.#tables.takeFromShelf(held, index);
        }
      }
    }
  }

  #sweep(): void {
    // The keys of tables still to come are among them: one that is just built must not be swept before it is taken.
    const used = new Set([...this.#releases.all()].flatMap((held) => held.usedTableKeys()));
    try {
      this.#shelf.sweep(used);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      log.warn(`archive: could not delete old tables: ${reason}`);
    }
  }
}

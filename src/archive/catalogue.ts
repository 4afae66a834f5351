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
import { log, quoteRemote } from '../lib/log.ts';
import type { Sha256 } from '../lib/sha256.ts';
import { type BuildTable, childTableBuilder } from './build-table.ts';
import { CatalogueState } from './catalogue-state.ts';
import { isClearSigned, splitClearSigned } from './clearsign.ts';
import { type Entry, type Location, locationName } from './entry.ts';
import {
  diffStem,
  HeldRelease,
  indexArchitecture,
  indexStem,
  isDiffIndex,
  isIndexName,
  type KeptFile,
  type ReleaseFileName,
  releasePlace,
  type UsedIndex,
} from './held-release.ts';
import { type ArchiveIdentity, archiveIdentity } from './identity.ts';
import { pathFingerprint } from './index-table.ts';
import { parseRelease, type Release, type ReleaseFile } from './release.ts';
import { isShareable, type ShareRule } from './sharing.ts';
import type { SignatureVerdict } from './signature.ts';
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
  readonly buildTable?: BuildTable;
  readonly clock?: Clock;
  /** The longest a look-up waits for a table on its way. */
  readonly waitMs?: number;
  /** From a new Release to fetching its changed indexes by ourselves: apt's chance to do it first. */
  readonly fetchDelayMs?: number;
}

/** A Release as a mirror gave it, read and verified. */
export interface NewRelease {
  /** Of the file it was read from: …/InRelease or …/Release. */
  readonly at: Location;
  readonly release: Release;
  readonly verdict: SignatureVerdict;
  /** The file itself, kept for answering from. */
  readonly bytes: Uint8Array;
  readonly validators: Validators;
}

/** Of a mirror's answer: header values as they came. */
export interface Validators {
  readonly lastModified?: string | undefined;
  readonly etag?: string | undefined;
}

export interface UsedIdentity extends ArchiveIdentity {
  /** Hexadecimal. */
  readonly infoHash: string;
  /** A public archive's key signed it; else it is shared because the operator said so. */
  readonly isPublic: boolean;
}

export interface ReleaseSummary {
  /** "host/path" of the directory of the Release file. */
  readonly directory: string;
  readonly origin: string | undefined;
  readonly codename: string | undefined;
  readonly suite: string | undefined;
  readonly dateMs: number | undefined;
  readonly validUntilMs: number | undefined;
  readonly verdict: SignatureVerdict;
  readonly shareable: boolean;
  readonly indexes: readonly { readonly name: string; readonly files: number; readonly stale: boolean }[];
}

/** An archive that may have a path, and the names its tables may know it by. */
interface Candidate {
  readonly held: HeldRelease;
  readonly fingerprints: readonly Uint8Array[];
}

const ALL = 'all';
const SOURCE = 'source';
const MAX_RELEASES = 64;
const WAIT_MS = 10_000;
const FETCH_DELAY_MS = 3000;
const RETRY_MS = 60_000;
const PREVIOUS_MS = 24 * 3600_000;
/** name_version_architecture.deb and source files: another content gets another name (Debian Policy §3.2, §5.6.12). */
const VERSIONED =
  /\/[^/_]+_[^/_]+(?:_[^/_]+\.(?:u?deb|ddeb)|\.(?:dsc|diff\.gz|(?:(?:orig(?:-[^/.]+)?|debian)\.)?tar\.[a-z0-9]+(?:\.asc)?))$/;

export class Catalogue implements AsyncDisposable {
  readonly #options: CatalogueOptions;
  readonly #clock: Clock;
  readonly #state: CatalogueState;
  readonly #shelf: TableShelf;
  /** By directory ("host/path"). */
  readonly #held = new Map<string, HeldRelease>();
  /** What is being fetched or built now, by directory and stem. */
  readonly #jobs = new Map<string, Promise<void>>();
  readonly #listeners = new Set<() => void>();
  readonly #timers = new Set<() => void>();
  /** Whose stale indexes a timer will fetch. */
  readonly #scheduled = new Set<HeldRelease>();
  readonly #infoHashes = new Map<string, string | undefined>();
  #closed = false;

  /** Reads what the directory holds. Throws only when that can't be made or read at all. */
  constructor(options: CatalogueOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#state = new CatalogueState(options.directory);
    this.#shelf = new TableShelf(
      join(options.directory, 'tables'),
      options.buildTable ?? childTableBuilder(),
    );
    this.#restore();
    this.#sweep();
    for (const held of this.#held.values()) this.#fetchStaleLater(held);
  }

  /**
   * What the file at that place is, or undefined when no Release says. Indexes are found by plain name and by hash,
   * packages and sources through the tables; while a table that might say is on its way, this waits for it.
   */
  async lookup(at: Location): Promise<Entry | undefined> {
    const name = locationName(at);
    if (releasePlace(at) !== undefined) return undefined;
    let inside = false;
    for (const held of this.#held.values()) {
      const file = held.resolve(name);
      if (file !== undefined) return this.#indexEntry(held, file);
      inside ||= held.place.suite !== undefined && name.startsWith(`${held.place.directory}/`);
    }
    if (inside) return undefined;
    const archives = this.#archivesOf(name);
    if (archives.length === 0) return undefined;
    const lasting = VERSIONED.test(name);
    let found = this.#find(archives, lasting);
    if (found === undefined && archives.some(({ held }) => this.#isUnsettled(held))) {
      await this.#settle(archives.map(({ held }) => held));
      found = this.#find(this.#archivesOf(name), lasting);
    }
    return found && { ...found, ...(this.isSecurity(found.key) && { isSecurity: true }) };
  }

  /** The entry with that content, from any Release or table. Cheap enough for every want of a peer. */
  byKey(key: Sha256): Entry | undefined {
    let found: Entry | undefined;
    const swarms = new Set<string>();
    for (const held of this.#held.values()) {
      const file = held.release.fileByHash('SHA256', key);
      if (file !== undefined) {
        found ??= { key, sizeBytes: file.sizeBytes, swarms: [] };
        for (const swarm of this.#indexSwarms(held, file.name)) swarms.add(swarm);
      }
      for (const index of held.indexes.values()) {
        for (const tableKey of [index.current, index.previous]) {
          const record = tableKey === undefined ? undefined : this.#shelf.get(tableKey)?.findKey(key);
          if (record === undefined) continue;
          found ??= { ...record, swarms: [] };
          for (const swarm of this.#fileSwarms(held, index.stem)) swarms.add(swarm);
        }
      }
    }
    return found && { ...found, swarms: [...swarms], ...(this.isSecurity(key) && { isSecurity: true }) };
  }

  /** Whether a security pocket has that content, whoever else has it, too. Cheap enough for every want of a peer. */
  isSecurity(key: Sha256): boolean {
    for (const held of this.#held.values()) {
      if (!held.isSecurity) continue;
      if (held.release.fileByHash('SHA256', key) !== undefined) return true;
      if (held.previousRelease?.fileByHash('SHA256', key) !== undefined) return true;
      for (const { current, previous } of held.indexes.values()) {
        if (current !== undefined && this.#shelf.get(current)?.findKey(key)) return true;
        if (previous !== undefined && this.#shelf.get(previous)?.findKey(key)) return true;
      }
    }
    return false;
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
    for (const held of this.#held.values()) {
      const first = held.release.fileByHash('SHA256', key);
      if (first === undefined || !isIndexName(first.name)) continue;
      const asked = [...held.indexes.values()].filter(
        ({ askedName }) => askedName !== undefined && held.release.file(askedName)?.key === key,
      );
      const names = asked.length > 0 ? asked.map(({ askedName }) => askedName as string) : [first.name];
      for (const name of names) {
        const index = held.use(indexStem(name));
        if (index !== undefined && held.isStale(index))
          jobs.push(this.#job(held, index, () => this.#build(held, index, key, path)));
      }
    }
    await Promise.all(jobs);
  }

  /** A copy of a release file that we have, as its mirror gave it. */
  kept(at: Location): (KeptFile & { readonly bytes: Uint8Array }) | undefined {
    const place = releasePlace(at);
    const file = place && this.#held.get(place.directory)?.files.get(place.name);
    const bytes = file && this.#state.read(file.key);
    return bytes && { ...file, bytes };
  }

  /** The Release in force where that release file lies. */
  inForce(at: Location):
    | {
        readonly release: Release;
        readonly verdict: SignatureVerdict;
        readonly form: 'InRelease' | 'Release';
      }
    | undefined {
    const place = releasePlace(at);
    const held = place && this.#held.get(place.directory);
    return held && { release: held.release, verdict: held.verdict, form: held.form };
  }

  /** Keeps a copy of a release file beside the Release in force there (its signature, or another form of it). */
  keep(at: Location, bytes: Uint8Array, validators: Validators): void {
    const place = releasePlace(at);
    const held = place && this.#held.get(place.directory);
    if (!held) return;
    this.#keepFile(held, place.name, bytes, validators);
    this.#save();
  }

  /** Puts a Release in force, in one step. Its changed indexes answer from their old tables until the new are here. */
  swap({ at, release, verdict, bytes, validators }: NewRelease): void {
    const place = releasePlace(at);
    if (place === undefined || place.name === 'Release.gpg')
      throw new RangeError(`${locationName(at)} is no Release`);
    const now = this.#clock.nowMs();
    let held = this.#held.get(place.directory);
    if (held === undefined) {
      held = new HeldRelease(place, place.name, release, verdict, now);
      this.#held.set(place.directory, held);
      this.#dropOldest();
    } else {
      held.previousRelease = held.release;
      held.release = release;
      held.verdict = verdict;
      held.form = place.name;
    }
    held.usedMs = now;
    held.shareable = this.#mayShare(held);
    // Another Release needs another signature.
    if (place.name === 'Release') held.files.delete('Release.gpg');
    this.#keepFile(held, place.name, bytes, validators);
    for (const index of [...held.indexes.values()]) {
      index.askedName = undefined;
      index.retryAtMs = 0;
      if (held.tableKeys(index.stem).length === 0) held.indexes.delete(index.stem);
      else this.#takeFromShelf(held, index);
    }
    this.#changed();
    this.#fetchStaleLater(held);
  }

  /** A better (or worse) verdict on the Release in force: its Release.gpg came. */
  judge(at: Location, verdict: SignatureVerdict): void {
    const place = releasePlace(at);
    const held = place && this.#held.get(place.directory);
    if (!held) return;
    held.verdict = verdict;
    held.shareable = this.#mayShare(held);
    this.#changed();
  }

  releases(): ReleaseSummary[] {
    return [...this.#held.values()].map((held) => ({
      directory: held.place.directory,
      origin: held.release.origin,
      codename: held.release.codename,
      suite: held.release.suite,
      dateMs: held.release.dateMs,
      validUntilMs: held.release.validUntilMs,
      verdict: held.verdict,
      shareable: held.shareable,
      indexes: [...held.indexes.values()]
        .filter(({ current }) => current !== undefined)
        .map((index) => ({
          name: index.stem,
          files: (index.current && this.#shelf.get(index.current)?.length) ?? 0,
          stale: held.isStale(index),
        })),
    }));
  }

  /** The swarms to be in: of each shareable archive "all", and one for each architecture whose indexes are in use. */
  identities(): UsedIdentity[] {
    const used = new Map<string, UsedIdentity>();
    for (const held of this.#held.values()) {
      for (const architecture of [...this.#architectures(held), ALL]) {
        const infoHash = this.#swarm(held, architecture);
        if (infoHash === undefined) continue;
        const identity = archiveIdentity(held.release, architecture, held.place.base);
        const isPublic = held.verdict.status === 'public' || used.get(infoHash)?.isPublic === true;
        used.set(infoHash, { ...identity, infoHash, isPublic });
      }
    }
    return [...used.values()];
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

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (const cancel of this.#timers) cancel();
    this.#listeners.clear();
    await this.#shelf[Symbol.asyncDispose]();
  }

  // --- look-ups

  #indexEntry(held: HeldRelease, file: ReleaseFile): Entry {
    held.usedMs = this.#clock.nowMs();
    if (held.release.file(file.name)?.key === file.key) {
      if (isIndexName(file.name)) this.#asked(held, file.name);
      // A client that patches its lists never asks for the whole index, and yet for what is in it.
      else if (isDiffIndex(file.name)) this.#patched(held, diffStem(file.name));
    }
    return this.#entryOf(held, file);
  }

  /** Of an index itself. */
  #entryOf(held: HeldRelease, { key, sizeBytes, name }: ReleaseFile): Entry {
    const swarms = this.#indexSwarms(held, name);
    return { key, sizeBytes, swarms, ...(held.isSecurity && { isSecurity: true }) };
  }

  /** A client wants this index. Mostly it arrives by itself; if the store had it already, we have to get it. */
  #asked(held: HeldRelease, name: string): void {
    const isNew = !held.indexes.has(indexStem(name));
    const index = held.use(indexStem(name));
    if (index === undefined || !held.isStale(index)) return;
    index.askedName = name;
    // Whatever ends us before its table is built, the next start knows what is to be made up for.
    if (isNew) this.#save();
    this.#takeOrFetchLater(held, index);
  }

  /** A client has this index up to date by patches. */
  #patched(held: HeldRelease, stem: string): void {
    const index = held.tableKeys(stem).length === 0 ? undefined : held.use(stem);
    if (index !== undefined && held.isStale(index)) this.#takeOrFetchLater(held, index);
  }

  #takeOrFetchLater(held: HeldRelease, index: UsedIndex): void {
    if (this.#takeFromShelf(held, index)) this.#changed();
    else this.#fetchStaleLater(held);
  }

  #archivesOf(name: string): Candidate[] {
    const fingerprints = new Map<string, Uint8Array>();
    const fingerprintOf = (path: string) => {
      const known = fingerprints.get(path) ?? pathFingerprint(path);
      fingerprints.set(path, known);
      return known;
    };
    const archives: Candidate[] = [];
    for (const held of this.#held.values()) {
      if (held.indexes.size === 0) continue;
      const paths = held.relativePaths(name);
      if (paths.length > 0) archives.push({ held, fingerprints: paths.map(fingerprintOf) });
    }
    return archives;
  }

  /**
   * The tables in force first. What those haven't got may be in a table that isn't in force any more (or not yet
   * replaced), but only names that `lasting` vouches for are believed from there. Swarms are those of all that agree.
   */
  #find(archives: readonly Candidate[], lasting: boolean): Entry | undefined {
    return (
      this.#findIn(archives, (held, index) => (held.isStale(index) ? undefined : index.current)) ??
      (lasting
        ? (this.#findIn(archives, (held, index) => (held.isStale(index) ? index.current : undefined)) ??
          this.#findIn(archives, (_, index) => index.previous))
        : undefined)
    );
  }

  #findIn(
    archives: readonly Candidate[],
    choose: (held: HeldRelease, index: UsedIndex) => Sha256 | undefined,
  ): Entry | undefined {
    let found: Entry | undefined;
    const swarms = new Set<string>();
    for (const { held, fingerprints } of archives) {
      for (const index of held.indexes.values()) {
        const key = choose(held, index);
        const table = key && this.#shelf.get(key);
        for (const fingerprint of table === undefined ? [] : fingerprints) {
          const record = table?.find(fingerprint);
          if (record === undefined || (found !== undefined && found.key !== record.key)) continue;
          found ??= { ...record, swarms: [] };
          held.usedMs = this.#clock.nowMs();
          for (const swarm of this.#fileSwarms(held, index.stem)) swarms.add(swarm);
        }
      }
    }
    return found && { ...found, swarms: [...swarms] };
  }

  /** An index of it is on its way, or should be. */
  #isUnsettled(held: HeldRelease): boolean {
    const now = this.#clock.nowMs();
    for (const index of held.indexes.values()) {
      if (!held.isStale(index)) continue;
      if (this.#jobs.has(jobName(held, index))) return true;
      if (this.#options.fetchIndex !== undefined && index.retryAtMs <= now) return true;
    }
    return false;
  }

  /** Waits for all that is on its way, at most `waitMs`. */
  async #settle(held: readonly HeldRelease[]): Promise<void> {
    const jobs = Promise.all(held.flatMap((one) => this.#fetchStale(one)));
    let cancel = () => {};
    const timeUp = new Promise<void>((resolve) => {
      cancel = this.#clock.after(this.#options.waitMs ?? WAIT_MS, resolve);
    });
    await Promise.race([jobs, timeUp]);
    cancel();
  }

  // --- tables on their way

  #fetchStaleLater(held: HeldRelease): void {
    if (this.#options.fetchIndex === undefined || this.#scheduled.has(held)) return;
    if (![...held.indexes.values()].some((index) => held.isStale(index))) return;
    this.#scheduled.add(held);
    this.#after(this.#options.fetchDelayMs ?? FETCH_DELAY_MS, () => {
      this.#scheduled.delete(held);
      if (this.#held.get(held.place.directory) === held) void Promise.all(this.#fetchStale(held));
    });
  }

  /** Starts what is missing; the promises of all that is under way. They don't reject. */
  #fetchStale(held: HeldRelease): Promise<void>[] {
    const jobs: Promise<void>[] = [];
    for (const index of held.indexes.values()) {
      if (!held.isStale(index)) continue;
      const running = this.#jobs.get(jobName(held, index));
      if (running !== undefined) jobs.push(running);
      else if (this.#options.fetchIndex !== undefined && index.retryAtMs <= this.#clock.nowMs()) {
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
        index.retryAtMs = this.#clock.nowMs() + RETRY_MS;
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
    const fetchIndex = this.#options.fetchIndex;
    if (fetchIndex === undefined) return;
    let failure: unknown = new Error('the Release names no such index');
    for (const file of held.fetchable(index)) {
      try {
        const path = await fetchIndex(held.locate(file), this.#entryOf(held, file));
        await this.#build(held, index, file.key, path);
        return;
      } catch (error) {
        failure = error;
        if (this.#closed) break;
      }
    }
    throw failure;
  }

  async #build(held: HeldRelease, index: UsedIndex, fileKey: Sha256, path: string): Promise<void> {
    const plain = held.release.file(index.stem);
    await this.#shelf.build(plain?.key ?? fileKey, path, fileKey, plain !== undefined);
    if (this.#closed || this.#held.get(held.place.directory) !== held) return;
    if (this.#takeFromShelf(held, index)) this.#changed();
  }

  /** Takes the right table into use when the shelf has it. */
  #takeFromShelf(held: HeldRelease, index: UsedIndex): boolean {
    if (!held.isStale(index)) return false;
    const key = held.tableKeys(index.stem).find((candidate) => this.#shelf.load(candidate) !== undefined);
    if (key === undefined) return false;
    index.previous = index.current;
    index.current = key;
    index.retryAtMs = 0;
    const { previous } = index;
    if (previous !== undefined) {
      this.#after(PREVIOUS_MS, () => {
        if (index.previous !== previous) return;
        index.previous = undefined;
        this.#changed();
      });
    }
    return true;
  }

  // --- swarms

  #mayShare(held: HeldRelease): boolean {
    return isShareable(held.release, held.place.base, held.verdict, this.#options.shareRules ?? []);
  }

  #swarm(held: HeldRelease, architecture: string): string | undefined {
    if (!held.shareable) return undefined;
    const identity = archiveIdentity(held.release, architecture, held.place.base);
    const name = JSON.stringify([identity.origin, identity.codename, identity.architecture]);
    if (!this.#infoHashes.has(name)) {
      let infoHash: string | undefined;
      try {
        infoHash = this.#options.infoHash(identity);
      } catch (error) {
        log.warn(`archive: ${quoteRemote(held.place.directory)} is not shared: ${reasonOf(error)}`);
      }
      this.#infoHashes.set(name, infoHash);
    }
    return this.#infoHashes.get(name);
  }

  /** Architectures in use of that one Release, without "all". */
  #architectures(held: HeldRelease): string[] {
    const architectures = new Set<string>();
    for (const index of held.indexes.values()) {
      const architecture = index.current === undefined ? undefined : indexArchitecture(index.stem);
      if (architecture !== undefined && architecture !== SOURCE && architecture !== ALL)
        architectures.add(architecture);
    }
    return [...architectures];
  }

  /** Of files that an index names. */
  #fileSwarms(held: HeldRelease, stem: string): string[] {
    const architecture = indexArchitecture(stem);
    if (architecture === SOURCE || architecture === undefined) return this.#archiveSwarms(held, undefined);
    return this.#swarms(held, [architecture, ALL]);
  }

  /** Of an index (or anything else that a Release names) itself. */
  #indexSwarms(held: HeldRelease, name: string): string[] {
    const architecture = indexArchitecture(name);
    return this.#archiveSwarms(held, architecture === SOURCE ? undefined : architecture);
  }

  /** All swarms in use of the archive that this Release belongs to, its "all", and that of one more architecture. */
  #archiveSwarms(held: HeldRelease, more: string | undefined): string[] {
    const { origin, codename } = archiveIdentity(held.release, ALL, held.place.base);
    const architectures = new Set(more === undefined ? [] : [more]);
    for (const other of this.#held.values()) {
      if (!other.shareable) continue;
      const identity = archiveIdentity(other.release, ALL, other.place.base);
      if (identity.origin !== origin || identity.codename !== codename) continue;
      for (const architecture of this.#architectures(other)) architectures.add(architecture);
    }
    return this.#swarms(held, [...architectures, ALL]);
  }

  #swarms(held: HeldRelease, architectures: readonly string[]): string[] {
    const swarms = architectures.map((architecture) => this.#swarm(held, architecture));
    return [...new Set(swarms.filter((swarm) => swarm !== undefined))];
  }

  // --- keeping

  #restore(): void {
    for (const record of this.#state.load()) {
      const at: Location = {
        scheme: record.scheme,
        host: record.host,
        path: `${record.path}/${record.form}`,
      };
      const place = releasePlace(at);
      const file = record.files.find(({ name }) => name === record.form);
      const bytes = file && this.#state.read(file.key);
      if (place === undefined || bytes === undefined) {
        log.warn(`archive: dropped ${quoteRemote(locationName(at))}: its copy is gone or damaged`);
        continue;
      }
      try {
        const text = isClearSigned(bytes) ? splitClearSigned(bytes).text : bytes;
        const held = new HeldRelease(
          place,
          record.form,
          parseRelease(text),
          record.verdict,
          this.#clock.nowMs(),
        );
        for (const { name, ...kept } of record.files) held.files.set(name, kept);
        held.shareable = this.#mayShare(held);
        for (const { stem, current, previous } of record.indexes) {
          const index = held.use(stem);
          if (index === undefined || held.tableKeys(stem).length === 0) continue;
          // A table that is lost: stale, so it is fetched again.
          index.current = current && this.#shelf.load(current) && current;
          index.previous = previous && this.#shelf.load(previous) && previous;
        }
        this.#held.set(place.directory, held);
      } catch (error) {
        log.warn(`archive: dropped ${quoteRemote(locationName(at))}: ${reasonOf(error)}`);
      }
    }
  }

  #keepFile(held: HeldRelease, name: ReleaseFileName, bytes: Uint8Array, validators: Validators): void {
    const { lastModified, etag } = validators;
    try {
      held.files.set(name, { key: this.#state.keep(bytes), lastModified, etag });
    } catch (error) {
      // The old copy would contradict the catalogue.
      held.files.delete(name);
      log.warn(
        `archive: could not keep ${quoteRemote(`${held.place.directory}/${name}`)}: ${reasonOf(error)}`,
      );
    }
  }

  #changed(): void {
    if (this.#closed) return;
    this.#save();
    this.#sweep();
    for (const listener of [...this.#listeners]) listener();
  }

  #save(): void {
    const records = [...this.#held.values()].map((held) => ({
      scheme: held.place.scheme,
      host: held.place.host,
      path: held.place.directory.slice(held.place.host.length),
      form: held.form,
      verdict: held.verdict,
      files: [...held.files].map(([name, file]) => ({ name: name as ReleaseFileName, ...file })),
      indexes: [...held.indexes.values()].map(({ stem, current, previous }) => ({ stem, current, previous })),
    }));
    try {
      this.#state.save(records);
    } catch (error) {
      log.warn(`archive: could not keep the catalogue: ${reasonOf(error)}`);
    }
  }

  #sweep(): void {
    // The keys of tables still to come are among them: one that is just built must not be swept before it is taken.
    const used = new Set([...this.#held.values()].flatMap((held) => held.usedTableKeys()));
    try {
      this.#shelf.sweep(used);
    } catch (error) {
      log.warn(`archive: could not delete old tables: ${reasonOf(error)}`);
    }
  }

  #dropOldest(): void {
    if (this.#held.size <= MAX_RELEASES) return;
    const oldest = [...this.#held.values()].reduce((a, b) => (b.usedMs < a.usedMs ? b : a));
    this.#held.delete(oldest.place.directory);
  }

  #after(delayMs: number, run: () => void): void {
    const cancel = this.#clock.after(delayMs, () => {
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

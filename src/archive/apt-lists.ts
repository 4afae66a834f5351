/**
 * apt's own lists (/var/lib/apt/lists), read in place and watched: what apt has fetched without us is known to the
 * catalogue as if it had come through us. It decides when they are looked at; whether a Release holds is decided as
 * for one from a mirror (refresh.ts: signature, date), whether an index is the right one by the SHA-256 that the Release
 * states of its content. Nothing is trusted for lying there, and nothing newer is replaced.
 *
 * At first only names are read. The files follow a moment later, or as soon as a question depends on them (settled()).
 */
import { type FSWatcher, readdirSync, readFileSync, statSync, watch } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../lib/clock.ts';
import { log } from '../lib/log.ts';
import { httpsHosts } from './apt-sources.ts';
import type { Location } from './entry.ts';
import { releasePlace } from './held-release.ts';
import { type ListedArchive, listedArchives } from './list-name.ts';
import type { Validators } from './new-release.ts';
import { MAX_RELEASE_BYTES } from './release.ts';

export interface AptListsOptions {
  readonly directory: string;
  readonly clock: Clock;
  readonly isOwnHost: (host: string) => boolean;
  /** Refresh.take(). */
  readonly take: (at: Location, bytes: Uint8Array, validators: Validators) => Promise<void>;
  /** Catalogue.indexListed(). */
  readonly indexListed: (at: Location, stem: string, path: string) => Promise<void>;
  /** "/etc/apt": which hosts are reached by https. */
  readonly aptDirectory?: string;
}

/** Others that start with us go first. */
const FIRST_LOOK_MS = 500;
/** apt renames one list after another into place. */
const QUIET_MS = 500;
/** A question waits for the Releases at most so long. */
const WAIT_MS = 10_000;
/** As many Releases as a catalogue holds, and a good deal of indexes of each. */
const MAX_ARCHIVES = 64;
const MAX_INDEXES = 1024;
/** The lists of files come after the other fields. */
const RELEASE_HEAD_CHARS = 16 << 10;

const diary = log.withTag('archive');

export class AptLists implements Disposable {
  readonly #options: AptListsOptions;
  #archives: readonly ListedArchive[] = [];
  /** What was looked at, by name: not again before it changes. */
  readonly #seen = new Map<string, string>();
  #watcher: FSWatcher | undefined;
  #cancelLook: (() => void) | undefined;
  /** Resolves when the Releases are in force and the indexes are on their way. */
  #looking: Promise<void> | undefined;
  /** Of the indexes. */
  #indexing: Promise<unknown> = Promise.resolve();
  #isDue = true;
  #closed = false;

  /** Reads names only. A directory that can't be read has none. */
  constructor(options: AptListsOptions) {
    this.#options = options;
    this.#readNames();
    this.#watch();
    this.#lookIn(FIRST_LOOK_MS);
  }

  /** Waits, if the lists that are still to be read may tell of that host; true when they were read now. */
  async settled(host: string): Promise<boolean> {
    if (!this.#isDue && this.#looking === undefined) return false;
    if (!this.#archives.some(({ at }) => at.host === host)) return false;
    let cancel = () => {};
    const timeUp = new Promise<void>((resolve) => {
      cancel = this.#options.clock.after(WAIT_MS, resolve);
    });
    await Promise.race([this.#looking ?? this.#look(), timeUp]);
    cancel();
    return true;
  }

  /**
   * The Packages among the lists, with the archive's base that their paths are relative to; those that apt takes nothing
   * from by itself (NotAutomatic: backports, experimental) left out.
   */
  packages(): { readonly base: Location; readonly path: string }[] {
    const { directory } = this.#options;
    return this.#archives.flatMap(({ at, release, indexes }) => {
      const place = releasePlace(at);
      const names = [...indexes].filter(([, stem]) => stem.endsWith('Packages'));
      if (place === undefined || names.length === 0 || isNotAutomatic(join(directory, release))) return [];
      const base = { ...at, path: place.base.slice(at.host.length) };
      return names.map(([name]) => ({ base, path: join(directory, name) }));
    });
  }

  /** All that is to be read is in use, or refused. Never rejects. */
  async read(): Promise<void> {
    await this.#look();
    await this.#indexing;
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#cancelLook?.();
    this.#watcher?.close();
  }

  #readNames(): void {
    const { directory, isOwnHost, aptDirectory } = this.#options;
    try {
      const names = readdirSync(directory);
      const options = { isOwnHost, httpsHosts: httpsHosts(aptDirectory) };
      this.#archives = listedArchives(names, options).slice(0, MAX_ARCHIVES);
    } catch (error) {
      this.#archives = [];
      diary.debug(`apt's lists are not read: ${reasonOf(error)}`);
    }
  }

  #watch(): void {
    try {
      this.#watcher = watch(this.#options.directory, () => this.#changed());
      this.#watcher.on('error', (error) => diary.debug(`apt's lists are not watched: ${reasonOf(error)}`));
      this.#watcher.unref();
    } catch (error) {
      diary.debug(`apt's lists are not watched: ${reasonOf(error)}`);
    }
  }

  #changed(): void {
    if (this.#closed) return;
    this.#isDue = true;
    this.#lookIn(QUIET_MS);
  }

  #lookIn(delayMs: number): void {
    this.#cancelLook?.();
    this.#cancelLook = this.#options.clock.after(delayMs, () => {
      this.#cancelLook = undefined;
      void this.#look();
    });
  }

  /** One look at a time; what changes meanwhile is another. Never rejects. */
  #look(): Promise<void> {
    this.#looking ??= this.#lookNow().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #lookNow(): Promise<void> {
    const indexes: Promise<void>[] = [];
    while (this.#isDue && !this.#closed) {
      this.#isDue = false;
      this.#readNames();
      for (const archive of this.#archives) {
        if (this.#closed) return;
        try {
          await this.#takeRelease(archive);
          indexes.push(...this.#indexes(archive));
        } catch (error) {
          diary.debug(`apt's list ${archive.release} is not read: ${reasonOf(error)}`);
        }
      }
    }
    // Not waited for by questions: the catalogue itself knows that these are on their way.
    this.#indexing = Promise.all([this.#indexing, ...indexes]);
  }

  async #takeRelease({ at, release, signature }: ListedArchive): Promise<void> {
    const { take } = this.#options;
    await this.#ifNew(release, (bytes, validators) => take(at, bytes, validators));
    if (signature === undefined) return;
    const signatureAt = { ...at, path: `${at.path}.gpg` };
    await this.#ifNew(signature, (bytes, validators) => take(signatureAt, bytes, validators));
  }

  async #ifNew(name: string, read: (bytes: Uint8Array, validators: Validators) => Promise<void>) {
    const path = join(this.#options.directory, name);
    const { size, mtime } = statSync(path);
    if (size > MAX_RELEASE_BYTES || !this.#isNew(name)) return;
    // apt gives a list the date that its mirror stated.
    await read(readFileSync(path), { lastModified: mtime.toUTCString() });
  }

  #indexes({ at, indexes }: ListedArchive): Promise<void>[] {
    const { directory, indexListed } = this.#options;
    // Each time: whether there is something to do depends on the Release as well.
    return [...indexes]
      .slice(0, MAX_INDEXES)
      .map(([name, stem]) => indexListed(at, stem, join(directory, name)));
  }

  #isNew(name: string): boolean {
    const { ino, size, mtimeMs } = statSync(join(this.#options.directory, name));
    const mark = `${ino} ${size} ${mtimeMs}`;
    if (this.#seen.get(name) === mark) return false;
    this.#seen.set(name, mark);
    return true;
  }
}

function isNotAutomatic(path: string): boolean {
  try {
    return /^NotAutomatic:[ \t]*yes/im.test(readFileSync(path, 'latin1').slice(0, RELEASE_HEAD_CHARS));
  } catch {
    return true;
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * What the Releases and indexes that lie in a tree say, brought into the catalogue as if a mirror had given them: the
 * Releases by way of Refresh.take() (signature, date), the indexes by the SHA-256 that a Release states. It decides which
 * files of the tree are read for that, and where in the catalogue they stand; what is true is decided there.
 *
 * The catalogue names places as clients do, "host/path". A tree is served at a place that only its operator knows; where
 * he doesn't say, it has a made-up one, by which no archive may be named (isNameless()).
 */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Catalogue } from '../archive/catalogue.ts';
import type { Location } from '../archive/entry.ts';
import { hasTable, indexStem, isDiffIndex, isIndexName } from '../archive/held-release.ts';
import type { Refresh } from '../archive/refresh.ts';
import { MAX_RELEASE_BYTES, type Release, type ReleaseFile } from '../archive/release.ts';
import { log } from '../lib/log.ts';
import { findReleases, type TreeRelease } from './tree-releases.ts';

export interface TreeArchivesOptions {
  /** Its real path. */
  readonly root: string;
  /** Where the tree is served, with a path that has no slash at its end; NOWHERE unless the operator said. */
  readonly base: Location;
  readonly catalogue: Catalogue;
  readonly refresh: Pick<Refresh, 'take'>;
  readonly unreadable: (path: string, reason: string) => void;
}

/** Where a tree is whose place wasn't told. ".invalid" is no name of anything (RFC 6761 §6.4). */
export const NOWHERE: Location = { scheme: 'http', host: 'tree.invalid', path: '' };

/** Whether this names an archive by a place that was made up here. */
export function isNameless({ origin }: { readonly origin: string }): boolean {
  return origin === NOWHERE.host || origin.startsWith(`${NOWHERE.host}/`);
}

/** What a look at the tree's Releases has found. */
export interface TreeReading {
  readonly releases: readonly TreeRelease[];
  /** Folder of a Release → why it isn't in force. */
  readonly refused: ReadonlyMap<string, string>;
}

/** Unpacked soonest first. */
const SUFFIXES = ['.gz', '.xz', '.zst', '.bz2', '.lz4', ''] as const;

export class TreeArchives {
  readonly #options: TreeArchivesOptions;

  constructor(options: TreeArchivesOptions) {
    this.#options = options;
  }

  /** Where the catalogue has the file of that path below the root. */
  at(path: string): Location {
    const { base } = this.#options;
    return { ...base, path: `${base.path}/${path}` };
  }

  /** The other way round; undefined for a directory ("host/path") that isn't of this tree. */
  pathOf(directory: string): string | undefined {
    const { host, path } = this.#options.base;
    const base = host + path;
    if (directory === base) return '';
    return directory.startsWith(`${base}/`) ? directory.slice(base.length + 1) : undefined;
  }

  /**
   * Reads what there is now. `isClosing` is asked between the parts of it. Never rejects: what can't be read or believed
   * is told of.
   */
  async read(isClosing: () => boolean): Promise<TreeReading> {
    const { root, catalogue, unreadable } = this.#options;
    const releases = findReleases(root, unreadable);
    const refused = new Map<string, string>();
    this.#dropAllBut(releases);
    for (const release of releases) {
      if (isClosing()) break;
      try {
        await this.#takeRelease(release);
      } catch (error) {
        refused.set(release.directory, reasonOf(error));
        continue;
      }
      const at = this.#locate(release, 'InRelease');
      const held = catalogue.inForce(at)?.release;
      if (held) await this.#takeIndexes(release, at, held);
      else refused.set(release.directory, 'it can not be read');
    }
    return { releases, refused };
  }

  /** Also what an earlier run has left of another tree. */
  #dropAllBut(releases: readonly TreeRelease[]): void {
    const here = new Set(releases.map(({ directory }) => directory));
    for (const { directory } of this.#options.catalogue.releases()) {
      const path = this.pathOf(directory);
      if (path !== undefined && here.has(path)) continue;
      const slash = directory.includes('/') ? directory.indexOf('/') : directory.length;
      const host = directory.slice(0, slash);
      this.#options.catalogue.drop({ scheme: 'http', host, path: `${directory.slice(slash)}/InRelease` });
    }
  }

  #locate({ directory }: TreeRelease, name: string): Location {
    return this.at(directory === '' ? name : `${directory}/${name}`);
  }

  async #takeRelease(release: TreeRelease): Promise<void> {
    const { refresh } = this.#options;
    const isInline = release.files.includes('InRelease');
    const names = isInline ? ['InRelease'] : release.files;
    for (const name of names)
      await refresh.take(this.#locate(release, name), this.#bytesOf(release, name), {});
  }

  #bytesOf({ directory }: TreeRelease, name: string): Uint8Array {
    const path = join(this.#options.root, directory, name);
    if (statSync(path).size > MAX_RELEASE_BYTES) throw new RangeError(`${name} is too long`);
    return readFileSync(path);
  }

  /** Those that lie here, best first: there may be more than the catalogue takes. */
  async #takeIndexes({ directory }: TreeRelease, at: Location, release: Release): Promise<void> {
    const { root, catalogue } = this.#options;
    const stems = new Set(release.names().filter(hasTable).map(indexStem));
    const taken: Promise<void>[] = [];
    for (const stem of [...stems].sort((a, b) => rank(a) - rank(b))) {
      const stated = release.file(stem);
      if (stated?.sizeBytes === 0) continue;
      const found = this.#fileOf(join(root, directory), stem, release);
      if (found === undefined) continue;
      if (stated && isIndexName(stem)) taken.push(catalogue.indexListed(at, stem, found.path));
      else taken.push(catalogue.indexArrived(found.file.key, found.path));
    }
    await Promise.all(taken);
    log.debug(`archive: ${taken.length} indexes of ${directory || 'the tree'} were looked at`);
  }

  /** Any form of it that lies here, by name or by hash. */
  #fileOf(
    directory: string,
    stem: string,
    release: Release,
  ): { readonly path: string; readonly file: ReleaseFile } | undefined {
    for (const suffix of SUFFIXES) {
      const file = release.file(stem + suffix);
      if (file === undefined) continue;
      const parent = stem.slice(0, stem.lastIndexOf('/') + 1);
      for (const name of [file.name, `${parent}by-hash/SHA256/${file.key}`]) {
        const path = join(directory, name);
        if (sizeOf(path) === file.sizeBytes) return { path, file };
      }
    }
    return undefined;
  }
}

/** Packages and sources before installers, patches last. */
function rank(stem: string): number {
  if (isDiffIndex(stem)) return 2;
  return stem.includes('debian-installer/') ? 1 : 0;
}

function sizeOf(path: string): number | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })?.size;
  } catch {
    return undefined;
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

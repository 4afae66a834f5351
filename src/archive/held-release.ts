/**
 * One Release in force at one place (host, base path, suite), the indexes of it that clients use, and the tables that
 * stand for them. It decides which names are tables, which index is stale, and how a place is divided into base and
 * suite. Loading, waiting and keeping are the catalogue's.
 */
import type { Sha256 } from '../lib/sha256.ts';
import type { Location } from './entry.ts';
import { isSecurityPocket } from './pocket.ts';
import type { Release, ReleaseFile } from './release.ts';
import type { SignatureVerdict } from './signature.ts';

/** Best first for fetching by ourselves: gzip decompresses fastest by far. */
const SUFFIXES = ['.gz', '.xz', '.zst', '.bz2', ''] as const;
const INDEX_NAME = /(?:^|\/)(?:Packages|Sources)(?:\.(?:gz|xz|zst|bz2|lz4|lzma))?$/;
const MAX_STEMS = 256;

/** The three names that are served by refresh.ts and have no entry. */
export const RELEASE_FILES = ['InRelease', 'Release', 'Release.gpg'] as const;
export type ReleaseFileName = (typeof RELEASE_FILES)[number];

/** Where a Release lies. Strings are "host/path" without a slash at the end. */
export interface ReleasePlace {
  readonly scheme: Location['scheme'];
  readonly host: string;
  /** The directory of the Release file. */
  readonly directory: string;
  /** What Filename fields are relative to. For a flat repository: the directory (its parents are tried too). */
  readonly base: string;
  /** "bookworm", "bookworm/updates"; undefined for a flat repository. */
  readonly suite: string | undefined;
}

/** Divides the location of an InRelease, Release or Release.gpg; undefined when it is none. */
export function releasePlace(at: Location): (ReleasePlace & { readonly name: ReleaseFileName }) | undefined {
  const slash = at.path.lastIndexOf('/');
  const name = RELEASE_FILES.find((file) => file === at.path.slice(slash + 1));
  if (name === undefined) return undefined;
  const directory = at.host + at.path.slice(0, slash);
  const dists = directory.lastIndexOf('/dists/');
  const suite = dists < 0 ? '' : directory.slice(dists + '/dists/'.length);
  const base = suite === '' ? directory : directory.slice(0, dists);
  return { scheme: at.scheme, host: at.host, directory, base, suite: suite || undefined, name };
}

export function isIndexName(name: string): boolean {
  return INDEX_NAME.test(name);
}

/** An index's name without its compression suffix: "main/binary-amd64/Packages". */
export function indexStem(name: string): string {
  return name.replace(/\.(?:gz|xz|zst|bz2|lz4|lzma)$/, '');
}

/** The list of patches for an index: "main/binary-amd64/Packages.diff/Index", "main/Contents-amd64.diff/Index". */
export function isDiffIndex(name: string): boolean {
  return /(?:^|\/)[^/]+\.diff\/Index$/.test(name);
}

/** The list that names the patch of that name: "main/binary-amd64/Packages.diff/T-….gz"; undefined for other files. */
export function diffIndexOf(name: string): string | undefined {
  const directory = /^((?:.*\/)?[^/]+\.diff\/)[^/]+$/.exec(name)?.[1];
  return directory === undefined ? undefined : `${directory}Index`;
}

/** A table is made of it: an index, or a list of patches. */
export function hasTable(name: string): boolean {
  return isIndexName(name) || isDiffIndex(name);
}

/** The index that such a list is for. */
export function diffStem(name: string): string {
  return name.replace(/\.diff\/Index$/, '');
}

/** "amd64", "source", or undefined where the name doesn't tell (a flat repository's). */
export function indexArchitecture(name: string): string | undefined {
  const match = /(?:^|\/)(?:binary-([^/]+)|(source))\/[^/]+$/.exec(diffStem(name));
  return match ? (match[1] ?? match[2]) : undefined;
}

/** An index that clients use, and the tables that answer for it. */
export interface UsedIndex {
  readonly stem: string;
  /** The table that answers now; stale when it isn't one of the Release's. */
  current: Sha256 | undefined;
  /** The one before, for an apt that read the index before. */
  previous: Sha256 | undefined;
  /** The name a client asked for under this Release: it is on its way already, or in the store. */
  askedName: string | undefined;
  /** Monotonic time before which a failed fetch isn't tried again. */
  retryAtMs: number;
}

/** apt says nothing of these, so the log and the status page do. */
export interface UpstreamNotes {
  /** Clients were given our copy the last time, as the mirror could not be reached. */
  stale: boolean;
  /** How often it gave an older Release than the one in force. */
  rolledBack: number;
  /** How often it gave one that is worse signed, or can't be read. */
  refused: number;
}

/** A file as a mirror gave it, kept under its SHA-256 in the catalogue's directory. */
export interface KeptFile {
  readonly key: Sha256;
  readonly lastModified: string | undefined;
  readonly etag: string | undefined;
}

export class HeldRelease {
  readonly place: ReleasePlace;
  release: Release;
  /** For an apt that read the Release before: its by-hash paths still resolve. */
  previousRelease: Release | undefined;
  verdict: SignatureVerdict;
  /**
   * Another Release that clients were given here lately though it isn't in force (an older one, a worse signed one),
   * and until when (monotonic) they may ask for what it names.
   */
  passedBy: { readonly release: Release; readonly untilMs: number } | undefined;
  shareable = false;
  /** What its mirror did lately, since the start. */
  readonly upstream: UpstreamNotes = { stale: false, rolledBack: 0, refused: 0 };
  /** Which kept file the release was read from. */
  form: 'InRelease' | 'Release';
  readonly files = new Map<ReleaseFileName, KeptFile>();
  readonly indexes = new Map<string, UsedIndex>();
  /** For dropping the least recently used one. */
  usedMs: number;

  constructor(
    place: ReleasePlace,
    form: 'InRelease' | 'Release',
    release: Release,
    verdict: SignatureVerdict,
    nowMs: number,
  ) {
    this.place = place;
    this.form = form;
    this.release = release;
    this.verdict = verdict;
    this.usedMs = nowMs;
  }

  /** It holds security updates. */
  get isSecurity(): boolean {
    return isSecurityPocket(this.release, this.place.suite);
  }

  /** The index's record, made when there is none; undefined when there are too many. */
  use(stem: string): UsedIndex | undefined {
    const known = this.indexes.get(stem);
    if (known !== undefined) return known;
    if (this.indexes.size >= MAX_STEMS) return undefined;
    const index: UsedIndex = {
      stem,
      current: undefined,
      previous: undefined,
      askedName: undefined,
      retryAtMs: 0,
    };
    this.indexes.set(stem, index);
    return index;
  }

  /** The keys a table for this index may have: of the decompressed index, else of any form of it. */
  tableKeys(stem: string): Sha256[] {
    const plain = this.release.file(stem);
    if (plain !== undefined) return [plain.key];
    return SUFFIXES.flatMap((suffix) => this.release.file(stem + suffix)?.key ?? []);
  }

  /** The Release states another content than the table has that answers now. */
  isStale(index: UsedIndex): boolean {
    return index.current === undefined || !this.tableKeys(index.stem).includes(index.current);
  }

  /** What to fetch for a stale index, one after another until one is to be had. */
  fetchable(index: UsedIndex): ReleaseFile[] {
    const names = [index.askedName, ...SUFFIXES.map((suffix) => index.stem + suffix)];
    const files = [...new Set(names)].map((name) =>
      name === undefined ? undefined : this.release.file(name),
    );
    return files.filter((file) => file !== undefined);
  }

  /** Where a file of this Release is asked for: by-hash when the archive has that. */
  locate(file: ReleaseFile): Location {
    const { scheme, host, directory } = this.place;
    const parent = file.name.includes('/') ? `${file.name.slice(0, file.name.lastIndexOf('/'))}/` : '';
    const name = this.release.acquireByHash ? `${parent}by-hash/SHA256/${file.key}` : file.name;
    return { scheme, host, path: `${directory.slice(host.length)}/${name}` };
  }

  /**
   * The file at "host/path" when it is one that this Release (or, by hash, another that clients may have) names. A plain
   * name that means something else in a Release which passed by is none: the mirror itself has to answer, as it gave
   * that Release.
   */
  resolve(name: string, nowMs: number): ReleaseFile | undefined {
    const { directory } = this.place;
    if (!isUnder(name, directory)) return undefined;
    const path = name.slice(directory.length + 1);
    const file = this.release.resolve(path);
    const passedBy = this.passedBy && this.passedBy.untilMs > nowMs ? this.passedBy.release : undefined;
    if (path.includes('by-hash/'))
      return file ?? this.previousRelease?.resolve(path) ?? passedBy?.resolve(path);
    return passedBy === undefined || passedBy.file(path)?.key === file?.key ? file : undefined;
  }

  /** How much older than the newest that any of these has for the same suite of the same archive, in milliseconds. */
  behindMs(releases: Iterable<HeldRelease>): number {
    const { dateMs, suite, codename } = this.release;
    if (dateMs === undefined) return 0;
    let newest = dateMs;
    for (const other of releases) {
      if (other.release.suite !== suite || other.release.codename !== codename || !this.isKinOf(other))
        continue;
      newest = Math.max(newest, other.release.dateMs ?? 0);
    }
    return newest - dateMs;
  }

  /** The same archive at another mirror, or another suite of it: both say so, and the same key or public ones signed. */
  isKinOf({ release, verdict }: HeldRelease): boolean {
    const { origin, label } = this.release;
    if (origin === undefined || origin !== release.origin || label !== release.label) return false;
    if (this.verdict.status === 'private' && verdict.status === 'private')
      return this.verdict.fingerprint === verdict.fingerprint;
    return this.verdict.status === 'public' && verdict.status === 'public';
  }

  /** What Filename may be for "host/path", likeliest first; empty when this archive can't have it. */
  relativePaths(name: string): string[] {
    const { base, suite } = this.place;
    if (suite !== undefined) {
      return isUnder(name, base) ? [name.slice(base.length + 1)] : [];
    }
    const paths: string[] = [];
    for (let at = base.length; at > 0; at = base.lastIndexOf('/', at - 1)) {
      const parent = base.slice(0, at);
      if (isUnder(name, parent)) paths.push(name.slice(at + 1));
    }
    return paths;
  }

  /** Of the tables in use, and of those still to come. */
  usedTableKeys(): Sha256[] {
    return [...this.indexes.values()].flatMap(({ stem, current, previous }) =>
      [current, previous, ...this.tableKeys(stem)].filter((key) => key !== undefined),
    );
  }
}

function isUnder(name: string, directory: string): boolean {
  return name.length > directory.length && name[directory.length] === '/' && name.startsWith(directory);
}

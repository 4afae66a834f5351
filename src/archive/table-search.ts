/**
 * Finds a path in the tables of the archives that may have it. It decides which tables are asked, and in what order:
 * those in force first; those that aren't any more, or not yet replaced, or another mirror's of the same archive, only for
 * names that always mean the same content. Pure but for noting that an archive was of use.
 */
import type { Sha256 } from '../lib/sha256.ts';
import type { Entry } from './entry.ts';
import { diffIndexOf, type HeldRelease, type UsedIndex } from './held-release.ts';
import { type IndexTable, pathFingerprint } from './index-table.ts';

/** An archive that may have a path, and the names its tables may know it by. */
export interface Candidate {
  readonly held: HeldRelease;
  readonly fingerprints: readonly Uint8Array[];
}

export interface TableSearchOptions {
  /** The table of that key where it is loaded. */
  readonly table: (key: Sha256) => IndexTable | undefined;
  /** Of the files that an index names. */
  readonly swarms: (held: HeldRelease, stem: string) => readonly string[];
  /** The BEP 52 root that this archive itself states for a content of its own. */
  readonly root?: ((held: HeldRelease, key: Sha256) => Uint8Array | undefined) | undefined;
  /** All that are in force. */
  readonly releases: () => Iterable<HeldRelease>;
  /** Monotonic. */
  readonly nowMs: () => number;
}

/** name_version_architecture.deb and source files: another content gets another name (Debian Policy §3.2, §5.6.12). */
const VERSIONED =
  /\/[^/_]+_[^/_]+(?:_[^/_]+\.(?:u?deb|ddeb)|\.(?:dsc|diff\.gz|(?:(?:orig(?:-[^/.]+)?|debian)\.)?tar\.[a-z0-9]+(?:\.asc)?))$/;

export function isVersioned(name: string): boolean {
  return VERSIONED.test(name);
}

/** The archives in whose tables "host/path" may be. */
export function candidatesFor(name: string, releases: Iterable<HeldRelease>): Candidate[] {
  const fingerprints = new Map<string, Uint8Array>();
  const fingerprintOf = (path: string) => {
    const known = fingerprints.get(path) ?? pathFingerprint(path);
    fingerprints.set(path, known);
    return known;
  };
  const archives: Candidate[] = [];
  for (const held of releases) {
    const paths = held.relativePaths(name);
    if (paths.length > 0) archives.push({ held, fingerprints: paths.map(fingerprintOf) });
  }
  return archives;
}

/** The same archive at other mirrors, whose tables know the same names. */
function kinOf(archives: readonly Candidate[], releases: Iterable<HeldRelease>): Candidate[] {
  return [...releases].flatMap((held) => {
    const its = archives.find((candidate) => candidate.held !== held && candidate.held.isKinOf(held));
    const isAmong = archives.some((candidate) => candidate.held === held);
    return its === undefined || isAmong ? [] : [{ held, fingerprints: its.fingerprints }];
  });
}

/** The archives in whose lists of patches "host/path" may be. */
export function patchCandidatesFor(name: string, releases: Iterable<HeldRelease>): Candidate[] {
  const list = diffIndexOf(name) ?? '';
  const fingerprints = [pathFingerprint(name.slice(name.lastIndexOf('/') + 1))];
  return [...releases]
    .filter(({ place, indexes }) => {
      const { directory } = place;
      return list.startsWith(`${directory}/`) && indexes.has(list.slice(directory.length + 1));
    })
    .map((held) => ({ held, fingerprints }));
}

/** A patch's name has the time it was made in it, so it means the same for ever. */
export function findPatch(
  name: string,
  archives: readonly Candidate[],
  options: TableSearchOptions,
): Entry | undefined {
  const list = diffIndexOf(name) ?? '';
  const isIts = (held: HeldRelease, { stem }: UsedIndex) => list === `${held.place.directory}/${stem}`;
  return (
    findIn(archives, options, (held, index) => (isIts(held, index) ? index.current : undefined)) ??
    findIn(archives, options, (held, index) => (isIts(held, index) ? index.previous : undefined))
  );
}

/** `name` is the path's, or any that ends as it does. Swarms are those of all archives that agree. */
export function findFile(
  name: string,
  archives: readonly Candidate[],
  options: TableSearchOptions,
): Entry | undefined {
  const inForce = findIn(archives, options, currentTable);
  if (inForce !== undefined || !isVersioned(name)) return inForce;
  return (
    findIn(archives, options, (held, index) => (held.isStale(index) ? index.current : undefined)) ??
    findIn(archives, options, (_, index) => index.previous) ??
    findIn(kinOf(archives, options.releases()), options, currentTable)
  );
}

function currentTable(held: HeldRelease, index: UsedIndex): Sha256 | undefined {
  return held.isStale(index) ? undefined : index.current;
}

function findIn(
  archives: readonly Candidate[],
  { table: tableOf, swarms: swarmsOf, root: rootOf, nowMs }: TableSearchOptions,
  choose: (held: HeldRelease, index: UsedIndex) => Sha256 | undefined,
): Entry | undefined {
  let found: Entry | undefined;
  let root: Uint8Array | undefined;
  const swarms = new Set<string>();
  for (const { held, fingerprints } of archives) {
    for (const index of held.indexes.values()) {
      const key = choose(held, index);
      const table = key && tableOf(key);
      for (const fingerprint of table === undefined ? [] : fingerprints) {
        const record = table?.find(fingerprint);
        if (record === undefined || (found !== undefined && found.key !== record.key)) continue;
        found ??= { ...record, swarms: [] };
        root ??= rootOf?.(held, record.key);
        held.usedMs = nowMs();
        for (const swarm of swarmsOf(held, index.stem)) swarms.add(swarm);
      }
    }
  }
  return found && { ...found, swarms: [...swarms], ...(root && { root }) };
}

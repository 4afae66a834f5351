/**
 * Which archive an index belongs to: from the Release or InRelease above it, its own path (`binary-amd64`), or flags.
 * Where that can't be known, or the indexes disagree, it says which flag to give. Signatures aren't looked at: whoever
 * makes a .dtorrent vouches for it.
 */
import { readFileSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { isClearSigned, splitClearSigned } from '../archive/clearsign.ts';
import { archiveIdentity, normalCodename, normalOrigin } from '../archive/identity.ts';
import { parseRelease, type Release } from '../archive/release.ts';
import { UsageError } from '../lib/errors.ts';
import type { ArchiveIdentity } from '../torrent/archive-identity.ts';

/** `dists/bookworm/main/binary-amd64/Packages.gz` lies three below its Release, `updates/main` and the like one more. */
const LEVELS_UP = 5;

export interface IdentityFlags {
  readonly origin?: string;
  readonly codename?: string;
  readonly architecture?: string;
}

/** Throws UsageError naming the flag that is needed, ProtocolError for a Release that can't be read. */
export function identityOfIndexes(
  indexes: readonly string[],
  flags: IdentityFlags,
  webSeeds: readonly string[],
): ArchiveIdentity {
  const architecture = flags.architecture ?? architectureOf(indexes);
  const all = indexes.map((index) => identityOf(index, { ...flags, architecture }, webSeeds));
  const first = all[0] as ArchiveIdentity;
  for (const [i, other] of all.entries()) {
    for (const field of ['origin', 'codename'] as const) {
      if (other[field] === first[field]) continue;
      throw new UsageError(
        `${indexes[0]} is of ${field} "${first[field]}", ${indexes[i]} of "${other[field]}": make one .dtorrent each, or give --${field}`,
      );
    }
  }
  return first;
}

function identityOf(
  index: string,
  flags: IdentityFlags & { architecture: string },
  webSeeds: readonly string[],
): ArchiveIdentity {
  const { origin, codename, architecture } = flags;
  if (origin !== undefined && codename !== undefined) {
    return { origin: normalOrigin(origin), codename: normalCodename(codename), architecture };
  }
  const release = findRelease(index);
  const known = release && {
    origin: release.origin,
    codename: release.codename ?? release.suite,
  };
  const base = webSeeds[0] === undefined ? undefined : baseOf(webSeeds[0]);
  const missing = [
    origin === undefined && known?.origin === undefined && 'origin',
    codename === undefined && known?.codename === undefined && 'codename',
  ].filter((field) => field !== false);
  if (missing.length > 0 && (!release || base === undefined)) {
    const why = release ? 'the Release above it does not say' : 'there is no Release or InRelease above it';
    const flagNames = missing.map((field) => `--${field}`).join(' and ');
    throw new UsageError(
      `could not tell the ${missing.join(' and ')} of ${index}: ${why}; give ${flagNames}`,
    );
  }
  const derived = archiveIdentity(release as Release, architecture, base ?? '');
  return {
    origin: origin === undefined ? derived.origin : normalOrigin(origin),
    codename: codename === undefined ? derived.codename : normalCodename(codename),
    architecture,
  };
}

/** By the folders' names; files of `all` go with those of an architecture. */
function architectureOf(indexes: readonly string[]): string {
  const found = new Set<string>();
  for (const index of indexes) {
    const named =
      /^binary-([a-z0-9-]+)$/.exec(basename(dirname(resolve(index))))?.[1] ?? onlyArchitecture(index);
    if (named === undefined)
      throw new UsageError(`could not tell the architecture of ${index}; give --architecture`);
    found.add(named);
  }
  if (found.size > 1) found.delete('all');
  const [architecture, ...others] = found;
  if (architecture === undefined || others.length > 0) {
    throw new UsageError(
      `the indexes are of several architectures (${[...found].join(', ')}): make one .dtorrent each, or give --architecture`,
    );
  }
  return architecture;
}

/** Of a flat repository: its Release may name just one. */
function onlyArchitecture(index: string): string | undefined {
  const named = findRelease(index)?.architectures.filter((architecture) => architecture !== 'all') ?? [];
  return named.length === 1 ? named[0] : undefined;
}

function findRelease(index: string): Release | undefined {
  let dir = dirname(resolve(index));
  for (let level = 0; level < LEVELS_UP; level++, dir = dirname(dir)) {
    for (const name of ['InRelease', 'Release']) {
      const bytes = readIfThere(`${dir}/${name}`);
      const text = bytes && (isClearSigned(bytes) ? splitClearSigned(bytes).text : bytes);
      // Beside an index there may be a small one of the component, which lists nothing.
      if (text && /^SHA256:/im.test(Buffer.from(text).toString('latin1'))) return parseRelease(text);
    }
  }
  return undefined;
}

function readIfThere(path: string): Uint8Array | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

/** An archive's name by its URI, as the daemon derives it (archive/identity.ts). */
function baseOf(url: string): string {
  const { host, pathname } = new URL(url);
  return `${host}${pathname}`.replace(/\/+$/, '');
}

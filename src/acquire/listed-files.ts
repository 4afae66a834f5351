/**
 * Files that a .dtorrent lists, which the operator gave by hand: an index that needs no Release. It decides what a
 * path is when the catalogue doesn't know; the catalogue, being signed, comes first.
 */
import { type Entry, type Location, locationName } from '../archive/entry.ts';
import { isSecurityPath } from '../archive/pocket.ts';
import { type ArchiveIdentity, swarmInfoHash } from '../torrent/archive-identity.ts';
import type { Dtorrent } from '../torrent/dtorrent.ts';

interface List {
  readonly dtorrent: Dtorrent;
  /** "host/path/" of its mirrors. */
  readonly bases: readonly string[];
  readonly swarms: readonly string[];
}

export class ListedFiles {
  readonly #lists: List[] = [];

  add(dtorrent: Dtorrent): void {
    const bases = dtorrent.webSeeds.map(baseName).filter((base) => base !== undefined);
    this.#lists.push({ dtorrent, bases, swarms: this.identities(dtorrent).map(swarmInfoHash) });
  }

  lookup(at: Location): Entry | undefined {
    const name = locationName(at);
    for (const { dtorrent, bases, swarms } of this.#lists) {
      const path = relativePath(name, bases);
      const index = path === undefined ? undefined : dtorrent.files.lookup(path);
      if (path === undefined || index === undefined) continue;
      const { key, sizeBytes, root } = dtorrent.files.file(index);
      return {
        key,
        sizeBytes,
        swarms,
        ...(root && { root }),
        ...(isSecurityPath(path) && { isSecurity: true }),
      };
    }
    return undefined;
  }

  /** The swarms to be in for one .dtorrent: its own and, for what all architectures share, "all". */
  identities({ identity }: Pick<Dtorrent, 'identity'>): ArchiveIdentity[] {
    const all = { ...identity, architecture: 'all' };
    return identity.architecture === 'all' ? [all] : [identity, all];
  }
}

function baseName(webSeed: string): string | undefined {
  const url = URL.parse(webSeed);
  return url ? `${url.host}${url.pathname.replace(/\/*$/, '/')}` : undefined;
}

/** The path below one of the bases; below whatever has a pool, where no base is known. */
function relativePath(name: string, bases: readonly string[]): string | undefined {
  for (const base of bases) if (name.startsWith(base)) return name.slice(base.length);
  const pool = bases.length === 0 ? name.indexOf('/pool/') : -1;
  return pool < 0 ? undefined : name.slice(pool + 1);
}

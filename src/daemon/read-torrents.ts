/** The .dtorrents and standard torrents that the operator named; which is which is told by what is in them. */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { ConfigError } from '../lib/errors.ts';
import { type Dtorrent, decodeDtorrent } from '../torrent/dtorrent.ts';
import { type Metainfo, parseMetainfo } from '../torrent/metainfo.ts';

export interface StandardTorrent {
  /** The file's, for people: torrents of one archive are all called "pool". */
  readonly name: string;
  readonly metainfo: Metainfo;
}

export interface GivenTorrents {
  readonly dtorrents: readonly Dtorrent[];
  readonly standard: readonly StandardTorrent[];
}

/** Throws ConfigError when one can't be read or is neither. */
export function readTorrents(paths: readonly string[]): GivenTorrents {
  const dtorrents: Dtorrent[] = [];
  const standard: StandardTorrent[] = [];
  for (const path of paths) {
    try {
      const bytes = readFileSync(path);
      const metainfo = asStandard(bytes, path);
      if (metainfo) standard.push({ name: basename(path), metainfo });
      else dtorrents.push(decodeDtorrent(bytes));
    } catch (cause) {
      throw new ConfigError(`could not read ${path}: ${(cause as Error).message}`, { cause });
    }
  }
  return { dtorrents, standard };
}

/** Undefined for a .dtorrent, and for what is neither unless its name says that it is a standard one. */
function asStandard(bytes: Uint8Array, path: string): Metainfo | undefined {
  try {
    return parseMetainfo(bytes);
  } catch (error) {
    if (path.endsWith('.torrent')) throw error;
    return undefined;
  }
}

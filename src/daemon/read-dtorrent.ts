/** A .dtorrent that the operator named. */
import { readFileSync } from 'node:fs';
import { ConfigError } from '../lib/errors.ts';
import { type Dtorrent, decodeDtorrent } from '../torrent/dtorrent.ts';

/** Throws ConfigError when it can't be read or is none. */
export function readDtorrent(path: string): Dtorrent {
  try {
    return decodeDtorrent(readFileSync(path));
  } catch (cause) {
    throw new ConfigError(`could not read ${path}: ${(cause as Error).message}`, { cause });
  }
}

/**
 * The standard torrents that a shared tree itself has: those that a `torrents.json` lists beside it (make-torrent --standard
 * writes it), and each .torrent beside an index or a Release. Pools aren't looked at. The tree is somebody else's work: what
 * can't be read is named to `unreadable` and passed over, and what is there twice counts once.
 */
import { readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { TreeWalk } from '../acquire/tree-walk.ts';
import { parseMetainfo } from '../torrent/metainfo.ts';
import type { StandardTorrent } from './read-torrents.ts';

const LIST = 'torrents.json';
const INDEX = /^(?:(?:Packages|Sources)(?:\.[a-z0-9]+)?|Release|InRelease)$/;
const CLOSED = /(?:^|\/)(?:pool|by-hash|project|[^/]+\.diff)$/;
const MAX_FOLDERS = 50_000;
/** Debian's main makes about 125 for an architecture. */
const MAX_TORRENTS = 4_096;
const MAX_FILE_BYTES = 64 * 1024 * 1024;

/** `besides`: those that are known already. Never throws. `root` is a real path. */
export function readTreeTorrents(
  root: string,
  besides: readonly StandardTorrent[],
  unreadable: (path: string, reason: string) => void,
): StandardTorrent[] {
  const known = new Set(besides.flatMap(({ metainfo }) => hashesOf(metainfo)));
  const read: StandardTorrent[] = [];
  let looked = 0;
  for (const path of paths(root, unreadable)) {
    if (looked >= MAX_TORRENTS) {
      unreadable(path, `more than ${MAX_TORRENTS} torrents`);
      break;
    }
    looked += 1;
    try {
      const metainfo = parseMetainfo(readBounded(join(root, path)));
      const hashes = hashesOf(metainfo);
      if (hashes.some((hash) => known.has(hash))) continue;
      for (const hash of hashes) known.add(hash);
      read.push({ name: basename(path), metainfo });
    } catch (error) {
      unreadable(path, (error as Error).message);
    }
  }
  return read;
}

function* paths(root: string, unreadable: (path: string, reason: string) => void): Generator<string> {
  const walk = new TreeWalk({ root, unreadable, isClosed: (path) => CLOSED.test(path) });
  let folders = 0;
  for (const { path, files } of walk.folders()) {
    folders += 1;
    if (folders > MAX_FOLDERS) return;
    const below = (name: string) => (path === '' ? name : `${path}/${name}`);
    const listed = files.includes(LIST) ? listedIn(root, below(LIST), unreadable) : new Set<string>();
    const isBesideIndex = files.some((name) => INDEX.test(name));
    for (const name of files)
      if (name.endsWith('.torrent') && (isBesideIndex || listed.has(name))) yield below(name);
  }
}

/** Names that aren't there beside it don't count, so none leads elsewhere. */
function listedIn(
  root: string,
  path: string,
  unreadable: (path: string, reason: string) => void,
): ReadonlySet<unknown> {
  try {
    const list: unknown = JSON.parse(readBounded(join(root, path)).toString());
    const { torrents } = list as { torrents: readonly { file: unknown }[] };
    return new Set(torrents.map(({ file }) => file));
  } catch (error) {
    unreadable(path, (error as Error).message);
    return new Set();
  }
}

function readBounded(path: string): Buffer {
  const { size } = statSync(path);
  if (size > MAX_FILE_BYTES) throw new Error(`${size} bytes are too many`);
  return readFileSync(path);
}

function hashesOf({ infoHashV1, infoHashV2 }: StandardTorrent['metainfo']): string[] {
  return [infoHashV1, infoHashV2].filter((hash) => hash !== undefined);
}

import { expect, test } from 'bun:test';
import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readTreeTorrents } from '../../src/daemon/tree-torrents.ts';
import { parseMetainfo } from '../../src/torrent/metainfo.ts';
import { tempDir } from '../fixtures/temp-dir.ts';
import { v1TorrentNamed as torrent } from './v1-torrent.ts';

/** Names of what was read, and paths of what couldn't be. */
function look(files: Record<string, string | Uint8Array>, besides: readonly string[] = []) {
  using directory = tempDir('tree-torrents');
  for (const [path, bytes] of Object.entries(files)) {
    mkdirSync(dirname(join(directory.path, path)), { recursive: true });
    writeFileSync(join(directory.path, path), bytes);
  }
  const unreadable: string[] = [];
  const known = besides.map((name) => ({ name, metainfo: parseMetainfo(torrent(name)) }));
  const read = readTreeTorrents(realpathSync(directory.path), known, (path) => unreadable.push(path));
  return { names: read.map(({ name }) => name), unreadable };
}

const list = (...names: readonly unknown[]) =>
  JSON.stringify({ version: 1, torrents: names.map((file) => ({ file })) });

test('those that a list names are read, and no other beside it', () => {
  const files = {
    'dists/x/main/torrents/torrents.json': list('a.torrent', 'gone.torrent', '../b.torrent', 7),
    'dists/x/main/torrents/a.torrent': torrent('a'),
    'dists/x/main/torrents/other.torrent': torrent('other'),
    'dists/x/main/b.torrent': torrent('b'),
  };
  expect(look(files)).toEqual({ names: ['a.torrent'], unreadable: [] });
});

test('each beside an index or a Release is read, and none in a pool or elsewhere', () => {
  const files = {
    InRelease: '',
    'flat.torrent': torrent('flat'),
    'dists/x/main/binary-amd64/Packages.xz': '',
    'dists/x/main/binary-amd64/a.torrent': torrent('a'),
    'pool/Packages': '',
    'pool/b.torrent': torrent('b'),
    'images/c.torrent': torrent('c'),
  };
  expect(look(files)).toEqual({ names: ['flat.torrent', 'a.torrent'], unreadable: [] });
});

test('one that is there twice, or was named already, counts once', () => {
  const files = {
    Packages: '',
    'a.torrent': torrent('a'),
    'b.torrent': torrent('a'),
    'c.torrent': torrent('c'),
  };
  expect(look(files, ['c'])).toEqual({ names: ['a.torrent'], unreadable: [] });
});

test('what is no torrent, and a list that is none, are named and passed over', () => {
  const files = { Packages: '', 'a.torrent': 'no', 'b.torrent': torrent('b'), 'torrents.json': '[' };
  expect(look(files)).toEqual({ names: ['b.torrent'], unreadable: ['torrents.json', 'a.torrent'] });
});

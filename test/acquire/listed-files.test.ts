import { describe, expect, test } from 'bun:test';
import { ListedFiles } from '../../src/acquire/listed-files.ts';
import type { Location } from '../../src/archive/entry.ts';
import { swarmInfoHash } from '../../src/torrent/archive-identity.ts';
import type { Dtorrent } from '../../src/torrent/dtorrent.ts';
import { AMD64, poolFile } from '../fixtures/memory-node.ts';

const { entry } = poolFile(10);
const PATH = 'pool/main/h/hello/hello_2.10-3_amd64.deb';

/** A list of one file. */
function dtorrent(webSeeds: readonly string[], root?: Uint8Array): Dtorrent {
  const files = {
    lookup: (path: string) => (path === PATH ? 0 : undefined),
    file: () => ({ path: PATH, key: entry.key, sizeBytes: 10, root }),
  };
  return { identity: AMD64, webSeeds, files, trackers: [] } as unknown as Dtorrent;
}

const at = (host: string, path: string): Location => ({ scheme: 'http', host, path });

describe('ListedFiles', () => {
  test('finds a file below a mirror of the list, with or without a slash at its end, and nowhere else', () => {
    for (const base of [
      'http://ftp.de.debian.org/debian',
      'http://ftp.de.debian.org/debian/',
      'http://ftp.de.debian.org:80/debian',
    ]) {
      const listed = new ListedFiles();
      listed.add(dtorrent([base]));
      expect(listed.lookup(at('ftp.de.debian.org', `/debian/${PATH}`))).toMatchObject({
        key: entry.key,
        sizeBytes: 10,
      });
      expect(listed.lookup(at('ftp.de.debian.org', `/debian2/${PATH}`))).toBeUndefined();
      expect(listed.lookup(at('ftp.de.debian.org', `/${PATH}`))).toBeUndefined();
      expect(listed.lookup(at('ftp.us.debian.org', `/debian/${PATH}`))).toBeUndefined();
    }
  });

  test('without mirrors, below whatever has a pool', () => {
    const listed = new ListedFiles();
    listed.add(dtorrent([]));
    expect(listed.lookup(at('mirror.example.org', `/any/where/${PATH}`))?.key).toBe(entry.key);
    expect(listed.lookup(at('mirror.example.org', '/any/dists/bookworm/InRelease'))).toBeUndefined();
  });

  test('files are in the swarm of the list and in that of all architectures', () => {
    const listed = new ListedFiles();
    listed.add(dtorrent([]));
    const swarms = [AMD64, { ...AMD64, architecture: 'all' }].map(swarmInfoHash);
    expect(listed.lookup(at('x', `/${PATH}`))?.swarms).toEqual(swarms);
    expect(listed.identities({ identity: { ...AMD64, architecture: 'all' } })).toHaveLength(1);
  });

  test('a root in the list is a signed one; where there is none the entry has none', () => {
    const listed = new ListedFiles();
    listed.add(dtorrent([], new Uint8Array(32).fill(1)));
    expect(listed.lookup(at('x', `/${PATH}`))?.root).toEqual(new Uint8Array(32).fill(1));
    const without = new ListedFiles();
    without.add(dtorrent([]));
    expect('root' in (without.lookup(at('x', `/${PATH}`)) ?? {})).toBe(false);
  });
});

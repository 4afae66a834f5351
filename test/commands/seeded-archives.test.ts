import { describe, expect, test } from 'bun:test';
import { seededArchives } from '../../src/commands/seeded-archives.ts';

type Seeded = Parameters<typeof seededArchives>[0][number];

const release = (path: string, more: Partial<Seeded> = {}): Seeded => ({
  path,
  origin: 'Debian',
  codename: 'bookworm',
  suite: undefined,
  verdict: { status: 'public', keyring: 'debian', fingerprint: 'ABCD' },
  shareable: true,
  indexes: [{ name: 'main/binary-amd64/Packages', files: 10, stale: false }],
  ...more,
});

describe('seededArchives()', () => {
  test('suites of one archive in one line, with what their indexes name', () => {
    const releases = [release('debian/dists/bookworm'), release('debian/dists/bookworm-updates')];
    expect(seededArchives(releases, new Map())).toEqual({
      shared: ['debian: bookworm, bookworm-updates (Debian); its indexes name 20 files'],
      notShared: [],
    });
  });

  test('the tree itself as an archive, and a flat one', () => {
    expect(seededArchives([release('dists/bookworm'), release('')], new Map()).shared).toEqual([
      '.: bookworm (Debian); its indexes name 20 files',
    ]);
  });

  test('what is not shared, why, and how it would be', () => {
    const own = release('own/dists/one', {
      ...{ origin: 'Own', shareable: false },
      verdict: { status: 'unknown', reason: 'no public archive key signed it' },
    });
    const { notShared } = seededArchives([own], new Map([['bad/dists/x', 'it is not clearsigned']]));
    expect(notShared).toEqual([
      'own/dists/one: no public archive key signed it; --share "Own" would share it',
      'bad/dists/x: it is not clearsigned',
    ]);
  });

  test('few lines, however many there are, and nothing that drives a terminal', () => {
    const many = Array.from({ length: 30 }, (_, i) => release(`a${i}/dists/x`, { origin: `O${i}\x1b[2J` }));
    const { shared } = seededArchives(many, new Map());
    expect(shared).toHaveLength(3);
    expect(shared[2]).toContain('28 more');
    expect(shared.join('')).not.toContain('\x1b');
  });
});

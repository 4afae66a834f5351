import { describe, expect, test } from 'bun:test';
import {
  diffStem,
  HeldRelease,
  indexArchitecture,
  indexStem,
  isDiffIndex,
  isIndexName,
  type ReleasePlace,
  releasePlace,
} from '../../src/archive/held-release.ts';
import { parseRelease } from '../../src/archive/release.ts';
import { bytesOf, locationOf, releaseText } from './samples.ts';

test.each([
  ['ftp.de.debian.org/debian/dists/bookworm/InRelease', 'ftp.de.debian.org/debian', 'bookworm', 'InRelease'],
  ['h/debian-security/dists/buster/updates/Release', 'h/debian-security', 'buster/updates', 'Release'],
  ['h:8080/dists/sid/Release.gpg', 'h:8080', 'sid', 'Release.gpg'],
  ['h/dists/x/dists/sid/InRelease', 'h/dists/x', 'sid', 'InRelease'],
  ['h/flat/repo/InRelease', 'h/flat/repo', undefined, 'InRelease'],
  ['h/InRelease', 'h', undefined, 'InRelease'],
])('releasePlace() of %s has the base %s and the suite %s', (name, base, suite, file) => {
  expect(releasePlace(locationOf(name))).toMatchObject({ base, suite, name: file });
});

test.each([
  'h/debian/dists/bookworm/InRelease.gpg',
  'h/debian/dists/bookworm/',
  'h/xInRelease',
  'h/InRelease/x',
])('releasePlace() of %s is none', (name) => {
  expect(releasePlace(locationOf(name))).toBeUndefined();
});

test('index names are told by their last part, with any compression', () => {
  for (const name of [
    'Packages',
    'main/binary-amd64/Packages.gz',
    'main/source/Sources.xz',
    'x/Packages.lz4',
  ]) {
    expect(isIndexName(name)).toBe(true);
  }
  for (const name of [
    'main/i18n/Translation-en',
    'Packages.diff/Index',
    'xPackages',
    'Packages.gz.sig',
    'Packages/x',
  ]) {
    expect(isIndexName(name)).toBe(false);
  }
  expect(indexStem('main/binary-amd64/Packages.xz')).toBe('main/binary-amd64/Packages');
  expect(isDiffIndex('main/binary-amd64/Packages.diff/Index')).toBe(true);
  expect(isDiffIndex('main/Contents-amd64.diff/Index')).toBe(true);
  expect(isDiffIndex('Packages.diff/T-2024-05-04-1401.59-F-2024-05-03-2001.54.gz')).toBe(false);
  expect(diffStem('main/binary-amd64/Packages.diff/Index')).toBe('main/binary-amd64/Packages');
});

test.each([
  ['main/binary-amd64/Packages.xz', 'amd64'],
  ['main/debian-installer/binary-arm64/Packages', 'arm64'],
  ['main/binary-all/Packages', 'all'],
  ['main/source/Sources.gz', 'source'],
  ['Packages', undefined],
  ['main/i18n/Translation-en', undefined],
])('indexArchitecture() of %s is %s', (name, architecture) => {
  expect(indexArchitecture(name)).toBe(architecture as string);
});

describe('HeldRelease', () => {
  const held = (at: string, spec: Partial<Parameters<typeof releaseText>[0]> = {}) => {
    const files = {
      'main/binary-amd64/Packages.xz': bytesOf('x'),
      'main/binary-amd64/Packages.gz': bytesOf('g'),
    };
    const release = parseRelease(bytesOf(releaseText({ files, ...spec })));
    const place = releasePlace(locationOf(at)) as ReleasePlace;
    return new HeldRelease(place, 'InRelease', release, { status: 'unknown', reason: '' }, 0);
  };

  test('relativePaths() are below the base of an archive with suites', () => {
    const release = held('h/debian/dists/bookworm/InRelease');
    expect(release.relativePaths('h/debian/pool/a.deb')).toEqual(['pool/a.deb']);
    expect(release.relativePaths('h/debian-security/pool/a.deb')).toEqual([]);
    expect(release.relativePaths('other/debian/pool/a.deb')).toEqual([]);
    expect(release.relativePaths('h/debian')).toEqual([]);
  });

  test('relativePaths() of a flat repository may be below its parents too', () => {
    const release = held('h/a/b/InRelease');
    expect(release.relativePaths('h/a/b/x.deb')).toEqual(['x.deb', 'b/x.deb', 'a/b/x.deb']);
    expect(release.relativePaths('h/a/pool/x.deb')).toEqual(['pool/x.deb', 'a/pool/x.deb']);
    expect(release.relativePaths('g/a/b/x.deb')).toEqual([]);
  });

  test('locate() asks by hash where the archive has that', () => {
    const byHash = held('h/debian/dists/bookworm/InRelease');
    const file = byHash.release.file('main/binary-amd64/Packages.gz');
    if (!file) throw new Error('no file');
    expect(byHash.locate(file).path).toBe(
      `/debian/dists/bookworm/main/binary-amd64/by-hash/SHA256/${file.key}`,
    );
    expect(held('h/debian/dists/bookworm/InRelease', { byHash: false }).locate(file).path).toBe(
      '/debian/dists/bookworm/main/binary-amd64/Packages.gz',
    );
    expect(held('h/InRelease', { byHash: false }).locate({ ...file, name: 'Packages.gz' }).path).toBe(
      '/Packages.gz',
    );
  });

  test('fetchable() puts what a client asked for first, then gzip', () => {
    const release = held('h/debian/dists/bookworm/InRelease');
    const index = release.use('main/binary-amd64/Packages');
    if (!index) throw new Error('no index');
    const names = () => release.fetchable(index).map(({ name }) => name.slice('main/binary-amd64/'.length));
    expect(names()).toEqual(['Packages.gz', 'Packages.xz']);
    index.askedName = 'main/binary-amd64/Packages.xz';
    expect(names()).toEqual(['Packages.xz', 'Packages.gz']);
  });

  test('use() is bounded', () => {
    const release = held('h/debian/dists/bookworm/InRelease');
    for (let i = 0; i < 256; i += 1) expect(release.use(`${i}/Packages`)).toBeDefined();
    expect(release.use('one more/Packages')).toBeUndefined();
    expect(release.use('7/Packages')).toBeDefined();
  });
});

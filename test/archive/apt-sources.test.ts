import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseDeb822Sources, parseOneLineSources, readAptSources } from '../../src/archive/apt-sources.ts';
import { type TempDir, tempDir } from '../fixtures/temp-dir.ts';

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const FINGERPRINT = '4CB50190207B4758A3F73A796ED0E7B82643E131';
const keyrings = (...paths: string[]) => ({ keyrings: paths, fingerprints: [], key: undefined });

describe('parseOneLineSources()', () => {
  test.each([
    [
      'deb http://ftp.de.debian.org/debian bookworm main contrib',
      'ftp.de.debian.org/debian/dists/bookworm',
      undefined,
    ],
    [
      `deb [arch=amd64 signed-by=${KEYRING}] http://ftp.de.debian.org/debian/ stable main # home`,
      'ftp.de.debian.org/debian/dists/stable',
      keyrings(KEYRING),
    ],
    [
      'deb-src [ signed-by=/a.gpg,/b.asc ] https://h:443//debian  sid main',
      'h/debian/dists/sid',
      keyrings('/a.gpg', '/b.asc'),
    ],
    [
      'deb http://security.debian.org/debian-security buster/updates main',
      'security.debian.org/debian-security/dists/buster/updates',
      undefined,
    ],
    ['deb http://apt.example.org/flat ./', 'apt.example.org/flat', undefined],
    ['deb http://apt.example.org/ deb/amd64/', 'apt.example.org/deb/amd64', undefined],
    [
      'deb debtorrent+https://ftp.de.debian.org/debian sid main',
      'ftp.de.debian.org/debian/dists/sid',
      undefined,
    ],
    [
      'deb http://localhost:9988/ftp.de.debian.org/debian sid main',
      'ftp.de.debian.org/debian/dists/sid',
      undefined,
    ],
    [
      'deb http://localhost:9988/HTTPS///apt.example.org/x sid main',
      'apt.example.org/x/dists/sid',
      undefined,
    ],
    ['deb http://127.0.0.1:8080/debian sid main', '127.0.0.1:8080/debian/dists/sid', undefined],
    ['deb http://me:secret@apt.example.org:8080/x sid main', 'apt.example.org:8080/x/dists/sid', undefined],
  ])('%s', (line, directory, signedBy) => {
    expect(parseOneLineSources(`# comment\n\n${line}\n`)).toEqual([{ directory, signedBy }]);
  });

  test('passes over comments, other methods and what is no source', () => {
    const text =
      '#deb http://h/debian sid main\ndeb file:/srv/debian sid main\ndeb cdrom:[x]/ sid main\nhello\ndeb http://h\n';
    expect(parseOneLineSources(text)).toEqual([]);
  });
});

describe('parseDeb822Sources()', () => {
  test('each URI with each suite, keyrings by path', () => {
    const text = `# Modernized\nTypes: deb deb-src\nURIs: http://ftp.de.debian.org/debian\n http://ftp.fr.debian.org/debian/\nSuites: bookworm bookworm-updates\nComponents: main\n# a comment\nSigned-By: ${KEYRING}\n`;
    const directories = ['de', 'fr'].flatMap((land) =>
      ['bookworm', 'bookworm-updates'].map((suite) => `ftp.${land}.debian.org/debian/dists/${suite}`),
    );
    expect(parseDeb822Sources(text)).toEqual(
      directories.map((directory) => ({ directory, signedBy: keyrings(KEYRING) })),
    );
  });

  test('fingerprints, with and without "!" and "0x"', () => {
    const text = `Types: deb\nURIs: https://h/d\nSuites: sid\nComponents: main\nSigned-By: ${FINGERPRINT.toLowerCase()}! 0x${FINGERPRINT}\n`;
    expect(parseDeb822Sources(text)[0]?.signedBy).toEqual({
      keyrings: [],
      fingerprints: [FINGERPRINT, FINGERPRINT],
      key: undefined,
    });
  });

  test('a key in the entry, its empty line written as a dot', () => {
    const text =
      'Types: deb\nURIs: https://h/d\nSuites: ./\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mDMEZ\n =abcd\n -----END PGP PUBLIC KEY BLOCK-----\n';
    expect(parseDeb822Sources(text)).toEqual([
      {
        directory: 'h/d',
        signedBy: {
          keyrings: [],
          fingerprints: [],
          key: '-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDMEZ\n=abcd\n-----END PGP PUBLIC KEY BLOCK-----\n',
        },
      },
    ]);
  });

  test('not one that is switched off', () => {
    expect(parseDeb822Sources('Enabled: no\nTypes: deb\nURIs: http://h\nSuites: sid\n')).toEqual([]);
  });
});

describe('readAptSources()', () => {
  let directory: TempDir;
  beforeEach(() => {
    directory = tempDir('sources');
  });
  afterEach(() => directory[Symbol.dispose]());

  test('reads sources.list and the parts by their names, as apt does', () => {
    mkdirSync(join(directory.path, 'sources.list.d'));
    const write = (name: string, text: string) => writeFileSync(join(directory.path, name), text);
    write('sources.list', 'deb http://a/debian sid main\n');
    write('sources.list.d/b.list', 'deb http://b/debian sid main\n');
    write('sources.list.d/c.sources', 'Types: deb\nURIs: http://c/debian\nSuites: sid\nComponents: main\n');
    write('sources.list.d/d.list.save', 'deb http://d/debian sid main\n');
    expect(readAptSources(directory.path).map((source) => source.directory)).toEqual([
      'a/debian/dists/sid',
      'b/debian/dists/sid',
      'c/debian/dists/sid',
    ]);
  });

  test('without any there is none', () => {
    expect(readAptSources(join(directory.path, 'missing'))).toEqual([]);
  });
});

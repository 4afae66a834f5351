/** One archive at several mirrors, suites by two names, lists of patches: what is found where, through the catalogue. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Catalogue } from '../../src/archive/catalogue.ts';
import { parseRelease } from '../../src/archive/release.ts';
import type { SignatureVerdict } from '../../src/archive/signature.ts';
import { type Sha256, sha256Of } from '../../src/lib/sha256.ts';
import { type TempDir, tempDir } from '../fixtures/temp-dir.ts';
import {
  buildHere,
  bytesOf,
  fakeInRelease,
  locationOf,
  ManualClock,
  packagesOf,
  type ReleaseSpec,
  readableSwarm,
  releaseText,
} from './samples.ts';

const PUBLIC: SignatureVerdict = { status: 'public', keyring: 'k', fingerprint: 'F' };
const UNKNOWN: SignatureVerdict = { status: 'unknown', reason: 'no public archive key signed it' };
const STEM = 'main/binary-amd64/Packages';
const GERMAN = 'ftp.de.debian.org/debian';
const FRENCH = 'ftp.fr.debian.org/debian';
const HELLO = { path: 'pool/main/h/hello/hello_2.10-3_amd64.deb', content: 'hello' };
const NEWER = { path: 'pool/main/h/hello/hello_2.11-1_amd64.deb', content: 'newer hello' };
const LATEST = { path: 'pool/latest.deb', content: 'latest' };
const OLD = packagesOf([HELLO, LATEST]);
const NEW = packagesOf([NEWER, { ...LATEST, content: 'new latest' }]);

let directory: TempDir;
let clock: ManualClock;
let catalogue: Catalogue;

beforeEach(() => {
  directory = tempDir('table-search');
  clock = new ManualClock();
  catalogue = new Catalogue({
    directory: join(directory.path, 'catalogue'),
    infoHash: readableSwarm,
    buildTable: buildHere,
    clock,
  });
});
afterEach(async () => {
  await catalogue[Symbol.asyncDispose]();
  directory[Symbol.dispose]();
});

function put(dist: string, spec: ReleaseSpec, verdict = PUBLIC): void {
  const text = releaseText(spec);
  const release = parseRelease(bytesOf(text));
  catalogue.swap({
    at: locationOf(`${dist}/InRelease`),
    release,
    verdict,
    bytes: fakeInRelease(text),
    validators: {},
  });
}

function arrive(bytes: Uint8Array): Promise<void> {
  const path = join(directory.path, sha256Of(bytes));
  writeFileSync(path, bytes);
  return catalogue.indexArrived(sha256Of(bytes), path);
}

const look = (name: string) => catalogue.lookup(locationOf(name));
const keyAt = async (name: string) => (await look(name))?.key;
const keyOf = (content: string) => sha256Of(bytesOf(content));

describe('one archive at several mirrors', () => {
  test('what the index from one mirror says holds at each whose Release names that index', async () => {
    put(`${FRENCH}/dists/bookworm`, { files: { [STEM]: OLD } });
    put(`${GERMAN}/dists/bookworm`, { files: { [STEM]: OLD } });
    await arrive(OLD);
    put('ftp.uk.debian.org/debian/dists/bookworm', { files: { [STEM]: OLD } });
    for (const base of [GERMAN, FRENCH, 'ftp.uk.debian.org/debian']) {
      expect(await look(`${base}/${HELLO.path}`)).toEqual({
        key: keyOf('hello'),
        sizeBytes: 5,
        swarms: ['Debian bookworm amd64', 'Debian bookworm all'],
      });
    }
  });

  test('a suite by its name and by its codename is one archive', async () => {
    put(`${GERMAN}/dists/stable`, { files: { [STEM]: OLD } });
    await arrive(OLD);
    put(`${FRENCH}/dists/bookworm`, { files: { [STEM]: OLD } });
    expect(await keyAt(`${FRENCH}/${HELLO.path}`)).toBe(keyOf('hello'));
    expect(catalogue.identities().map(({ infoHash }) => infoHash)).toEqual([
      'Debian bookworm amd64',
      'Debian bookworm all',
    ]);
  });

  test('at another state: versioned names hold there too, others do not', async () => {
    put(`${GERMAN}/dists/bookworm`, { files: { [STEM]: NEW } });
    await arrive(NEW);
    put(`${FRENCH}/dists/bookworm`, { files: { [STEM]: OLD } });
    expect(await keyAt(`${FRENCH}/${NEWER.path}`)).toBe(keyOf('newer hello'));
    expect(await keyAt(`${FRENCH}/${LATEST.path}`)).toBeUndefined();
  });

  test.each([
    ['another origin', { origin: 'Example' }, PUBLIC],
    ['no signature of a public archive', {}, UNKNOWN],
    ["a signature of another's key", {}, { status: 'private', keyring: 'k', fingerprint: 'G' } as const],
  ])('but nothing from one with %s', async (_, spec, verdict) => {
    put(`${GERMAN}/dists/bookworm`, { files: { [STEM]: NEW } });
    await arrive(NEW);
    put('apt.example.org/dists/bookworm', { ...spec, files: { [STEM]: OLD } }, verdict);
    expect(await keyAt(`apt.example.org/${NEWER.path}`)).toBeUndefined();
  });

  test('nor at a place that has shown no Release, but for what its path says by hash', async () => {
    put(`${GERMAN}/dists/bookworm`, { files: { [STEM]: OLD } });
    await arrive(OLD);
    expect(await keyAt(`apt.example.org/debian/${HELLO.path}`)).toBeUndefined();
    const byHash = `apt.example.org/debian/dists/bookworm/main/binary-amd64/by-hash/SHA256/${sha256Of(OLD)}`;
    expect(await look(byHash)).toMatchObject({ key: sha256Of(OLD), sizeBytes: OLD.length });
  });

  test('an empty index, which many archives have, says nothing of others', async () => {
    const empty = new Uint8Array(0);
    put(`${GERMAN}/dists/bookworm`, { files: { [STEM]: empty } });
    await arrive(empty);
    put('apt.example.org/dists/x', { origin: 'Example', codename: 'x', files: { [STEM]: empty } });
    expect(catalogue.identities().map(({ infoHash }) => infoHash)).toEqual([
      'Debian bookworm amd64',
      'Debian bookworm all',
      'Example x all',
    ]);
  });
});

describe('patches', () => {
  const DIFF = `${STEM}.diff`;
  const FIRST = 'T-2024-05-04-1401.59-F-2024-05-03-2001.54.gz';
  const SECOND = 'T-2024-05-04-2001.50-F-2024-05-03-2001.54.gz';
  const dist = `${GERMAN}/dists/sid`;
  /** As Debian's dak writes it, but for its SHA-1 lists. */
  const listOf = (...names: readonly string[]) => {
    const lines = (suffix: string) =>
      names.map((name) => ` ${keyOf(name)} ${name.length} ${name.replace(/\.gz$/, suffix)}\n`).join('');
    return bytesOf(
      `SHA256-Current: ${keyOf('now')} 3\nSHA256-History:\n ${keyOf('then')} 4 T-1\n` +
        `SHA256-Patches:\n${lines('')}SHA256-Download:\n${lines('.gz')}` +
        `X-Unmerged-SHA256-Patches:\n ${keyOf('u')} 1 2024-05-03-2001.54\nX-Unmerged-SHA256-Download:\n` +
        ` ${keyOf('v')} 1 2024-05-03-2001.54.gz\nX-Patch-Precedence: merged\nX-DAK-Older-Patches:\n`,
    );
  };
  const release = (list: Uint8Array): ReleaseSpec => ({
    codename: 'sid',
    files: { [STEM]: OLD, [`${DIFF}/Index`]: list },
  });
  const byHash = (key: Sha256) => `${dist}/${DIFF}/by-hash/SHA256/${key}`;

  test('are found by their plain names, as the list says', async () => {
    const list = listOf(FIRST);
    put(dist, release(list));
    expect(await keyAt(byHash(sha256Of(list)))).toBe(sha256Of(list));
    await arrive(list);
    expect(await look(`${dist}/${DIFF}/${FIRST}`)).toEqual({
      key: keyOf(FIRST),
      sizeBytes: FIRST.length,
      swarms: ['Debian sid amd64', 'Debian sid all'],
    });
  });

  test('that the list does not name are the mirror’s business, and so are those without their list', async () => {
    const list = listOf(FIRST);
    put(dist, release(list));
    expect(await look(`${dist}/${DIFF}/${FIRST}`)).toBeUndefined();
    await arrive(list);
    expect(await look(`${dist}/${DIFF}/${SECOND}`)).toBeUndefined();
    expect(await look(`${dist}/main/source/Sources.diff/${FIRST}`)).toBeUndefined();
    expect(await look(`${FRENCH}/dists/sid/${DIFF}/${FIRST}`)).toBeUndefined();
  });

  test('of the list before are still found, for a client that reads that', async () => {
    put(dist, release(listOf(FIRST)));
    await arrive(listOf(FIRST));
    put(dist, release(listOf(SECOND)));
    await arrive(listOf(SECOND));
    expect(await keyAt(`${dist}/${DIFF}/${FIRST}`)).toBe(keyOf(FIRST));
    expect(await keyAt(`${dist}/${DIFF}/${SECOND}`)).toBe(keyOf(SECOND));
  });

  test('of Sources and Contents too', async () => {
    const list = listOf(FIRST);
    const files = { 'main/source/Sources.diff/Index': list, 'main/Contents-amd64.diff/Index': list };
    put(dist, { codename: 'sid', files });
    await look(`${dist}/main/source/Sources.diff/Index`);
    await look(`${dist}/main/Contents-amd64.diff/Index`);
    await arrive(list);
    for (const name of Object.keys(files))
      expect(await keyAt(`${dist}/${name.replace('Index', FIRST)}`)).toBe(keyOf(FIRST));
  });
});

describe('a Release that passed by without coming in force', () => {
  const dist = `${GERMAN}/dists/bookworm`;
  const older = parseRelease(bytesOf(releaseText({ files: { [STEM]: OLD, same: bytesOf('s') } })));

  beforeEach(() => {
    put(dist, { files: { [STEM]: NEW, same: bytesOf('s'), added: bytesOf('a') } });
    catalogue.passedBy(locationOf(`${dist}/InRelease`), older);
  });

  test('a plain name that means something else there is left to the mirror for an hour', async () => {
    expect(await look(`${dist}/${STEM}`)).toBeUndefined();
    expect(await look(`${dist}/added`)).toBeUndefined();
    expect(await keyAt(`${dist}/same`)).toBe(keyOf('s'));
    clock.advance(3600_000);
    expect(await keyAt(`${dist}/${STEM}`)).toBe(sha256Of(NEW));
  });

  test('what either names is found by hash', async () => {
    for (const bytes of [OLD, NEW])
      expect(await keyAt(`${dist}/main/binary-amd64/by-hash/SHA256/${sha256Of(bytes)}`)).toBe(
        sha256Of(bytes),
      );
  });
});

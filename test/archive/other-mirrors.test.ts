import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Catalogue } from '../../src/archive/catalogue.ts';
import type { Location } from '../../src/archive/entry.ts';
import { parseRelease } from '../../src/archive/release.ts';
import type { SignatureVerdict } from '../../src/archive/signature.ts';
import { sha256Of } from '../../src/lib/sha256.ts';
import { type TempDir, tempDir } from '../fixtures/temp-dir.ts';
import {
  buildHere,
  bytesOf,
  fakeInRelease,
  locationOf,
  ManualClock,
  packagesOf,
  readableSwarm,
  releaseText,
  settled,
} from './samples.ts';

const PUBLIC: SignatureVerdict = { status: 'public', keyring: 'k', fingerprint: 'F' };
const PRIVATE: SignatureVerdict = { status: 'private', keyring: 'k', fingerprint: 'F' };
const STEM = 'main/binary-amd64/Packages';
const HELLO = { path: 'pool/main/h/hello/hello_2.10-3_amd64.deb', content: 'hello' };
const LATEST = { path: 'pool/latest.deb', content: 'latest' };
const INDEX = packagesOf([HELLO, LATEST]);
const TEXT = releaseText({ files: { [STEM]: INDEX } });
const FRENCH = 'ftp.fr.debian.org/debian';

let directory: TempDir;
let clock: ManualClock;
let catalogue: Catalogue;
/** What was asked for, as "host/path". */
let asked: string[];
/** What the other place has. */
let fetchRelease: (at: Location) => Promise<unknown>;

beforeEach(() => {
  directory = tempDir('other-mirrors');
  clock = new ManualClock();
  asked = [];
  fetchRelease = (at) => Promise.resolve(putAt(at));
  catalogue = new Catalogue({
    directory: join(directory.path, 'catalogue'),
    infoHash: readableSwarm,
    buildTable: buildHere,
    clock,
    fetchRelease: (at) => {
      asked.push(at.host + at.path);
      return fetchRelease(at);
    },
  });
});
afterEach(async () => {
  await catalogue[Symbol.asyncDispose]();
  directory[Symbol.dispose]();
});

function putAt(at: Location, verdict = PUBLIC, text = TEXT): void {
  const release = parseRelease(bytesOf(text));
  catalogue.swap({ at, release, verdict, bytes: fakeInRelease(text), validators: {} });
}

async function known(verdict = PUBLIC): Promise<void> {
  putAt(locationOf('ftp.de.debian.org/debian/dists/bookworm/InRelease'), verdict);
  const path = join(directory.path, 'index');
  writeFileSync(path, INDEX);
  await catalogue.indexArrived(sha256Of(INDEX), path);
}

const keyAt = async (path: string) => (await catalogue.lookup(locationOf(path)))?.key;

describe('Catalogue.lookup() at a place that has shown no Release', () => {
  test('asks it for its InRelease when a public archive has that file, and believes that', async () => {
    await known();
    expect(await keyAt(`${FRENCH}/${HELLO.path}`)).toBe(sha256Of(bytesOf('hello')));
    expect(asked).toEqual([`${FRENCH}/dists/bookworm/InRelease`]);
    expect(await keyAt(`${FRENCH}/${LATEST.path}`)).toBe(sha256Of(bytesOf('latest')));
    expect(asked).toHaveLength(1);
  });

  test('files asked for at the same time ask once', async () => {
    await known();
    const gate = Promise.withResolvers<void>();
    fetchRelease = (at) => gate.promise.then(() => putAt(at));
    const both = Promise.all([keyAt(`${FRENCH}/${HELLO.path}`), keyAt(`${FRENCH}/${HELLO.path}`)]);
    await settled();
    gate.resolve();
    expect(await both).toEqual([sha256Of(bytesOf('hello')), sha256Of(bytesOf('hello'))]);
    expect(asked).toHaveLength(1);
  });

  test('another archive, or an unsigned one, is none of it', async () => {
    await known();
    fetchRelease = (at) => Promise.resolve(putAt(at, PRIVATE, releaseText({ origin: 'Example', files: {} })));
    expect(await keyAt(`apt.example.org/debian/${HELLO.path}`)).toBeUndefined();
  });

  test('what has no InRelease is asked again after ten minutes, and waited for no longer than three seconds', async () => {
    await known();
    fetchRelease = () => Promise.reject(new Error('404'));
    expect(await keyAt(`${FRENCH}/${HELLO.path}`)).toBeUndefined();
    expect(await keyAt(`${FRENCH}/${HELLO.path}`)).toBeUndefined();
    expect(asked).toHaveLength(1);
    clock.advance(600_001);
    fetchRelease = () => new Promise(() => {});
    const waiting = keyAt(`${FRENCH}/${HELLO.path}`);
    await settled();
    clock.advance(3000);
    expect(await waiting).toBeUndefined();
    expect(asked).toHaveLength(2);
    expect(clock.timers).toBe(0);
  });

  test.each([
    ['a file that no table names', () => known(), 'pool/main/h/hello/hello_9-9_amd64.deb'],
    ['a name that may mean another content', () => known(), LATEST.path],
    ['a file of a private archive', () => known(PRIVATE), HELLO.path],
    ['a file outside a pool', () => known(), 'hello_2.10-3_amd64.deb'],
  ])('does not ask for %s', async (_, prepare, path) => {
    await prepare();
    expect(await keyAt(`${FRENCH}/${path}`)).toBeUndefined();
    expect(asked).toEqual([]);
  });
});

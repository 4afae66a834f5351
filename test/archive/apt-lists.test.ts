import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AptLists } from '../../src/archive/apt-lists.ts';
import { Catalogue } from '../../src/archive/catalogue.ts';
import { splitClearSigned } from '../../src/archive/clearsign.ts';
import { Refresh, type ReleaseTrouble } from '../../src/archive/refresh.ts';
import type { SignatureVerdict } from '../../src/archive/signature.ts';
import { sha256Of } from '../../src/lib/sha256.ts';
import { eventually } from '../fixtures/eventually.ts';
import { type TempDir, tempDir } from '../fixtures/temp-dir.ts';
import {
  buildHere,
  bytesOf,
  fakeInRelease,
  locationOf,
  ManualClock,
  readableSwarm,
  releaseText,
} from './samples.ts';

const DIST = 'ftp.de.debian.org/debian/dists/bookworm';
const PREFIX = 'ftp.de.debian.org_debian_dists_bookworm_';
const STEM = 'main/binary-amd64/Packages';
const OLD = 'Fri, 02 Jan 2026 10:00:00 UTC';
const NEW = 'Sat, 03 Jan 2026 10:00:00 UTC';

const packageOf = (version: string) => {
  const deb = bytesOf(`hello ${version}`);
  const path = `pool/main/h/hello/hello_${version}_amd64.deb`;
  return {
    deb,
    path,
    text: `Package: hello\nFilename: ${path}\nSize: ${deb.length}\nSHA256: ${sha256Of(deb)}\n`,
  };
};
const debAt = (version: string) => locationOf(`ftp.de.debian.org/debian/${packageOf(version).path}`);

let directory: TempDir;
let lists: string;
let clock: ManualClock;
let catalogue: Catalogue;
let refresh: Refresh;
let troubles: ReleaseTrouble[];
let verdict: SignatureVerdict;
let verified: number;
let reading: AptLists | undefined;

beforeEach(() => {
  directory = tempDir('apt-lists');
  lists = join(directory.path, 'lists');
  mkdirSync(join(lists, 'partial'), { recursive: true });
  clock = new ManualClock();
  verdict = { status: 'public', keyring: 'k', fingerprint: 'F' };
  verified = 0;
  troubles = [];
  catalogue = new Catalogue({
    directory: join(directory.path, 'c'),
    infoHash: readableSwarm,
    buildTable: buildHere,
    clock,
  });
  refresh = new Refresh({
    catalogue,
    clock,
    count: (trouble) => troubles.push(trouble),
    mirror: { request: () => Promise.reject(new Error('no mirror is asked')) },
    verify: async ({ release }) => {
      verified += 1;
      return { text: splitClearSigned(release).text, verdict };
    },
  });
});
afterEach(async () => {
  reading?.[Symbol.dispose]();
  await catalogue[Symbol.asyncDispose]();
  directory[Symbol.dispose]();
});

/** As apt does it: each file is renamed into place. */
function put(name: string, bytes: Uint8Array): void {
  const partial = join(lists, 'partial', name);
  writeFileSync(partial, bytes);
  renameSync(partial, join(lists, name));
}

/** What `apt-get update` leaves behind. */
function update(
  version: string,
  date = NEW,
  pack = (bytes: Uint8Array): Uint8Array => bytes,
  suffix = '',
): void {
  const index = bytesOf(packageOf(version).text);
  put(`${PREFIX}InRelease`, fakeInRelease(releaseText({ date, files: { [STEM]: index } })));
  put(`${PREFIX}main_binary-amd64_Packages${suffix}`, pack(index));
}

function read(): AptLists {
  reading = new AptLists({
    directory: lists,
    clock,
    isOwnHost: () => false,
    take: (at, bytes, validators) => refresh.take(at, bytes, validators),
    indexListed: (at, stem, path) => catalogue.indexListed(at, stem, path),
    aptDirectory: join(directory.path, 'etc'),
  });
  return reading;
}

describe('AptLists', () => {
  test.each([
    ['plain', undefined, ''],
    ['gzip', (bytes: Uint8Array) => Bun.gzipSync(new Uint8Array(bytes)), '.gz'],
    ['zstd', (bytes: Uint8Array) => Bun.zstdCompressSync(new Uint8Array(bytes)), '.zst'],
  ])('a package is known from apt’s %s lists, though no update went through us', async (_, pack, suffix) => {
    update('1.0', NEW, pack, suffix);
    expect(await read().settled('ftp.de.debian.org')).toBe(true);
    expect(await catalogue.lookup(debAt('1.0'))).toEqual({
      key: sha256Of(packageOf('1.0').deb),
      sizeBytes: packageOf('1.0').deb.length,
      swarms: ['Debian bookworm amd64', 'Debian bookworm all'],
    });
  });

  test('only names are read before anybody asks or the first moments are over', async () => {
    update('1.0');
    const lists = read();
    expect(verified).toBe(0);
    expect(await lists.settled('elsewhere.example.org')).toBe(false);
    expect(verified).toBe(0);
    clock.advance(500);
    await lists.settled('ftp.de.debian.org');
    expect(verified).toBe(1);
  });

  test('a list is worth no more than its signature', async () => {
    update('1.0');
    verdict = { status: 'unknown', reason: 'no public archive key signed it' };
    await read().settled('ftp.de.debian.org');
    expect(await catalogue.lookup(debAt('1.0'))).toMatchObject({ swarms: [] });
  });

  test('an index that holds something else than the Release states is not believed', async () => {
    update('1.0');
    put(`${PREFIX}main_binary-amd64_Packages`, bytesOf(packageOf('6.6.6').text));
    await read().settled('ftp.de.debian.org');
    expect(await catalogue.lookup(debAt('6.6.6'))).toBeUndefined();
    expect(await catalogue.lookup(debAt('1.0'))).toBeUndefined();
  });

  test('a Release in force is replaced by a newer list, never by an older one', async () => {
    const at = locationOf(`${DIST}/InRelease`);
    const held = fakeInRelease(releaseText({ date: NEW, files: { [STEM]: bytesOf('') } }));
    await refresh.take(at, held, {});
    update('0.9', OLD);
    const lists = read();
    await lists.settled('ftp.de.debian.org');
    expect(catalogue.inForce(at)?.release.dateMs).toBe(Date.parse(NEW));
    expect(troubles).toEqual([]);
    expect(verified).toBe(1);
  });

  test('what is in force already is not verified again', async () => {
    update('1.0');
    await read().settled('ftp.de.debian.org');
    reading?.[Symbol.dispose]();
    await read().settled('ftp.de.debian.org');
    expect(verified).toBe(1);
  });

  test('the kept copy has the date of the list, which is the mirror’s', async () => {
    update('1.0');
    await read().settled('ftp.de.debian.org');
    expect(catalogue.kept(locationOf(`${DIST}/InRelease`))?.lastModified).toMatch(
      /^\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT$/,
    );
  });

  test('an update of apt is noticed', async () => {
    update('1.0', OLD);
    await read().settled('ftp.de.debian.org');
    update('1.1', NEW);
    const found = await eventually('the new package is known', async () => {
      clock.advance(500);
      return await catalogue.lookup(debAt('1.1'));
    });
    expect(found.key).toBe(sha256Of(packageOf('1.1').deb));
  });

  test('no directory, no lists', async () => {
    rmSync(lists, { recursive: true });
    expect(await read().settled('ftp.de.debian.org')).toBe(false);
  });
});

import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Catalogue, type CatalogueOptions } from '../../src/archive/catalogue.ts';
import type { Entry, Location } from '../../src/archive/entry.ts';
import { parseRelease } from '../../src/archive/release.ts';
import { parseShareRule } from '../../src/archive/sharing.ts';
import type { SignatureVerdict } from '../../src/archive/signature.ts';
import { sha256Of } from '../../src/lib/sha256.ts';
import { type TempDir, tempDir } from '../fixtures/temp-dir.ts';
import {
  buildHere,
  bytesOf,
  fakeInRelease,
  GatedBuilder,
  locationOf,
  ManualClock,
  packagesOf,
  type ReleaseSpec,
  readableSwarm,
  releaseText,
  type SampleFile,
  settled,
} from './samples.ts';

const PUBLIC: SignatureVerdict = { status: 'public', keyring: 'k', fingerprint: 'F' };
const UNKNOWN: SignatureVerdict = { status: 'unknown', reason: 'no public archive key signed it' };
const AMD64 = 'Debian bookworm amd64';
const ALL = 'Debian bookworm all';
const BASE = 'ftp.de.debian.org/debian';
const DIST = `${BASE}/dists/bookworm`;
const STEM = 'main/binary-amd64/Packages';

const HELLO = { path: 'pool/main/h/hello/hello_2.10-3_amd64.deb', content: 'hello' };
const PLUS = { path: 'pool/main/g/g++/g++_1~rc1+b1_all.deb', content: 'plus' };
const LATEST = { path: 'pool/latest.deb', content: 'old latest' };

/** The files of an index in the forms a mirror has. */
function indexFiles(files: readonly SampleFile[], stem = STEM) {
  const plain = packagesOf(files);
  return { plain, gz: Bun.gzipSync(plain as Uint8Array<ArrayBuffer>), stem };
}

function releaseFiles(...indexes: ReturnType<typeof indexFiles>[]): Record<string, Uint8Array> {
  return Object.fromEntries(
    indexes.flatMap(({ stem, plain, gz }) => [
      [stem, plain],
      [`${stem}.gz`, gz],
    ]),
  );
}

let directory: TempDir;
let clock: ManualClock;
let open: Catalogue[];

beforeEach(() => {
  directory = tempDir('catalogue');
  clock = new ManualClock();
  open = [];
});
afterEach(async () => {
  for (const catalogue of open) await catalogue[Symbol.asyncDispose]();
  directory[Symbol.dispose]();
});

function catalogueWith(options: Partial<CatalogueOptions> = {}): Catalogue {
  const catalogue = new Catalogue({
    directory: join(directory.path, 'catalogue'),
    infoHash: readableSwarm,
    buildTable: buildHere,
    clock,
    ...options,
  });
  open.push(catalogue);
  return catalogue;
}

function put(
  catalogue: Catalogue,
  spec: ReleaseSpec,
  where = DIST,
  verdict: SignatureVerdict = PUBLIC,
): void {
  const text = releaseText(spec);
  catalogue.swap({
    at: locationOf(`${where}/InRelease`),
    release: parseRelease(bytesOf(text)),
    verdict,
    bytes: fakeInRelease(text),
    validators: { lastModified: 'Sat, 03 Jan 2026 10:00:00 GMT' },
  });
}

/** As acquire does when an index is in the store. */
function arrive(catalogue: Catalogue, bytes: Uint8Array): Promise<void> {
  const path = join(directory.path, sha256Of(bytes));
  writeFileSync(path, bytes);
  return catalogue.indexArrived(sha256Of(bytes), path);
}

const look = (catalogue: Catalogue, name: string): Promise<Entry | undefined> =>
  catalogue.lookup(locationOf(name));
const keyOf = ({ content }: SampleFile) => sha256Of(bytesOf(content));
const hex = (kind: 'md5' | 'sha1' | 'sha256' | 'sha512', bytes: Uint8Array) =>
  new Bun.CryptoHasher(kind).update(bytes).digest('hex');

describe('Catalogue.setShareRules()', () => {
  test('what is shared, and in which swarms, goes by the rules from then on', async () => {
    const main = indexFiles([HELLO]);
    const catalogue = catalogueWith();
    put(catalogue, { files: releaseFiles(main) }, DIST, UNKNOWN);
    await look(catalogue, `${DIST}/${STEM}.gz`);
    await arrive(catalogue, main.gz);
    let changes = 0;
    catalogue.onChange(() => {
      changes += 1;
    });
    expect((await look(catalogue, `${BASE}/${HELLO.path}`))?.swarms).toEqual([]);
    catalogue.setShareRules([parseShareRule('Debian')]);
    expect(changes).toBe(1);
    expect((await look(catalogue, `${BASE}/${HELLO.path}`))?.swarms).toEqual([AMD64, ALL]);
    catalogue.setShareRules([]);
    expect(catalogue.identities()).toEqual([]);
  });
});

describe('Catalogue.beside()', () => {
  const main = indexFiles([HELLO]);
  const files = {
    ...releaseFiles(main),
    [`${STEM}.dtorrent`]: bytesOf('list'),
    'other.dtorrent': bytesOf('x'),
  };

  test('names what a Release lists beside the indexes in use, of archives that may be shared', async () => {
    const catalogue = catalogueWith();
    put(catalogue, { files });
    expect(catalogue.beside('.dtorrent')).toEqual([]);
    await arrive(catalogue, main.gz);
    const at = locationOf(`${DIST}/${STEM}.dtorrent`);
    const [listed, ...others] = catalogue.beside('.dtorrent');
    expect(others).toEqual([]);
    expect(listed).toMatchObject({
      at,
      directory: DIST,
      entry: { key: sha256Of(bytesOf('list')), sizeBytes: 4 },
    });
    expect(listed?.entry.swarms).toEqual(
      (await look(catalogue, `${DIST}/${STEM}.dtorrent`))?.swarms as string[],
    );
    put(catalogue, { files }, DIST, UNKNOWN);
    expect(catalogue.beside('.dtorrent')).toEqual([]);
  });

  test("what the archive itself states as a root is in its entries, and in no other archive's", async () => {
    const root = new Uint8Array(32).fill(7);
    const rootOf = (where: string, key: string) =>
      where === DIST && key === keyOf(HELLO) ? root : undefined;
    const catalogue = catalogueWith({ rootOf });
    const other = 'b.example.org/debian';
    put(catalogue, { files });
    put(catalogue, { files, origin: 'Other' }, `${other}/dists/bookworm`);
    await arrive(catalogue, main.gz);
    expect((await look(catalogue, `${BASE}/${HELLO.path}`))?.root).toEqual(root);
    expect((await look(catalogue, `${other}/${HELLO.path}`))?.root).toBeUndefined();
  });
});

describe('Catalogue.lookup() of indexes', () => {
  const main = indexFiles([HELLO]);

  test.each([
    ['its name', `${STEM}.gz`],
    ['its MD5Sum', `main/binary-amd64/by-hash/MD5Sum/${hex('md5', main.gz)}`],
    ['its SHA1', `main/binary-amd64/by-hash/SHA1/${hex('sha1', main.gz)}`],
    ['its SHA256', `main/binary-amd64/by-hash/SHA256/${hex('sha256', main.gz)}`],
    ['its SHA512', `main/binary-amd64/by-hash/SHA512/${hex('sha512', main.gz)}`],
  ])('finds one by %s', async (_, path) => {
    const catalogue = catalogueWith();
    put(catalogue, { files: releaseFiles(main) });
    expect(await look(catalogue, `${DIST}/${path}`)).toEqual({
      key: sha256Of(main.gz),
      sizeBytes: main.gz.length,
      swarms: [AMD64, ALL],
    });
  });

  test('finds nothing before its Release, nor at another mirror or suite', async () => {
    const catalogue = catalogueWith();
    expect(await look(catalogue, `${DIST}/${STEM}.gz`)).toBeUndefined();
    put(catalogue, { files: releaseFiles(main) });
    expect(await look(catalogue, `ftp.fr.debian.org/debian/dists/bookworm/${STEM}.gz`)).toBeUndefined();
    expect(await look(catalogue, `${BASE}/dists/bookworm-updates/${STEM}.gz`)).toBeUndefined();
    expect(await look(catalogue, `${DIST}/${STEM}.xz`)).toBeUndefined();
    expect(await look(catalogue, `${DIST}/InRelease`)).toBeUndefined();
  });

  test('a suite may have a slash, and lie below another', async () => {
    const catalogue = catalogueWith();
    const inner = indexFiles([PLUS]);
    put(catalogue, { files: releaseFiles(main) }, `${BASE}/dists/buster`);
    put(catalogue, { files: releaseFiles(inner) }, `${BASE}/dists/buster/updates`);
    expect((await look(catalogue, `${BASE}/dists/buster/${STEM}`))?.key).toBe(sha256Of(main.plain));
    expect((await look(catalogue, `${BASE}/dists/buster/updates/${STEM}`))?.key).toBe(sha256Of(inner.plain));
    await arrive(catalogue, inner.gz);
    expect((await look(catalogue, `${BASE}/${PLUS.path}`))?.key).toBe(keyOf(PLUS));
  });

  test('what the Release before named is still found by hash, not by name', async () => {
    const catalogue = catalogueWith();
    const after = indexFiles([HELLO, PLUS]);
    put(catalogue, { files: releaseFiles(main) });
    put(catalogue, { files: releaseFiles(after) });
    const old = `${DIST}/main/binary-amd64/by-hash/SHA256/${sha256Of(main.gz)}`;
    expect((await look(catalogue, old))?.key).toBe(sha256Of(main.gz));
    expect((await look(catalogue, `${DIST}/${STEM}.gz`))?.key).toBe(sha256Of(after.gz));
  });
});

describe('Catalogue.lookup() of packages', () => {
  const main = indexFiles([HELLO, PLUS]);

  test('finds them once their index arrived, names with "+" and "~" among them', async () => {
    const catalogue = catalogueWith();
    put(catalogue, { files: releaseFiles(main) });
    expect(await look(catalogue, `${BASE}/${HELLO.path}`)).toBeUndefined();
    await arrive(catalogue, main.gz);
    for (const file of [HELLO, PLUS]) {
      expect(await look(catalogue, `${BASE}/${file.path}`)).toEqual({
        key: keyOf(file),
        sizeBytes: file.content.length,
        swarms: [AMD64, ALL],
      });
    }
    expect(await look(catalogue, `${BASE}/pool/main/o/other/other_1_all.deb`)).toBeUndefined();
    expect(await look(catalogue, `ftp.fr.debian.org/debian/${HELLO.path}`)).toBeUndefined();
  });

  test('waits for a table that is being built', async () => {
    const builder = new GatedBuilder();
    const catalogue = catalogueWith({ buildTable: builder.build });
    put(catalogue, { files: releaseFiles(main) });
    const arrived = arrive(catalogue, main.gz);
    let answered = false;
    const found = look(catalogue, `${BASE}/${HELLO.path}`).then((entry) => {
      answered = true;
      return entry;
    });
    await settled();
    expect(answered).toBe(false);
    builder.release();
    expect((await found)?.key).toBe(keyOf(HELLO));
    await arrived;
  });

  test('does not wait for the tables of another archive', async () => {
    const builder = new GatedBuilder();
    const catalogue = catalogueWith({ buildTable: builder.build });
    put(catalogue, { files: releaseFiles(main) });
    const arrived = arrive(catalogue, main.gz);
    expect(await look(catalogue, 'apt.example.org/pool/x_1_all.deb')).toBeUndefined();
    builder.release();
    await arrived;
  });

  test('waits no longer than the limit', async () => {
    const builder = new GatedBuilder();
    const catalogue = catalogueWith({ buildTable: builder.build, waitMs: 5000 });
    put(catalogue, { files: releaseFiles(main) });
    const arrived = arrive(catalogue, main.gz);
    const found = look(catalogue, `${BASE}/${HELLO.path}`);
    await settled();
    clock.advance(5000);
    expect(await found).toBeUndefined();
    builder.release();
    await arrived;
  });

  test('an index that is not what its Release says makes no table', async () => {
    const catalogue = catalogueWith();
    const lying = { ...main, gz: Bun.gzipSync(packagesOf([LATEST]) as Uint8Array<ArrayBuffer>) };
    put(catalogue, { files: releaseFiles(lying) });
    await arrive(catalogue, lying.gz);
    expect(await look(catalogue, `${BASE}/${LATEST.path}`)).toBeUndefined();
    expect(catalogue.releases()[0]?.indexes).toEqual([]);
  });

  test('a file that is no index of any Release is none of its business', async () => {
    const builder = new GatedBuilder();
    const catalogue = catalogueWith({ buildTable: builder.build });
    put(catalogue, { files: { ...releaseFiles(main), 'main/i18n/Translation-en': bytesOf('t') } });
    await arrive(catalogue, bytesOf('t'));
    await arrive(catalogue, bytesOf('a package'));
    expect(builder.started).toEqual([]);
  });

  test('sources are found by their index, and belong to all swarms in use of the archive', async () => {
    const catalogue = catalogueWith();
    const key = keyOf(HELLO);
    const plain = bytesOf(`Package: hello\nDirectory: pool/h\nChecksums-Sha256:\n ${key} 5 hello_2.10.dsc\n`);
    put(catalogue, { files: { ...releaseFiles(main), 'main/source/Sources': plain } });
    await arrive(catalogue, plain);
    expect(await look(catalogue, `${BASE}/pool/h/hello_2.10.dsc`)).toEqual({
      key,
      sizeBytes: 5,
      swarms: [ALL],
    });
    await arrive(catalogue, main.gz);
    expect((await look(catalogue, `${BASE}/pool/h/hello_2.10.dsc`))?.swarms).toEqual([AMD64, ALL]);
  });

  test('a flat repository: names relative to its directory, or to a parent of it', async () => {
    const catalogue = catalogueWith();
    const flat = {
      plain: packagesOf([
        { path: './a_1_all.deb', content: 'a' },
        { path: 'deb/b_1_all.deb', content: 'b' },
      ]),
    };
    put(
      catalogue,
      { origin: undefined, codename: undefined, suite: undefined, files: { Packages: flat.plain } },
      'apt.example.org/deb',
    );
    await arrive(catalogue, flat.plain);
    const expected = { key: sha256Of(bytesOf('a')), sizeBytes: 1, swarms: ['apt.example.org/deb / all'] };
    expect(await look(catalogue, 'apt.example.org/deb/a_1_all.deb')).toEqual(expected);
    expect((await look(catalogue, 'apt.example.org/deb/b_1_all.deb'))?.key).toBe(sha256Of(bytesOf('b')));
    expect((await look(catalogue, 'apt.example.org/deb/Packages'))?.key).toBe(sha256Of(flat.plain));
  });

  test('tables are shared between mirrors: the second needs no index file', async () => {
    const builder = new GatedBuilder();
    builder.release();
    const catalogue = catalogueWith({ buildTable: builder.build });
    const other = 'ftp.fr.debian.org/debian';
    put(catalogue, { files: releaseFiles(main) });
    await arrive(catalogue, main.gz);
    put(catalogue, { files: releaseFiles(main) }, `${other}/dists/bookworm`);
    expect((await look(catalogue, `${other}/${HELLO.path}`))?.key).toBe(keyOf(HELLO));
    expect(builder.started).toHaveLength(1);
    expect(catalogue.tableBytes).toBe(64 + 2 * 58);
  });

  test('of several indexes with one content, the one that was asked for comes into use', async () => {
    const catalogue = catalogueWith();
    const same = [indexFiles([HELLO]), indexFiles([HELLO], 'main/binary-arm64/Packages')];
    put(catalogue, { files: releaseFiles(...same) });
    await look(catalogue, `${DIST}/main/binary-arm64/by-hash/SHA256/${sha256Of(main.gz)}`);
    await look(
      catalogue,
      `${DIST}/main/binary-arm64/by-hash/SHA256/${sha256Of((same[0] as typeof main).gz)}`,
    );
    await arrive(catalogue, (same[0] as typeof main).gz);
    expect(catalogue.identities().map(({ architecture }) => architecture)).toEqual(['arm64', 'all']);
  });
});

describe('Catalogue.swap() to a new Release', () => {
  const before = indexFiles([HELLO, LATEST]);
  const NEWER = { path: 'pool/main/h/hello/hello_2.11-1_amd64.deb', content: 'newer hello' };
  const after = indexFiles([NEWER, { ...LATEST, content: 'new latest' }]);
  const fetched: string[] = [];

  beforeEach(() => {
    fetched.length = 0;
  });

  function fetching(content: Record<string, Uint8Array> = { [sha256Of(after.gz)]: after.gz }) {
    return (at: Location, entry: Entry): Promise<string> => {
      fetched.push(at.path);
      const bytes = content[entry.key];
      if (!bytes) return Promise.reject(new Error('404'));
      const path = join(directory.path, entry.key);
      writeFileSync(path, bytes);
      return Promise.resolve(path);
    };
  }

  async function swapped(options: Partial<CatalogueOptions>): Promise<Catalogue> {
    const catalogue = catalogueWith(options);
    put(catalogue, { files: releaseFiles(before) });
    await arrive(catalogue, before.gz);
    put(catalogue, { files: releaseFiles(after) });
    return catalogue;
  }

  test('what the old index named is found at once, while the new one is not here', async () => {
    const catalogue = await swapped({});
    expect((await look(catalogue, `${BASE}/${HELLO.path}`))?.key).toBe(keyOf(HELLO));
  });

  test.each([
    ['pool/a/a_1.0-1_amd64.deb', true],
    ['pool/a/a_1.0-1_amd64.udeb', true],
    ['pool/a/a_1.0-1.dsc', true],
    ['pool/a/a_1.0.orig.tar.xz', true],
    ['pool/a/a_1.0.orig-data.tar.gz', true],
    ['pool/a/a_1.0.orig.tar.gz.asc', true],
    ['pool/a/a_1.0-1.debian.tar.xz', true],
    ['pool/a/a_1.0-1.diff.gz', true],
    ['pool/a/a_1.0.tar.xz', true],
    ['pool/a_b/latest.deb', false],
    ['pool/a_amd64.deb', false],
    ['pool/a_1_amd64.deb.torrent', false],
  ])('of the old index, %s is believed: %p', async (path, believed) => {
    const catalogue = catalogueWith();
    const old = indexFiles([{ path, content: 'x' }]);
    put(catalogue, { files: releaseFiles(old) });
    await arrive(catalogue, old.gz);
    put(catalogue, { files: releaseFiles(after) });
    expect((await look(catalogue, `${BASE}/${path}`)) !== undefined).toBe(believed);
  });

  test('but not under a name that may have got another content', async () => {
    const catalogue = await swapped({});
    expect(await look(catalogue, `${BASE}/${LATEST.path}`)).toBeUndefined();
    await arrive(catalogue, after.gz);
    expect((await look(catalogue, `${BASE}/${LATEST.path}`))?.key).toBe(sha256Of(bytesOf('new latest')));
  });

  test('what only the old index named is still found when the new one is here', async () => {
    const catalogue = await swapped({});
    await arrive(catalogue, after.gz);
    expect((await look(catalogue, `${BASE}/${HELLO.path}`))?.key).toBe(keyOf(HELLO));
    expect((await look(catalogue, `${BASE}/${NEWER.path}`))?.key).toBe(keyOf(NEWER));
  });

  test('for a day', async () => {
    const catalogue = await swapped({});
    await arrive(catalogue, after.gz);
    clock.advance(24 * 3600_000);
    expect(await look(catalogue, `${BASE}/${HELLO.path}`)).toBeUndefined();
    expect(catalogue.tableBytes).toBe(64 + 2 * 58);
  });

  test('a look-up that misses fetches the index that changed (pdiffs), by hash, gzip first', async () => {
    const catalogue = await swapped({ fetchIndex: fetching() });
    expect((await look(catalogue, `${BASE}/${NEWER.path}`))?.key).toBe(keyOf(NEWER));
    expect(fetched).toEqual([
      `/debian/dists/bookworm/main/binary-amd64/by-hash/SHA256/${sha256Of(after.gz)}`,
    ]);
  });

  test('look-ups at the same time fetch it once', async () => {
    const catalogue = await swapped({ fetchIndex: fetching() });
    const found = await Promise.all(
      [NEWER, NEWER, LATEST].map(({ path }) => look(catalogue, `${BASE}/${path}`)),
    );
    expect(found.map((entry) => entry?.sizeBytes)).toEqual([11, 11, 10]);
    expect(fetched).toHaveLength(1);
  });

  test('without a look-up it is fetched after a while', async () => {
    const catalogue = await swapped({ fetchIndex: fetching() });
    clock.advance(2999);
    expect(fetched).toEqual([]);
    const changed = new Promise<void>((resolve) => catalogue.onChange(resolve));
    clock.advance(1);
    await changed;
    expect(catalogue.releases()[0]?.indexes).toEqual([{ name: STEM, files: 2, stale: false }]);
  });

  test('not when a client was first', async () => {
    const catalogue = await swapped({ fetchIndex: fetching() });
    await arrive(catalogue, after.gz);
    clock.advance(3000);
    expect(fetched).toEqual([]);
  });

  test('nor when the index did not change', async () => {
    const catalogue = catalogueWith({ fetchIndex: fetching() });
    put(catalogue, { files: releaseFiles(before) });
    await arrive(catalogue, before.gz);
    put(catalogue, { files: { ...releaseFiles(before), 'main/i18n/Translation-en': bytesOf('t') } });
    clock.advance(3000);
    expect(fetched).toEqual([]);
    expect((await look(catalogue, `${BASE}/${LATEST.path}`))?.key).toBe(keyOf(LATEST));
  });

  test('the plain index is taken where gzip is not to be had', async () => {
    const catalogue = await swapped({ fetchIndex: fetching({ [sha256Of(after.plain)]: after.plain }) });
    expect((await look(catalogue, `${BASE}/${NEWER.path}`))?.key).toBe(keyOf(NEWER));
    expect(fetched).toHaveLength(2);
  });

  test('a fetch that failed is not tried again with every look-up, but after a minute', async () => {
    const catalogue = await swapped({ fetchIndex: fetching({}) });
    for (let i = 0; i < 3; i += 1) expect(await look(catalogue, `${BASE}/${NEWER.path}`)).toBeUndefined();
    expect(fetched).toHaveLength(2);
    clock.advance(60_001);
    expect(await look(catalogue, `${BASE}/${NEWER.path}`)).toBeUndefined();
    expect(fetched).toHaveLength(4);
  });

  test('an index that a client was served from the store is fetched from there', async () => {
    const catalogue = catalogueWith({ fetchIndex: fetching({ [sha256Of(before.plain)]: before.plain }) });
    put(catalogue, { files: releaseFiles(before) });
    await look(catalogue, `${DIST}/${STEM}`);
    expect((await look(catalogue, `${BASE}/${HELLO.path}`))?.key).toBe(keyOf(HELLO));
    expect(fetched).toEqual([
      `/debian/dists/bookworm/main/binary-amd64/by-hash/SHA256/${sha256Of(before.plain)}`,
    ]);
  });

  test('a client that asks for the list of patches uses the index', async () => {
    const catalogue = catalogueWith({ fetchIndex: fetching() });
    put(catalogue, { files: { ...releaseFiles(after), [`${STEM}.diff/Index`]: bytesOf('i') } });
    await look(catalogue, `${DIST}/${STEM}.diff/by-hash/SHA256/${sha256Of(bytesOf('i'))}`);
    expect((await look(catalogue, `${BASE}/${NEWER.path}`))?.key).toBe(keyOf(NEWER));
  });

  test('an index that the Release dropped goes, and its table', async () => {
    const catalogue = await swapped({});
    await arrive(catalogue, after.gz);
    put(catalogue, { files: {} });
    expect(catalogue.tableBytes).toBe(0);
    expect(readdirSync(join(directory.path, 'catalogue/tables'))).toEqual([]);
  });

  test('two indexes whose builds end together both come into use', async () => {
    const builder = new GatedBuilder();
    const catalogue = catalogueWith({ buildTable: builder.build });
    const contrib = indexFiles([PLUS], 'contrib/binary-amd64/Packages');
    put(catalogue, { files: releaseFiles(before, contrib) });
    const arrived = [arrive(catalogue, before.gz), arrive(catalogue, contrib.gz)];
    await settled();
    builder.release();
    await Promise.all(arrived);
    expect((await look(catalogue, `${BASE}/${HELLO.path}`))?.key).toBe(keyOf(HELLO));
    expect((await look(catalogue, `${BASE}/${PLUS.path}`))?.key).toBe(keyOf(PLUS));
    expect(readdirSync(join(directory.path, 'catalogue/tables'))).toHaveLength(2);
  });
});

describe('Catalogue and swarms', () => {
  const main = indexFiles([HELLO]);

  test('release, updates and security of one codename are one archive', async () => {
    const catalogue = catalogueWith();
    put(catalogue, { files: releaseFiles(main) });
    put(
      catalogue,
      { codename: 'bookworm-security', files: releaseFiles(indexFiles([PLUS])) },
      'h/debian-security/dists/bookworm-security',
    );
    expect(catalogue.identities()).toEqual([
      { origin: 'Debian', codename: 'bookworm', architecture: 'all', infoHash: ALL, isPublic: true },
    ]);
    await arrive(catalogue, main.gz);
    expect(catalogue.identities().map(({ infoHash }) => infoHash)).toEqual([AMD64, ALL]);
  });

  test('what no public key signed has no swarm, but is found', async () => {
    const catalogue = catalogueWith();
    put(catalogue, { files: releaseFiles(main) }, DIST, UNKNOWN);
    await arrive(catalogue, main.gz);
    expect(await look(catalogue, `${BASE}/${HELLO.path}`)).toMatchObject({ key: keyOf(HELLO), swarms: [] });
    expect(await look(catalogue, `${DIST}/${STEM}`)).toMatchObject({ swarms: [] });
    expect(catalogue.byKey(keyOf(HELLO))?.swarms).toEqual([]);
    expect(catalogue.identities()).toEqual([]);
  });

  test('nor has what only a key of this machine’s apt signed', async () => {
    const catalogue = catalogueWith();
    put(catalogue, { files: releaseFiles(main) }, DIST, {
      status: 'private',
      keyring: 'k',
      fingerprint: 'F',
    });
    await arrive(catalogue, main.gz);
    expect(catalogue.identities()).toEqual([]);
    expect(await look(catalogue, `${BASE}/${HELLO.path}`)).toEqual({
      key: keyOf(HELLO),
      sizeBytes: 5,
      swarms: [],
    });
  });

  test('unless the operator shares it', async () => {
    const catalogue = catalogueWith({ shareRules: [parseShareRule(`http://${BASE}`)] });
    put(catalogue, { files: releaseFiles(main) }, DIST, UNKNOWN);
    expect(catalogue.identities()).toMatchObject([{ isPublic: false }]);
    catalogue.judge(locationOf(`${DIST}/InRelease`), PUBLIC);
    expect(catalogue.identities()).toMatchObject([{ isPublic: true }]);
  });

  test('judge() makes an archive shareable when its signature came, or not any more', () => {
    const catalogue = catalogueWith();
    put(catalogue, { files: releaseFiles(main) }, DIST, UNKNOWN);
    catalogue.judge(locationOf(`${DIST}/InRelease`), PUBLIC);
    expect(catalogue.identities()).toHaveLength(1);
    catalogue.judge(locationOf(`${DIST}/InRelease`), UNKNOWN);
    expect(catalogue.identities()).toEqual([]);
  });

  test('an identity that can have no info-hash is not shared', async () => {
    const catalogue = catalogueWith({
      infoHash: () => {
        throw new RangeError('no proper origin');
      },
    });
    put(catalogue, { files: releaseFiles(main) });
    expect(await look(catalogue, `${DIST}/${STEM}`)).toMatchObject({ swarms: [] });
    expect(catalogue.identities()).toEqual([]);
  });

  test('byKey() knows packages and indexes by content', async () => {
    const catalogue = catalogueWith();
    put(catalogue, { files: releaseFiles(main) });
    await arrive(catalogue, main.gz);
    expect(catalogue.byKey(keyOf(HELLO))).toEqual({ key: keyOf(HELLO), sizeBytes: 5, swarms: [AMD64, ALL] });
    expect(catalogue.byKey(sha256Of(main.gz))?.sizeBytes).toBe(main.gz.length);
    expect(catalogue.contains(sha256Of(bytesOf('nobody knows')))).toBe(false);
  });

  test('what a security pocket names is a security update wherever else it lies, and so are its indexes', async () => {
    const catalogue = catalogueWith();
    const fixes = indexFiles([HELLO]);
    const both = indexFiles([HELLO, PLUS]);
    const SECURITY = 'h/debian-security/dists/bookworm-security';
    put(catalogue, { files: releaseFiles(both) });
    await arrive(catalogue, both.gz);
    expect((await look(catalogue, `${BASE}/${HELLO.path}`))?.isSecurity).toBeUndefined();
    put(catalogue, { codename: 'bookworm-security', files: releaseFiles(fixes) }, SECURITY);
    await arrive(catalogue, fixes.gz);
    const isSecurity = async (name: string) => (await look(catalogue, name))?.isSecurity ?? false;
    expect(await isSecurity(`h/debian-security/${HELLO.path}`)).toBe(true);
    expect(await isSecurity(`${BASE}/${HELLO.path}`)).toBe(true);
    expect(await isSecurity(`${BASE}/${PLUS.path}`)).toBe(false);
    expect(await isSecurity(`${SECURITY}/${STEM}.gz`)).toBe(true);
    expect(await isSecurity(`${DIST}/${STEM}.gz`)).toBe(false);
    expect(catalogue.byKey(keyOf(HELLO))?.isSecurity).toBe(true);
    const keys = [keyOf(HELLO), keyOf(PLUS), sha256Of(fixes.gz), sha256Of(both.gz)];
    expect(keys.map((key) => catalogue.isSecurity(key))).toEqual([true, false, true, false]);
  });

  test('onChange() tells of Releases and tables until it is taken back', async () => {
    const catalogue = catalogueWith();
    let changes = 0;
    const stop = catalogue.onChange(() => {
      changes += 1;
    });
    put(catalogue, { files: releaseFiles(main) });
    expect(changes).toBe(1);
    await arrive(catalogue, main.gz);
    expect(changes).toBe(2);
    stop();
    put(catalogue, { files: {} });
    expect(changes).toBe(2);
  });
});

describe('Catalogue over a restart', () => {
  const main = indexFiles([HELLO]);
  const state = () => join(directory.path, 'catalogue/catalogue.json');
  const tables = () => join(directory.path, 'catalogue/tables');

  beforeEach(async () => {
    const catalogue = catalogueWith();
    put(catalogue, { files: releaseFiles(main) });
    put(catalogue, { codename: 'trixie', files: {} }, `${BASE}/dists/trixie`, UNKNOWN);
    await arrive(catalogue, main.gz);
    await catalogue[Symbol.asyncDispose]();
  });

  test('knows everything as before, without fetching or building anything', async () => {
    const fail = () => Promise.reject(new Error('nothing should be built'));
    const catalogue = catalogueWith({ buildTable: fail, fetchIndex: fail });
    expect(await look(catalogue, `${BASE}/${HELLO.path}`)).toEqual({
      key: keyOf(HELLO),
      sizeBytes: 5,
      swarms: [AMD64, ALL],
    });
    expect((await look(catalogue, `${DIST}/${STEM}.gz`))?.key).toBe(sha256Of(main.gz));
    expect(catalogue.identities().map(({ infoHash }) => infoHash)).toEqual([AMD64, ALL]);
    expect(
      catalogue.releases().map(({ directory: at, verdict, shareable }) => [at, verdict.status, shareable]),
    ).toEqual([
      [DIST, 'public', true],
      [`${BASE}/dists/trixie`, 'unknown', false],
    ]);
    expect(clock.timers).toBe(0);
  });

  test('has the copy that the mirror gave', () => {
    const kept = catalogueWith().kept(locationOf(`${DIST}/InRelease`));
    expect(kept?.lastModified).toBe('Sat, 03 Jan 2026 10:00:00 GMT');
    expect(
      kept && Buffer.compare(kept.bytes, fakeInRelease(releaseText({ files: releaseFiles(main) }))),
    ).toBe(0);
  });

  test('asks --share anew', () => {
    const catalogue = catalogueWith({ shareRules: [parseShareRule('debian')] });
    expect(catalogue.identities().map(({ infoHash }) => infoHash)).toContain('Debian trixie all');
  });

  test.each(['', '{', 'null', '[]', '{"version":2,"releases":[]}', '{"version":1,"releases":{}}', '\0\0\0'])(
    'starts empty with %p for its state',
    async (content) => {
      writeFileSync(state(), content);
      const catalogue = catalogueWith();
      expect(catalogue.releases()).toEqual([]);
      expect(await look(catalogue, `${BASE}/${HELLO.path}`)).toBeUndefined();
      // Nothing names the table any more.
      expect(readdirSync(tables())).toEqual([]);
      put(catalogue, { files: releaseFiles(main) });
      expect(catalogue.releases()).toHaveLength(1);
    },
  );

  test('drops only the records that do not decode', () => {
    const whole = JSON.parse(readFileSync(state(), 'utf8'));
    const bad = [
      null,
      7,
      {},
      { ...whole.releases[0], host: 'a/b' },
      { ...whole.releases[0], verdict: { status: 'public' } },
    ];
    writeFileSync(state(), JSON.stringify({ ...whole, releases: [...bad, ...whole.releases] }));
    expect(catalogueWith().releases()).toHaveLength(2);
  });

  test('drops a Release whose copy is damaged or gone', () => {
    for (const name of readdirSync(join(directory.path, 'catalogue'))) {
      if (name.endsWith('.release')) writeFileSync(join(directory.path, 'catalogue', name), 'SHA256:\n');
    }
    expect(catalogueWith().releases()).toEqual([]);
  });

  test.each(['damaged', 'gone'])('a table that is %s is fetched and built anew', async (how) => {
    const [name] = readdirSync(tables());
    const path = join(tables(), name as string);
    if (how === 'gone') rmSync(path);
    else writeFileSync(path, readFileSync(path).fill(0, 70, 80));
    const catalogue = catalogueWith({
      fetchIndex: () => Promise.resolve(join(directory.path, sha256Of(main.gz))),
    });
    expect((await look(catalogue, `${BASE}/${HELLO.path}`))?.key).toBe(keyOf(HELLO));
    expect(existsSync(path)).toBe(true);
  });

  test('sweeps what does not belong to it from its tables, and half-written files', () => {
    writeFileSync(join(tables(), `${'0'.repeat(64)}.table`), 'x');
    writeFileSync(join(tables(), `${'1'.repeat(64)}.table.77.tmp`), 'x');
    writeFileSync(join(directory.path, 'catalogue', 'catalogue.json.77.tmp'), 'x');
    const catalogue = catalogueWith();
    expect(readdirSync(tables())).toEqual([`${sha256Of(main.plain)}.table`]);
    put(catalogue, { files: {} });
    expect(readdirSync(join(directory.path, 'catalogue')).filter((name) => name.endsWith('.tmp'))).toEqual(
      [],
    );
  });

  test('deletes the copies of Releases that are no longer in force', () => {
    const catalogue = catalogueWith();
    for (const origin of ['A', 'B', 'C']) put(catalogue, { origin, files: {} });
    expect(
      readdirSync(join(directory.path, 'catalogue')).filter((name) => name.endsWith('.release')),
    ).toHaveLength(2);
  });

  test('holds at most 64 Releases, and drops the one that was not used for longest', () => {
    const catalogue = catalogueWith();
    for (let i = 0; i < 70; i += 1) {
      clock.advance(1000);
      put(catalogue, { files: {} }, `h/debian/dists/suite-${i}`);
    }
    const directories = catalogue.releases().map(({ directory: at }) => at);
    expect(directories).toHaveLength(64);
    expect(directories).not.toContain(DIST);
    expect(directories).toContain('h/debian/dists/suite-69');
  });
});

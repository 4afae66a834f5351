/**
 * Everything that apt asks of an archive, in Debian's layout, Ubuntu's, and those of small repositories: the real
 * apt-get fetches it through a daemon, by the proxy and by our method, and a second one gets all of it while the mirror
 * hears of release files only.
 */
import { describe, expect, test } from 'bun:test';
import {
  debianStanza,
  type Hash,
  hex,
  type PoolFile,
  type Publication,
  sourceStanza,
  ubuntuStanza,
} from '../fixtures/archive-maker.ts';
import { eventually } from '../fixtures/eventually.ts';
import type { MirrorServer } from '../fixtures/mirror-server.ts';
import { expectPackage, Place, sha256 } from '../fixtures/place.ts';
import { uriBy, WAYS, type Way } from '../fixtures/ways.ts';

const NAMES: Record<string, string> = {
  Origin: 'Debian',
  Label: 'Debian',
  Suite: 'stable',
  Version: '12.5',
  Codename: 'bookworm',
  Changelogs: 'https://metadata.ftp-master.debian.org/changelogs/@CHANGEPATH@_changelog',
  'No-Support-for-Architecture-all': 'Packages',
  Architectures: 'all amd64 arm64',
  Components: 'main contrib non-free-firmware non-free',
  Description: 'Debian 12.5 Released 10 February 2024',
};
const SMALL = {
  Origin: 'Example',
  Label: 'Example',
  Suite: 'stable',
  Codename: 'orchard',
  Architectures: 'amd64',
  Components: 'main',
};

/** One package, in an archive of that shape: the second client costs the mirror no file. */
async function expectServed(way: Way, shape: Partial<Publication>, rest = 'orchard main'): Promise<Place> {
  const place = await Place.open(1, way);
  const { maker } = place;
  const directory = shape.directory ?? 'dists/orchard';
  const isFlat = !directory.startsWith('dists/');
  const hello = maker.pool(`${isFlat ? directory : 'pool'}/hello_1.0-1_amd64.deb`);
  const filename = isFlat ? `./${hello.path}` : hello.path;
  await maker.publish({
    ...{ fields: SMALL, ...shape, directory },
    indexes: {
      [isFlat ? 'Packages' : 'main/binary-amd64/Packages']: debianStanza({ ...hello, path: filename }),
    },
  });
  const first = await place.client(['deb'], rest);
  await expectPackage(first, 'hello', hello);
  place.forget();
  const second = await place.client(['deb'], rest);
  await expectPackage(second, 'hello', hello);
  expect(place.asked).toEqual([]);
  return place;
}

/** sid, which two clients have and which has changed since, with one patch of a list. */
async function changedSid(place: Place) {
  const { maker } = place;
  const stem = 'main/binary-amd64/Packages';
  const fields = { ...SMALL, Suite: 'unstable', Codename: 'sid' };
  const old = maker.pool('pool/main/h/hello/hello_1.0-1_amd64.deb');
  const filler = Array.from({ length: 60 }, (_, i) =>
    debianStanza(maker.pool(`pool/main/f/f${i}_1.0_amd64.deb`, 100)),
  );
  const before = [debianStanza(old), ...filler].join('\n');
  const directory = 'dists/sid';
  const bytes = (text: string) => new TextEncoder().encode(text);
  const line = (content: Uint8Array, name: string) =>
    ` ${hex('SHA256', content)} ${content.length} ${name}\n`;
  await maker.publish({ directory, fields, indexes: { [stem]: before } });
  const clients = [await place.client(['deb'], 'sid main'), await place.client(['deb'], 'sid main')] as const;

  const fresh = maker.pool('pool/main/h/hello/hello_2.0-1_amd64.deb');
  const after = [debianStanza(fresh), ...filler].join('\n');
  const lines = debianStanza(old).split('\n').length - 1;
  const patch = bytes(`1,${lines}c\n${debianStanza(fresh)}.\n`);
  const packed = Bun.gzipSync(patch as Uint8Array<ArrayBuffer>);
  const name = 'T-2024-05-04-1401.59-F-2024-05-03-2001.54';
  maker.put(`${directory}/${stem}.diff/${name}.gz`, packed);
  const list = `SHA256-Current: ${hex('SHA256', bytes(after))} ${bytes(after).length}
SHA256-History:
${line(bytes(before), name)}SHA256-Patches:
${line(patch, name)}SHA256-Download:
${line(packed, `${name}.gz`)}X-Patch-Precedence: merged
`;
  await maker.publish({
    ...{ directory, fields, date: new Date(Date.now() - 60_000) },
    indexes: { [stem]: after, [`${stem}.diff/Index`]: list },
    plainOnly: [`${stem}.diff/Index`],
  });
  const patchPath = `/${directory}/${stem}.diff/${name}.gz`;
  return { clients, old, fresh, patchPath };
}

const SHAPES: readonly {
  readonly what: string;
  readonly shape: Partial<Publication>;
  readonly rest?: string;
}[] = [
  { what: 'a Release that names no by-hash', shape: { byHash: false } },
  { what: 'Packages in gzip only', shape: { forms: ['.gz'] } },
  { what: 'Packages in xz only', shape: { forms: ['.xz'] } },
  { what: 'Packages not compressed', shape: { forms: [''] } },
  { what: 'a Release with Release.gpg, and no InRelease', shape: { signed: 'detached' } },
  { what: 'InRelease, Release and Release.gpg', shape: { signed: 'both' } },
  {
    what: 'a Release that has no Origin, Suite or Codename',
    shape: { fields: { Architectures: 'amd64', Components: 'main' } },
  },
  {
    what: 'a flat repository',
    shape: { directory: 'repo', forms: ['', '.gz'], byHash: false },
    rest: 'repo/',
  },
  {
    what: 'a flat repository at "./"',
    shape: { directory: '.', forms: ['.gz'], byHash: false },
    rest: './',
  },
  {
    what: 'a flat repository with by-hash, Release and Release.gpg',
    shape: { directory: 'repo', signed: 'detached' },
    rest: 'repo/',
  },
];

describe.each(WAYS)('by way of %s', (way) => {
  test('Debian: Packages, Sources, Translation, Contents, DEP-11, installer, all-architecture', async () => {
    await using place = await Place.open(1, way);
    const { maker } = place;
    const hello = maker.pool('pool/main/h/hello/hello_2.10-3_amd64.deb');
    const plus = maker.pool('pool/main/g/g++-mingw/g++-mingw_12.2.0-14+25.2~deb12u1_all.deb');
    const udeb = maker.pool('pool/main/h/hello/hello-udeb_2.10-3_amd64.udeb');
    const sources = ['2.10-3.dsc', '2.10.orig.tar.gz', '2.10.orig.tar.gz.asc', '2.10-3.debian.tar.xz'].map(
      (end) => maker.pool(`pool/main/h/hello/hello_${end}`),
    );
    await maker.publish({
      directory: 'dists/bookworm',
      fields: NAMES,
      indexes: {
        'main/binary-amd64/Packages': `${debianStanza(hello)}\n${debianStanza(plus)}`,
        'main/binary-all/Packages': debianStanza(plus),
        'main/source/Sources': sourceStanza('hello', '2.10-3', sources),
        'main/i18n/Translation-en':
          'Package: hello\nDescription-md5: c4a4aec43084cfb4a44c959b27e3a6d6\nDescription-en: x\n y\n',
        'main/Contents-amd64': 'usr/bin/hello devel/hello\n',
        'main/Contents-all': 'usr/share/x misc/x\n',
        'main/dep11/Components-amd64.yml': '---\nFile: DEP-11\nVersion: "0.16"\n',
        'main/dep11/icons-48x48.tar': 'icons',
        'main/debian-installer/binary-amd64/Packages': debianStanza(udeb),
        'contrib/binary-amd64/Packages': '',
      },
    });
    const kinds = ['deb', 'deb-src'];
    const first = await place.client(kinds, 'bookworm main contrib');
    for (const list of [
      'Packages',
      'Sources',
      'Translation-en',
      'Contents-amd64.gz',
      'Components-amd64.yml.gz',
      'icons-48x48.tar.gz',
    ])
      expect(first.listNames().join('\n')).toContain(list.replace(/\.gz$/, ''));
    await expectPackage(first, 'hello', hello);
    await expectPackage(first, 'g++-mingw', plus);
    expect((await first.source(['hello'])).files.get('hello_2.10-3.dsc')).toBe(
      sha256(sources[0] as PoolFile),
    );
    // The installer asks for plain names.
    const installer = 'dists/bookworm/main/debian-installer/binary-amd64/Packages.gz';
    expect(
      Buffer.from(Bun.gunzipSync((await place.get(installer)) as Uint8Array<ArrayBuffer>)).toString(),
    ).toContain('hello-udeb');
    expect(hex('SHA256', await place.get(udeb.path))).toBe(sha256(udeb));

    place.forget();
    const second = await place.client(kinds, 'bookworm main contrib');
    expect(second.listNames()).toEqual(first.listNames());
    await expectPackage(second, 'hello', hello);
    await expectPackage(second, 'g++-mingw', plus);
    const got = await second.source(['hello']);
    expect([...got.files.entries()].sort()).toEqual(
      sources.map((file): [string, string] => [file.path.split('/').pop() ?? '', sha256(file)]).sort(),
    );
    await place.get(installer);
    await place.get(udeb.path);
    expect(place.asked).toEqual([]);
  }, 60_000);

  test('Ubuntu: four components, phased updates, Commands, no Valid-Until, pockets in one pool', async () => {
    await using place = await Place.open(1, way);
    const { maker } = place;
    const hello = maker.pool('pool/main/h/hello/hello_2.10-3build1_amd64.deb');
    const update = maker.pool('pool/main/h/hello/hello_2.10-3ubuntu1.24.04_amd64.deb');
    const proposed = maker.pool('pool/main/h/hello/hello_2.10-3ubuntu1.24.04.1_amd64.deb');
    const symbols = maker.pool('pool/main/h/hello/hello-dbgsym_2.10-3build1_amd64.ddeb');
    const game = maker.pool('pool/universe/g/game/game_1.0-1ubuntu2_all.deb');
    const fields = (suite: string) => ({
      Origin: 'Ubuntu',
      Label: 'Ubuntu',
      Suite: suite,
      Version: '24.04',
      Codename: 'noble',
      Architectures: 'amd64 arm64 armhf i386 ppc64el riscv64 s390x',
      Components: 'main restricted universe multiverse',
      Description: 'Ubuntu Noble 24.04',
    });
    const indexes = (main: string, universe: string) => ({
      'main/binary-amd64/Packages': main,
      'restricted/binary-amd64/Packages': '',
      'universe/binary-amd64/Packages': universe,
      'multiverse/binary-amd64/Packages': '',
      'main/i18n/Translation-en':
        'Package: hello\nDescription-md5: c4a4aec43084cfb4a44c959b27e3a6d6\nDescription-en: x\n y\n',
      'main/cnf/Commands-amd64':
        'suite: noble\ncomponent: main\narch: amd64\n\nname: hello\nversion: 2.10-3build1\ncommands: hello\n',
      'main/dep11/Components-amd64.yml': '---\nFile: DEP-11\n',
    });
    const hashes: Hash[] = ['MD5Sum', 'SHA1', 'SHA256'];
    await maker.publish({
      ...{ directory: 'dists/noble', fields: fields('noble'), hashes },
      indexes: indexes(`${ubuntuStanza(hello)}\n${ubuntuStanza(symbols)}`, ubuntuStanza(game)),
    });
    await maker.publish({
      ...{ directory: 'dists/noble-updates', fields: fields('noble-updates'), hashes },
      indexes: indexes(ubuntuStanza(update, 10), ''),
    });
    await maker.publish({
      ...{ directory: 'dists/noble-proposed', hashes },
      fields: { ...fields('noble-proposed'), NotAutomatic: 'yes', ButAutomaticUpgrades: 'yes' },
      indexes: indexes(ubuntuStanza(proposed), ''),
    });
    const sources = ['noble', 'noble-updates', 'noble-proposed']
      .map(
        (suite) =>
          `deb [signed-by=${maker.keyring}] ${uriBy(way, place.mirror.url)} ${suite} main restricted universe multiverse\n`,
      )
      .join('');
    const first = await place.client([], '', { sources });
    expect(
      first.listNames().filter((name) => /Commands-amd64|Components-amd64|Translation-en/.test(name)),
    ).toHaveLength(9);
    expect((await first.download(['hello=2.10-3build1'])).sha256.get('hello')).toBe(sha256(hello));
    await expectPackage(first, 'game', game);
    expect((await first.download(['hello=2.10-3ubuntu1.24.04'])).sha256.get('hello')).toBe(sha256(update));
    expect((await first.download(['hello/noble-proposed'])).sha256.get('hello')).toBe(sha256(proposed));
    expect(hex('SHA256', await place.get(symbols.path))).toBe(sha256(symbols));

    place.forget();
    const second = await place.client([], '', { sources });
    expect(second.listNames()).toEqual(first.listNames());
    await expectPackage(second, 'game', game);
    expect((await second.download(['hello=2.10-3ubuntu1.24.04'])).sha256.get('hello')).toBe(sha256(update));
    expect((await second.download(['hello/noble-proposed'])).sha256.get('hello')).toBe(sha256(proposed));
    await place.get(symbols.path);
    expect(place.asked).toEqual([]);
  }, 60_000);

  test('Ubuntu: one Release at two mirrors, each with the files of its own architectures', async () => {
    await using place = await Place.open(2, way);
    const { maker } = place;
    const [amd64, arm64, all] = ['hello_2.10-3_amd64', 'hello_2.10-3_arm64', 'hello-doc_2.10-3_all'].map(
      (name) => maker.pool(`pool/main/h/hello/${name}.deb`),
    ) as [PoolFile, PoolFile, PoolFile];
    await maker.publish({
      directory: 'dists/noble',
      fields: { Origin: 'Ubuntu', Label: 'Ubuntu', Suite: 'noble', Codename: 'noble', Components: 'main' },
      indexes: {
        'main/binary-amd64/Packages': `${ubuntuStanza(amd64)}\n${ubuntuStanza(all)}`,
        'main/binary-arm64/Packages': `${ubuntuStanza(arm64)}\n${ubuntuStanza(all)}`,
      },
    });
    const [archive, ports] = place.mirrors as [MirrorServer, MirrorServer];
    archive.fault(/arm64/, { status: 404 });
    ports.fault(/amd64/, { status: 404 });
    const here = await place.client(['deb'], 'noble main');
    await expectPackage(here, 'hello', amd64);
    await expectPackage(here, 'hello-doc', all);
    place.forget();
    const options = ['APT::Architecture=arm64', 'APT::Architectures=arm64'];
    const there = await place.client(['deb'], 'noble main', { url: ports.url, options });
    await expectPackage(there, 'hello', arm64);
    await expectPackage(there, 'hello-doc', all);
    // What both have came once.
    expect(place.asked.filter((path) => path.endsWith('.deb'))).toEqual([`/${arm64.path}`]);
    expect((await place.daemon.status()).releases.map(({ behindSeconds }) => behindSeconds)).toEqual([0, 0]);
  }, 60_000);

  test.each<Hash>(['MD5Sum', 'SHA1', 'SHA256', 'SHA512'])(
    'by-hash: a file by its %s is that file',
    async (hash) => {
      await using place = await expectServed(way, { hashes: ['MD5Sum', 'SHA1', 'SHA256', 'SHA512'] });
      const plain = 'dists/orchard/main/binary-amd64/Packages.xz';
      const bytes = await place.get(plain);
      place.forget();
      expect(await place.get(`dists/orchard/main/binary-amd64/by-hash/${hash}/${hex(hash, bytes)}`)).toEqual(
        bytes,
      );
      expect(place.asked).toEqual([]);
    },
    60_000,
  );

  test('apt asks by the strongest hash that the Release states', async () => {
    await using place = await Place.open(1, way);
    const hello = place.maker.pool('pool/hello_1.0-1_amd64.deb');
    const hashes: Hash[] = ['SHA256', 'SHA512'];
    const indexes = { 'main/binary-amd64/Packages': debianStanza(hello) };
    await place.maker.publish({ directory: 'dists/orchard', fields: SMALL, hashes, indexes });
    await expectPackage(await place.client(['deb'], 'orchard main'), 'hello', hello);
    expect(place.asked.filter((path) => path.includes('/by-hash/'))).toEqual([
      expect.stringContaining('/by-hash/SHA512/'),
    ]);
  }, 60_000);

  test.each(SHAPES)(
    '$what',
    async ({ shape, rest }) => {
      await using _place = await expectServed(way, shape, rest);
    },
    60_000,
  );

  test('patches: a list that one client brought up to date costs the mirror no patch for the next', async () => {
    await using place = await Place.open(1, way);
    const { clients, fresh, patchPath } = await changedSid(place);
    for (const client of clients) expect((await client.update()).output).not.toMatch(/^[EW]:/m);
    const diffs = place.asked.filter((path) => path.includes('.diff/'));
    expect(diffs).toEqual([expect.stringContaining('.diff/by-hash/SHA256/'), patchPath]);
    for (const client of clients) await expectPackage(client, 'hello', fresh);
    expect(place.asked.filter((path) => path === `/${fresh.path}`)).toHaveLength(1);
  }, 60_000);

  test('patches: where the mirror lacks one, apt takes the whole list', async () => {
    await using place = await Place.open(1, way);
    const { clients, fresh, patchPath } = await changedSid(place);
    place.mirror.fault(/T-2024.*\.gz$/, { status: 404 });
    place.forget();
    for (const client of clients) expect((await client.update()).output).not.toMatch(/^[EW]:/m);
    expect(place.asked).toContain(patchPath);
    expect(place.asked.filter((path) => /binary-amd64\/by-hash/.test(path))).toHaveLength(1);
    for (const client of clients) await expectPackage(client, 'hello', fresh);
  }, 60_000);

  test('two mirrors of one archive, by codename here and by suite there, are fetched from as one', async () => {
    await using place = await Place.open(2, way);
    const { maker } = place;
    const hello = maker.pool('pool/main/h/hello/hello_1.0-1_amd64.deb');
    const date = new Date(Math.floor(Date.now() / 1000) * 1000 - 3600_000);
    for (const suite of ['orchard', 'stable'])
      await maker.publish({
        ...{ directory: `dists/${suite}`, fields: SMALL, date },
        indexes: { 'main/binary-amd64/Packages': debianStanza(hello) },
      });
    await expectPackage(await place.client(['deb'], 'orchard main'), 'hello', hello);
    await eventually('the table', async () => (await place.daemon.status()).releases.length === 1);
    place.forget();
    const [, other] = place.mirrors as [MirrorServer, MirrorServer];
    const client = await place.client(['deb'], 'stable main', { url: other.url });
    await expectPackage(client, 'hello', hello);
    expect(place.asked).toEqual([]);
    expect((await place.daemon.status()).releases.map(({ name }) => name.replace(/:\d+/, '')).sort()).toEqual(
      ['127.0.0.1/dists/orchard', '127.0.0.1/dists/stable'],
    );
  }, 60_000);
});

/**
 * Archives that change while apt reads them, mirrors that are half updated, behind or back at an older state: apt
 * through a daemon never gets a mix that the mirror alone wouldn't have given it, and is right again as soon as the
 * mirror is. What apt says nothing of stands in the status.
 */
import { expect, test } from 'bun:test';
import { cpSync, rmSync } from 'node:fs';
import { debianStanza, type PoolFile, type Publication } from '../fixtures/archive-maker.ts';
import { eventually } from '../fixtures/eventually.ts';
import { MirrorServer } from '../fixtures/mirror-server.ts';
import { expectPackage, Place } from '../fixtures/place.ts';
import { errorOf } from '../fixtures/world.ts';

const FIELDS = {
  ...{ Origin: 'Example', Label: 'Example', Suite: 'stable', Codename: 'orchard' },
  ...{ Architectures: 'amd64', Components: 'main' },
};
const DIST = 'dists/orchard';
const STEM = 'main/binary-amd64/Packages';
const MINUTE_MS = 60_000;

/** The archive's states, one after another. */
class States {
  readonly #place: Place;
  readonly #shape: Partial<Publication>;
  #dateMs = Math.floor(Date.now() / 1000) * 1000 - 600 * MINUTE_MS;
  #state = 0;

  constructor(place: Place, shape: Partial<Publication> = {}) {
    this.#place = place;
    this.#shape = shape;
  }

  /** A new state, an hour later: another version of hello, and the file that its Packages names. */
  async next(): Promise<PoolFile> {
    this.#state += 1;
    this.#dateMs += 60 * MINUTE_MS;
    const { maker } = this.#place;
    const hello = maker.pool(`pool/main/h/hello/hello_${this.#state}.0-1_amd64.deb`, 3000 + this.#state);
    const same = maker.pool('pool/main/s/same/same_1.0-1_amd64.deb');
    await maker.publish({
      ...{ directory: DIST, fields: FIELDS, date: new Date(this.#dateMs) },
      indexes: { [STEM]: `${debianStanza(hello)}\n${debianStanza(same)}` },
      ...this.#shape,
    });
    return hello;
  }
}

const PLAIN = { byHash: false };
const SHAPES = [
  { names: 'by hash', shape: {} },
  { names: 'by plain names', shape: PLAIN },
];

test('an archive with by-hash that changes between InRelease and Packages: apt gets the state that it began with', async () => {
  await using place = await Place.open();
  const states = new States(place);
  const before = await states.next();
  let after: PoolFile | undefined;
  place.mirror.beforeAnswer = async (path) => {
    if (path.includes('/by-hash/')) after ??= await states.next();
  };
  const client = await place.client(['deb'], 'orchard main');
  expect(after).toBeDefined();
  await expectPackage(client, 'hello', before);
  expect(await client.update()).toMatchObject({ code: 0 });
  await expectPackage(client, 'hello', after as PoolFile);
}, 60_000);

test('one without: apt fails as it does at the mirror itself, and the next update is right', async () => {
  await using place = await Place.open();
  const states = new States(place, PLAIN);
  await states.next();
  const [direct, proxied] = [
    await place.client(['deb'], 'orchard main', { proxy: 'DIRECT' }),
    await place.client(['deb'], 'orchard main'),
  ];
  for (const client of [direct, proxied]) {
    await states.next();
    let changed: Promise<PoolFile> | undefined;
    place.mirror.beforeAnswer = async (path) => {
      if (!path.includes('/Packages')) return;
      changed ??= states.next();
      await changed;
    };
    const ran = await client.update();
    place.mirror.beforeAnswer = undefined;
    expect(ran.code).toBe(100);
    const hello = (await changed) as PoolFile;
    expect(await client.update()).toMatchObject({ code: 0 });
    await expectPackage(client, 'hello', hello);
  }
}, 60_000);

test.each(SHAPES)(
  'a mirror that has the new Release and the old index, $names: no mix, and right when it is whole',
  async ({ shape }) => {
    await using place = await Place.open();
    const states = new States(place, shape);
    const old = await states.next();
    const clients = [
      await place.client(['deb'], 'orchard main', { proxy: 'DIRECT' }),
      await place.client(['deb'], 'orchard main'),
    ];
    const { root } = place.maker;
    const kept = `${root}-old`;
    cpSync(`${root}/${DIST}/main`, kept, { recursive: true, preserveTimestamps: true });
    const fresh = await states.next();
    const whole = `${root}-new`;
    cpSync(`${root}/${DIST}/main`, whole, { recursive: true, preserveTimestamps: true });
    const put = (from: string) => {
      rmSync(`${root}/${DIST}/main`, { recursive: true });
      cpSync(from, `${root}/${DIST}/main`, { recursive: true, preserveTimestamps: true });
    };
    put(kept);
    place.mirror.clearLog();
    for (const client of clients) {
      const ran = await client.update();
      expect(ran.code).toBe(100);
      // No try that is in vain: by the proxy apt gives up where it would by itself, or looks for another form.
      expect(ran.output).toMatch(/Hash Sum mismatch| {2}404 {2}/);
      expect(place.mirror.log.filter(({ path }) => path.endsWith('.xz')).length).toBeLessThanOrEqual(2);
      // apt keeps its old lists, and what they name is still there.
      await expectPackage(client, 'hello', old);
    }
    put(whole);
    for (const client of clients) {
      expect(await client.update()).toMatchObject({ code: 0 });
      await expectPackage(client, 'hello', fresh);
    }
  },
  90_000,
);

test.each(SHAPES)(
  'a mirror that falls back to an older state, $names: whoever has the newer keeps it, whoever comes new gets the old one whole',
  async ({ shape }) => {
    await using place = await Place.open();
    const states = new States(place, shape);
    const old = await states.next();
    const { root } = place.maker;
    cpSync(root, `${root}-old`, { recursive: true, preserveTimestamps: true });
    await place.client(['deb'], 'orchard main');
    const fresh = await states.next();
    const client = await place.client(['deb'], 'orchard main');
    await expectPackage(client, 'hello', fresh);

    rmSync(root, { recursive: true });
    cpSync(`${root}-old`, root, { recursive: true, preserveTimestamps: true });
    expect(await client.update()).toMatchObject({ code: 0 });
    await expectPackage(client, 'hello', fresh);
    const newcomer = await place.client(['deb'], 'orchard main');
    await expectPackage(newcomer, 'hello', old);
    await expectPackage(newcomer, 'same', place.maker.pool('pool/main/s/same/same_1.0-1_amd64.deb'));

    const { releases, troubles } = await place.daemon.status();
    expect(releases[0]?.rolledBack).toBe(2);
    expect(troubles).toEqual({ stale: 0, rolledBack: 2, refused: 0 });
    expect(place.daemon.log).toContain('it is older');
  },
  60_000,
);

test.each(SHAPES)(
  'two mirrors at different states, $names: each client gets the state of its own',
  async ({ shape }) => {
    await using place = await Place.open(1);
    const states = new States(place, shape);
    const old = await states.next();
    const { root } = place.maker;
    cpSync(root, `${root}-behind`, { recursive: true, preserveTimestamps: true });
    await using behind = await MirrorServer.start(`${root}-behind`);
    const fresh = await states.next();
    await using daemon = await place.anotherDaemon([behind]);
    const proxy = daemon.proxyUrl;
    const [ahead, late] = [
      await place.client(['deb'], 'orchard main', { proxy }),
      await place.client(['deb'], 'orchard main', { proxy, url: behind.url }),
    ];
    for (let i = 0; i < 2; i += 1) {
      await expectPackage(ahead, 'hello', fresh);
      await expectPackage(late, 'hello', old);
      for (const client of [late, ahead]) expect(await client.update()).toMatchObject({ code: 0 });
    }
  },
  60_000,
);

test('a mirror that is gone: the copy is served while it is valid, and no longer', async () => {
  await using place = await Place.open();
  const states = new States(place, {
    date: new Date(Date.now() - MINUTE_MS),
    validForHours: 1 / 60 + 8 / 3600,
  });
  const hello = await states.next();
  const client = await place.client(['deb'], 'orchard main');
  await expectPackage(client, 'hello', hello);
  await place.mirror.switchOff();
  expect(await client.update()).toMatchObject({ code: 0 });
  expect(await place.daemon.status()).toMatchObject({ releases: [{ stale: true }], troubles: { stale: 1 } });
  expect(place.daemon.log).toContain('is served from our copy');
  await eventually(
    'it is no longer valid',
    async () => ((await place.daemon.status()).releases[0]?.validSeconds ?? 0) < 0,
  );
  expect((await client.update()).code).toBe(100);
  // What apt has in its lists is still to be had.
  await expectPackage(client, 'hello', hello);
}, 60_000);

test('an InRelease that the mirror has not renewed (freeze): apt refuses it as it does at the mirror, status says how old it is', async () => {
  await using place = await Place.open();
  const states = new States(place, { date: new Date(Date.now() - 120 * MINUTE_MS), validForHours: 1 });
  await states.next();
  expect((await errorOf(place.client(['deb'], 'orchard main'))).message).toMatch(/expired/);
  const [release] = (await place.daemon.status()).releases;
  expect(release?.ageSeconds).toBeGreaterThanOrEqual(7200);
  expect(release?.validSeconds).toBeLessThan(0);
}, 60_000);

test('a mirror without the by-hash files that its Release promises: plain names serve, as they do without us', async () => {
  await using place = await Place.open();
  const states = new States(place);
  const hello = await states.next();
  place.maker.remove(`${DIST}/main/binary-amd64/by-hash`);
  await expectPackage(await place.client(['deb'], 'orchard main'), 'hello', hello);
  const asked = place.mirror.log.map(({ path, status }) => `${status} ${path.split('/').pop()?.slice(0, 8)}`);
  expect(asked).toEqual(['200 InReleas', expect.stringMatching(/^404 /), '200 Packages', '200 hello_1.']);
}, 60_000);

/** The real apt-get by way of our method: the built binary under the name that apt calls it by. */
import { describe, expect, test } from 'bun:test';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { AptClient, type AptClientOptions } from '../fixtures/apt-client.ts';
import { AptMethods } from '../fixtures/apt-methods.ts';
import { ALL, bytesOf, expectRight, QUICK, SINGLE_PIECE } from '../fixtures/archive.ts';
import type { Daemon } from '../fixtures/daemon.ts';
import { eventually } from '../fixtures/eventually.ts';
import { MirrorServer } from '../fixtures/mirror-server.ts';
import { connected, expectPoolUntouched, inSwarm, Scene } from '../fixtures/scene.ts';
import { SignedRepository } from '../fixtures/signed-repository.ts';
import { TlsFront } from '../fixtures/tls-front.ts';

/** An apt-get that asks `daemon` by our method, after its `update`. */
async function client(
  scene: Scene,
  daemon: Daemon,
  further: readonly string[] = [],
  options: Partial<AptClientOptions> = {},
): Promise<AptClient> {
  const methods = scene.use(new AptMethods());
  const url = `debtorrent+${scene.mirror.url}`;
  return await scene.apt(daemon, {
    url,
    proxy: 'DIRECT',
    ...methods.options(daemon.proxyUrl, further),
    ...options,
  });
}

test('update and install: everything by the daemon, each file once; warm: the mirror hears of no file', async () => {
  await using scene = await Scene.open();
  const daemon = await scene.daemon();
  const cold = await client(scene, daemon);
  const got = await cold.install(ALL);
  expectRight(scene.archive, got, ALL);
  expect(scene.mirror.poolRequests.map(({ path }) => path).sort()).toEqual(
    ALL.map((name) => `/${scene.archive.file(name).path}`).sort(),
  );
  expect(got.output).not.toMatch(/^(?:Ign|Err|W:|E:)/m);
  expect((await daemon.status()).bytes.fromMirror).toBeGreaterThanOrEqual(bytesOf(scene.archive, ALL));

  scene.mirror.clearLog();
  const warm = await client(scene, daemon);
  expectRight(scene.archive, await warm.install(ALL), ALL);
  expectPoolUntouched(scene, daemon);
});

/** Twenty packages behind a line that takes two seconds for them: time to be in the middle. */
let twenty: Promise<SignedRepository> | undefined;
const TWENTY = Array.from({ length: 20 }, (_, i) => `part-${String.fromCharCode(97 + i)}`);
function twentyPackages(): Promise<SignedRepository> {
  const sizes = [2_000, 90_000, 300_000, 1_200_000];
  const packages = TWENTY.map((name, i) => ({ name, payloadBytes: sizes[i % sizes.length] as number }));
  twenty ??= SignedRepository.build({ packages });
  return twenty;
}

describe('in the middle of an install of twenty packages the daemon', () => {
  const inTheMiddle = async (what: (daemon: Daemon) => Promise<void> | void) => {
    await using scene = await Scene.open(await twentyPackages());
    const daemon = await scene.daemon();
    const apt = await client(scene, daemon);
    scene.mirror.totalBytesPerSecond = 4_000_000;
    const installing = apt.install(TWENTY);
    await eventually('some have come', () => scene.mirror.poolBytes > 2_000_000);
    await what(daemon);
    scene.mirror.totalBytesPerSecond = Number.POSITIVE_INFINITY;
    const got = await installing;
    expectRight(scene.archive, got, TWENTY);
    expect(got.output).not.toMatch(/^(?:Err|W:|E:)/m);
    daemon.resume();
  };

  test('is killed', async () => await inTheMiddle((daemon) => daemon.kill9()));

  test('hangs', async () => await inTheMiddle((daemon) => daemon.freeze()));

  test('is killed and comes back', async () =>
    await inTheMiddle(async (daemon) => {
      await daemon.kill9();
      await daemon.start();
    }));
});

test('without a daemon: update and install are as without us', async () => {
  await using scene = await Scene.open();
  const daemon = await scene.daemon();
  await daemon.kill9();
  const apt = await client(scene, daemon);
  expectRight(scene.archive, await apt.install(QUICK), QUICK);
  expect(scene.mirror.poolRequests).toHaveLength(QUICK.length);
});

test('a daemon that hangs from the start: update and install are as without us, some seconds later', async () => {
  await using scene = await Scene.open();
  const daemon = await scene.daemon();
  daemon.freeze();
  try {
    const apt = await client(scene, daemon);
    expectRight(scene.archive, await apt.install(QUICK), QUICK);
  } finally {
    daemon.resume();
  }
});

test('Acquire::debtorrent::Proxy "DIRECT": the daemon hears nothing', async () => {
  await using scene = await Scene.open();
  const daemon = await scene.daemon();
  const apt = await client(scene, daemon, ['Acquire::debtorrent::Proxy=DIRECT']);
  expectRight(scene.archive, await apt.install(SINGLE_PIECE), SINGLE_PIECE);
  expect((await daemon.status()).bytes.fromMirror).toBe(0);
});

test('a daemon that knows no index: what apt knows is enough to keep the files, which are shared with nobody', async () => {
  await using scene = await Scene.open();
  const knowing = await scene.daemon();
  const fresh = await scene.daemon();
  const further = [`Acquire::debtorrent::Proxy=${fresh.proxyUrl}`];
  const methods = scene.use(new AptMethods());
  const url = `debtorrent+${scene.mirror.url}`;
  // Its lists come by one daemon, its packages by the other.
  using apt = new AptClient({ repository: scene.archive, url, ...methods.options(knowing.proxyUrl) });
  expect(await apt.update()).toMatchObject({ code: 0 });
  apt.change(methods.options(knowing.proxyUrl, further));
  expectRight(scene.archive, await apt.install(QUICK), QUICK);
  const { store, swarms, bytes } = await fresh.status();
  expect(store.files).toBe(QUICK.length);
  expect(bytes.fromMirror).toBe(bytesOf(scene.archive, QUICK));
  expect(swarms).toEqual([]);

  scene.mirror.clearLog();
  const url2 = `${fresh.urlFor(scene.mirror)}/${scene.archive.file('medium').path}`;
  const { sha256, sizeBytes } = scene.archive.file('medium');
  const again = await fetch(url2, {
    headers: { 'X-DebTorrent-Expected': `sha256=${sha256}; size=${sizeBytes}` },
    proxy: false,
  } as RequestInit);
  expect(again.headers.get('x-debtorrent-source')).toBe('store');
  expect((await again.bytes()).length).toBe(sizeBytes);
  expectPoolUntouched(scene, fresh);
});

test('what a client expects and no Release says is never offered to a peer', async () => {
  await using scene = await Scene.open();
  const fresh = await scene.daemon();
  const { path, sha256, sizeBytes } = scene.archive.file('medium');
  const answer = await fetch(`${fresh.urlFor(scene.mirror)}/${path}`, {
    headers: { 'X-DebTorrent-Expected': `sha256=${sha256}; size=${sizeBytes}` },
    proxy: false,
  } as RequestInit);
  expect((await answer.bytes()).length).toBe(sizeBytes);
  expect((await fresh.status()).store.files).toBe(1);
  // A neighbour of the same archive is connected with it and doesn't get it.
  const neighbour = await scene.daemon({ peers: [fresh.peerAddress] });
  await scene.apt(neighbour);
  await inSwarm(scene, neighbour);
  scene.mirror.clearLog();
  const second = await client(scene, neighbour);
  expectRight(scene.archive, await second.install(['medium']), ['medium']);
  expect(scene.mirror.poolRequests.length).toBeGreaterThan(0);
  expect((await fresh.status()).bytes.uploaded).toBe(0);
});

test('a mirror with wrong bytes: apt says what it says without us; once only wrong, apt gets it right', async () => {
  await using scene = await Scene.open();
  const daemon = await scene.daemon();
  const apt = await client(scene, daemon);
  scene.mirror.fault(/small-a|medium/, { corruptFrom: 1000, times: 2 });
  expectRight(scene.archive, await apt.install(['small-a', 'medium']), ['small-a', 'medium']);

  scene.mirror.fault(/small-b/, { corruptFrom: 1000 });
  const got = await apt.install(['small-b']);
  expect(got.code).toBe(100);
  expect(got.output).toContain('Hash Sum mismatch');
  expect((await daemon.status()).banned).toEqual([]);
});

test('a package that the mirror has not got: 404, said once and at once', async () => {
  await using scene = await Scene.open();
  const daemon = await scene.daemon();
  const apt = await client(scene, daemon);
  scene.mirror.fault(/small-a/, { status: 404 });
  const got = await apt.install(['small-a', 'tiny']);
  expect(got.code).toBe(100);
  expect(got.output).toMatch(/^Err:\d+ .*small-a.*\n\s+404\s+Not Found/m);
  expect(got.sha256.get('tiny')).toBe(scene.archive.file('tiny').sha256);
});

test('interrupted, apt says nothing of us, and the next run goes on where it was', async () => {
  await using scene = await Scene.open();
  const daemon = await scene.daemon();
  const apt = await client(scene, daemon);
  scene.mirror.fault(/large/, { bytesPerSecond: 4_000_000, times: 1 });
  apt.change({ prefix: ['timeout', '--foreground', '--signal=INT', '3'] });
  const broken = await apt.install(['large']);
  expect(broken.code).not.toBe(0);
  expect(broken.output).not.toMatch(/debtorrent.*died|\bat .*:\d+:\d+|Error:/);
  const [left = ''] = readdirSync(apt.partialDir).filter((name) => name.startsWith('large'));
  const partial = statSync(join(apt.partialDir, left));
  expect(partial.size).toBeGreaterThan(1_000_000);
  expect(Date.now() - partial.mtimeMs).toBeGreaterThan(60_000);

  scene.mirror.clearFaults();
  apt.change({ prefix: [] });
  const resumed = await apt.install(['large']);
  expectRight(scene.archive, resumed, ['large']);
  const [, megabytes] = /^Fetched ([\d.]+) MB/m.exec(resumed.output) ?? [];
  expect(Number(megabytes)).toBeLessThan(30 - partial.size / 1e6 + 1);
});

test('two hosts: a method for each, both by the one daemon', async () => {
  using other = await SignedRepository.build({
    origin: 'Other',
    codename: 'plum',
    packages: [{ name: 'elsewhere', payloadBytes: 400_000 }],
  });
  await using second = await MirrorServer.start(other.root, '127.0.0.2');
  await using scene = await Scene.open();
  const daemon = await scene.daemon({ args: ['--allow-upstream', second.hostPort] });
  const apt = await client(scene, daemon, [], {
    sources: [scene, { archive: other, mirror: second }]
      .map(
        ({ archive: { keyring, suite }, mirror }) =>
          `deb [signed-by=${keyring}] debtorrent+${mirror.url} ${suite} main\n`,
      )
      .join(''),
  });
  const got = await apt.install(['elsewhere', ...QUICK]);
  expectRight(scene.archive, got, QUICK);
  expectRight(other, got, ['elsewhere']);
  expect((await daemon.status()).store.files).toBeGreaterThan(QUICK.length);
});

test('an https archive is cached, verified and shared like any other', async () => {
  await using scene = await Scene.open();
  const front = scene.use(await TlsFront.open(scene.mirror));
  const options = {
    env: { NODE_EXTRA_CA_CERTS: front.caFile },
    args: ['--allow-upstream', front.hostPort],
  };
  const url = `debtorrent+https://${front.hostPort}`;
  const first = await scene.daemon(options);
  const cold = await client(scene, first, [], { url });
  expectRight(scene.archive, await cold.install(QUICK), QUICK);

  scene.mirror.clearLog();
  const second = await scene.daemon({ ...options, peers: [first.peerAddress] });
  const other = await client(scene, second, ['Debug::pkgAcquire::Worker=1'], { url });
  await inSwarm(scene, second);
  await connected(second);
  const got = await other.install(QUICK);
  expectRight(scene.archive, got, QUICK);
  expect((await second.status()).bytes.fromPeers).toBeGreaterThan(0);
  // Who gave a file is said to whoever asks apt for what its methods say.
  expect(got.output).toMatch(/small-a\S* came from peers=[1-9]\d*; mirror=0$/m);
});

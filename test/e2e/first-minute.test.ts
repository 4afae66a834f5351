/** What a node knows that no `apt-get update` has gone through: apt's own lists. */
import { expect, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AptClient } from '../fixtures/apt-client.ts';
import { bytesOf, expectRight, QUICK } from '../fixtures/archive.ts';
import { DEBTORRENT } from '../fixtures/daemon.ts';
import { eventually } from '../fixtures/eventually.ts';
import { freePort } from '../fixtures/free-port.ts';
import { run } from '../fixtures/run.ts';
import { connected, inSwarm, Scene } from '../fixtures/scene.ts';
import { SignedRepository } from '../fixtures/signed-repository.ts';
import { tempDir } from '../fixtures/temp-dir.ts';

/** An apt-get that has updated at the mirror itself. */
async function updatedDirectly(scene: Scene, options: readonly string[] = []): Promise<AptClient> {
  const client = scene.use(new AptClient({ repository: scene.archive, url: scene.mirror.url, options }));
  const ran = await client.update();
  if (ran.code !== 0) throw new Error(`apt-get update ended with ${ran.code}:\n${ran.output}`);
  return client;
}

test.each([
  ['as they come', []],
  ['kept compressed', ['Acquire::GzipIndexes=true']],
])('a package is had from a peer, known from apt’s lists (%s); no mirror is needed', async (_, options) => {
  await using scene = await Scene.open();
  const first = await scene.seeder(QUICK);
  const client = await updatedDirectly(scene, options);
  const daemon = await scene.daemon({ peers: [first.peerAddress], aptLists: client.lists });
  await inSwarm(scene, daemon);
  await eventually('the peer is in that swarm, too', async () =>
    (await daemon.status()).swarms.some(({ name, peers }) => name.endsWith('amd64') && peers > 0),
  );
  await scene.mirror.switchOff();
  client.goThrough(daemon.proxyUrl);
  expectRight(scene.archive, await client.install(QUICK), QUICK);
  expect((await daemon.status()).bytes.fromPeers).toBeGreaterThanOrEqual(bytesOf(scene.archive, QUICK));
});

test('the first request of all waits for the lists, and is checked and kept', async () => {
  await using scene = await Scene.open();
  const client = await updatedDirectly(scene);
  const daemon = await scene.daemon({ aptLists: client.lists });
  client.goThrough(daemon.proxyUrl);
  expectRight(scene.archive, await client.download(['tiny']), ['tiny']);
  expect((await daemon.status()).store.files).toBe(1);
});

test('an update that goes past a running node is noticed', async () => {
  using archive = await SignedRepository.build({ packages: [{ name: 'tiny', payloadBytes: 300 }] });
  await using scene = await Scene.open(archive);
  const client = await updatedDirectly(scene);
  const daemon = await scene.daemon({ aptLists: client.lists });
  await inSwarm(scene, daemon);
  await archive.update([{ name: 'tiny', version: '1.0-2', payloadBytes: 400 }]);
  expect((await client.update()).code).toBe(0);
  await eventually(
    'the second Release is in force',
    async () => daemon.log.split('/InRelease in force').length > 2,
  );
  client.goThrough(daemon.proxyUrl);
  expectRight(archive, await client.download(['tiny']), ['tiny']);
  expect((await daemon.status()).store.files).toBe(1);
});

/** `debtorrent cache import` of the client's archives. */
async function importOf(client: AptClient, args: readonly string[]) {
  const ran = await run([...DEBTORRENT, 'cache', 'import', client.archives, '--json', ...args]);
  if (ran.code !== 0) throw new Error(`cache import ended with ${ran.code}:\n${ran.output}`);
  return JSON.parse(ran.stdout);
}

test('what apt fetched before is imported by a running node, and given to others', async () => {
  await using scene = await Scene.open();
  const client = await updatedDirectly(scene);
  expectRight(scene.archive, await client.install(QUICK), QUICK);
  const first = await scene.daemon({ aptLists: client.lists });
  expect(await importOf(client, ['--url', first.proxyUrl])).toMatchObject({
    files: QUICK.length,
    added: QUICK.length,
    linked: QUICK.length,
    unknown: 0,
    refused: [],
  });
  expect((await first.status()).store.files).toBe(QUICK.length);

  const second = await scene.daemon({ peers: [first.peerAddress] });
  const other = await scene.apt(second);
  await connected(second);
  await scene.mirror.switchOff();
  expectRight(scene.archive, await other.download(QUICK), QUICK);
});

test('with --import a node takes them in at its start, by hard link', async () => {
  await using scene = await Scene.open();
  const client = await updatedDirectly(scene);
  expectRight(scene.archive, await client.install(['tiny', 'small-a']), ['tiny', 'small-a']);
  const daemon = await scene.daemon({ aptLists: client.lists, args: ['--import', client.archives] });
  await eventually('both are in the store', async () => (await daemon.status()).store.files === 2);
  await eventually('it says so', async () => daemon.log.includes('took in 2 of the 2 packages'));
});

test('where no node runs, the import is done by the command itself, once', async () => {
  await using scene = await Scene.open();
  using directory = tempDir('import');
  const client = await updatedDirectly(scene);
  expectRight(scene.archive, await client.install(['tiny', 'small-a']), ['tiny', 'small-a']);
  const args = [
    ...['--url', `http://127.0.0.1:${await freePort()}`, '--apt-lists', client.lists],
    ...['--cache-dir', `${directory.path}/cache`, '--state-dir', `${directory.path}/state`],
  ];
  expect(await importOf(client, args)).toMatchObject({ files: 2, added: 2, linked: 2, present: 0 });
  expect(await importOf(client, args)).toMatchObject({ files: 2, added: 0, linked: 0, present: 2 });
});

test('nobody but a program of this machine can ask a node to import', async () => {
  await using scene = await Scene.open();
  const daemon = await scene.daemon();
  const post = (headers: Record<string, string>) =>
    fetch(`${daemon.proxyUrl}/api/import`, {
      method: 'POST',
      body: JSON.stringify({ directory: '/tmp' }),
      headers,
      proxy: false,
    } as RequestInit);
  expect((await post({})).status).toBe(403);
  expect((await post({ 'X-DebTorrent': '1', Host: 'evil.example.org' })).status).not.toBe(202);
  expect((await post({ 'X-DebTorrent': '1' })).status).toBe(202);
});

test('peers are asked who has an upgrade of what is installed before apt asks for it', async () => {
  using archive = await SignedRepository.build({
    packages: [
      { name: 'tiny', version: '1.0-2', payloadBytes: 300 },
      { name: 'held', version: '1.0-2', payloadBytes: 300 },
      { name: 'strange', payloadBytes: 300 },
    ],
  });
  await using scene = await Scene.open(archive);
  using directory = tempDir('dpkg');
  const status = join(directory.path, 'status');
  const stanza = (name: string, state: string) =>
    `Package: ${name}\nStatus: ${state} ok installed\nArchitecture: amd64\nVersion: 1.0-1\n`;
  writeFileSync(
    status,
    [stanza('dpkg', 'install'), stanza('tiny', 'install'), stanza('held', 'hold')].join('\n'),
  );
  const first = await scene.seeder(['tiny']);
  const client = await updatedDirectly(scene);
  const daemon = await scene.daemon({
    peers: [first.peerAddress],
    aptLists: client.lists,
    dpkgStatus: status,
  });
  await eventually('it asks ahead', async () => daemon.log.includes('1 files are asked for ahead'));
  // Nothing is fetched for that.
  expect((await daemon.status()).store.files).toBe(0);
  expect((await first.status()).bytes.uploaded).toBe(0);
  await eventually('the peer is in the swarm, too', async () =>
    (await daemon.status()).swarms.some(({ name, peers }) => name.endsWith('amd64') && peers > 0),
  );
  await scene.mirror.switchOff();
  client.goThrough(daemon.proxyUrl);
  expectRight(archive, await client.download(['tiny']), ['tiny']);
});

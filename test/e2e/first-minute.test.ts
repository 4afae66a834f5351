/** What a node knows that no `apt-get update` has gone through: apt's own lists. */
import { expect, test } from 'bun:test';
import { AptClient } from '../fixtures/apt-client.ts';
import { bytesOf, expectRight, QUICK } from '../fixtures/archive.ts';
import { eventually } from '../fixtures/eventually.ts';
import { connected, expectPoolUntouched, inSwarm, Scene } from '../fixtures/scene.ts';
import { SignedRepository } from '../fixtures/signed-repository.ts';

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
])(
  'a package is had from a peer, known from apt’s lists (%s); the mirror is asked for nothing',
  async (_, options) => {
    await using scene = await Scene.open();
    const first = await scene.seeder(QUICK);
    const client = await updatedDirectly(scene, options);
    const daemon = await scene.daemon({ peers: [first.peerAddress], aptLists: client.lists });
    await connected(daemon);
    await inSwarm(scene, daemon);
    scene.mirror.clearLog();
    client.goThrough(daemon.proxyUrl);
    expectRight(scene.archive, await client.install(QUICK), QUICK);
    expectPoolUntouched(scene, daemon);
    expect(scene.mirror.log).toEqual([]);
    expect((await daemon.status()).bytes.fromPeers).toBeGreaterThanOrEqual(bytesOf(scene.archive, QUICK));
  },
);

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

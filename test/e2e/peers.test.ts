/** Two nodes: what the first has, the second gets from it, and the mirror hears nothing. */
import { describe, expect, test } from 'bun:test';
import { ALL, bytesOf, expectRight, QUICK } from '../fixtures/archive.ts';
import { freePort } from '../fixtures/free-port.ts';
import { connected, expectPoolGaveNothing, inSwarm, leavePoolUnanswered, Scene } from '../fixtures/scene.ts';
import { TrackerProcess } from '../fixtures/tracker.ts';

/** The second node's apt-get gets `names` though the pool of the mirror is left alone. */
async function expectAllFromPeers(
  scene: Scene,
  second: Awaited<ReturnType<Scene['daemon']>>,
  names: string[],
) {
  const client = await scene.apt(second);
  await connected(second);
  leavePoolUnanswered(scene);
  expectRight(scene.archive, await client.download(names), names);
  expectPoolGaveNothing(scene, second);
  expect((await second.status()).bytes.fromPeers).toBeGreaterThanOrEqual(bytesOf(scene.archive, names));
}

test('a second node, given the first by --peer, has every file from it', async () => {
  await using scene = await Scene.open();
  const first = await scene.seeder(ALL);
  const second = await scene.daemon({ peers: [first.peerAddress] });
  await expectAllFromPeers(scene, second, ALL);
  expect((await first.status()).bytes.uploaded).toBeGreaterThanOrEqual(bytesOf(scene.archive, ALL));
});

describe('nodes that meet through a tracker', () => {
  test('`debtorrent tracker`', async () => {
    await using scene = await Scene.open();
    const tracker = scene.use(await TrackerProcess.start());
    await scene.seeder(QUICK, { trackers: [tracker.announceUrl] });
    const second = await scene.daemon({ trackers: [tracker.announceUrl] });
    await expectAllFromPeers(scene, second, QUICK);
  });

  test('`serve --with-tracker`', async () => {
    await using scene = await Scene.open();
    const at = `127.0.0.1:${await freePort()}`;
    await scene.seeder(QUICK, { args: ['--with-tracker', at] });
    const second = await scene.daemon({ trackers: [`http://${at}/announce`] });
    await expectAllFromPeers(scene, second, QUICK);
  });
});

test('with the mirror switched off, what a peer has still installs', async () => {
  await using scene = await Scene.open();
  const first = await scene.seeder(QUICK);
  const second = await scene.daemon({ peers: [first.peerAddress] });
  const client = await scene.apt(second);
  await connected(second);
  await scene.mirror.switchOff();
  expectRight(scene.archive, await client.install(QUICK), QUICK);
});

test('after restarts of both nodes they find and serve each other again', async () => {
  await using scene = await Scene.open();
  const first = await scene.seeder(QUICK);
  const second = await scene.daemon({ peers: [first.peerAddress] });
  const client = await scene.apt(second);
  await inSwarm(scene, second);
  await first.restart();
  await second.restart();
  await connected(second);
  leavePoolUnanswered(scene);
  expectRight(scene.archive, await client.download(QUICK), QUICK);
  expectPoolGaveNothing(scene, second);
});

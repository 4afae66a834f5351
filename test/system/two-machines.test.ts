/** Two machines with addresses of their own (network namespaces on a bridge), a daemon and a real apt-get on each. */
import { expect, test } from 'bun:test';
import { bytesOf, expectRight, QUICK, testArchive } from '../fixtures/archive.ts';
import { MirrorServer } from '../fixtures/mirror-server.ts';
import { Network } from '../fixtures/network.ts';
import { connected, expectPoolGaveNothing, leavePoolUnanswered, Scene } from '../fixtures/scene.ts';

test("the second machine's apt-get has all files of the pool from the first", async () => {
  await using network = await Network.open();
  const [left, right] = [await network.machine(), await network.machine()];
  const archive = await testArchive();
  await using scene = Scene.around(archive, await MirrorServer.start(archive.root, network.address));

  const first = await scene.daemon({ machine: left });
  const firstApt = await scene.apt(first, { prefix: left.prefix });
  expectRight(archive, await firstApt.download(QUICK), QUICK);
  expect(scene.mirror.poolRequests).toHaveLength(QUICK.length);

  const second = await scene.daemon({ machine: right, peers: [first.peerAddress] });
  const secondApt = await scene.apt(second, { prefix: right.prefix });
  await connected(second);
  leavePoolUnanswered(scene);
  expectRight(archive, await secondApt.install(QUICK), QUICK);

  expectPoolGaveNothing(scene, second);
  const { bytes, peers } = await second.status();
  expect(bytes.fromPeers).toBeGreaterThanOrEqual(bytesOf(archive, QUICK));
  expect(peers.map(({ address }) => address.replace(/:\d+$/, ''))).toEqual([left.address]);
});

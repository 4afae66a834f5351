/** Two nodes that know only a tracker which nobody here wrote, Debian's opentracker, over HTTP and over UDP. */
import { expect, test } from 'bun:test';
import { TrackerExchange } from '../../src/discovery/tracker-exchange.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { swarmInfoHash } from '../../src/torrent/archive-identity.ts';
import { bytesOf, expectRight, QUICK, testArchive } from '../fixtures/archive.ts';
import { eventually } from '../fixtures/eventually.ts';
import { MirrorServer } from '../fixtures/mirror-server.ts';
import { Network } from '../fixtures/network.ts';
import { Opentracker } from '../fixtures/opentracker.ts';
import { connected, expectPoolGaveNothing, leavePoolUnanswered, Scene } from '../fixtures/scene.ts';

const PORT = 6969;

test.each(['http', 'udp'])('two nodes meet at opentracker over %s, and share', async (scheme) => {
  await using network = await Network.open();
  const [left, right] = [await network.machine(), await network.machine()];
  const archive = await testArchive();
  await using scene = Scene.around(archive, await MirrorServer.start(archive.root, network.address));
  const { origin, codename } = archive;
  const infoHashes = ['amd64', 'all'].map((architecture) =>
    swarmInfoHash({ origin, codename, architecture }),
  );
  const listen = `${network.address}:${PORT}`;
  scene.use(await Opentracker.start({ listen, infoHashes }));
  const trackers = [`${scheme}://${listen}/announce`];

  const first = await scene.daemon({ machine: left, trackers });
  const firstApt = await scene.apt(first, { prefix: left.prefix });
  expectRight(archive, await firstApt.download(QUICK), QUICK);
  using exchange = new TrackerExchange(systemClock);
  const counted = async () => {
    const hashes = infoHashes.map((hash) => Uint8Array.fromHex(hash));
    const entries = await exchange.scrape(trackers[0] as string, 4, hashes, AbortSignal.timeout(5_000));
    return entries.map(({ complete, incomplete }) => complete + incomplete);
  };
  await eventually('the tracker counts the first node', async () => (await counted()).every((n) => n === 1));

  const second = await scene.daemon({ machine: right, trackers });
  const secondApt = await scene.apt(second, { prefix: right.prefix });
  await connected(second);
  leavePoolUnanswered(scene);
  expectRight(archive, await secondApt.install(QUICK), QUICK);
  expectPoolGaveNothing(scene, second);
  const { bytes, peers } = await second.status();
  expect(bytes.fromPeers).toBeGreaterThanOrEqual(bytesOf(archive, QUICK));
  expect(peers.map(({ address }) => address.replace(/:\d+$/, ''))).toEqual([left.address]);
  await eventually('the tracker counts both', async () => (await counted()).every((n) => n === 2));

  // `stopped` is heard: whoever comes next isn't sent to a machine that has gone.
  await second[Symbol.asyncDispose]();
  expect(await counted()).toEqual([1, 1]);
});

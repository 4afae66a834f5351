/** Peers that die, hang or crawl, and a node that dies itself: apt gets its files all the same. */
import { expect, test } from 'bun:test';
import { bytesOf, expectRight, QUICK } from '../fixtures/archive.ts';
import { eventually } from '../fixtures/eventually.ts';
import { connected, Scene } from '../fixtures/scene.ts';

test('a peer killed in the middle of a 30 MB file: apt notices nothing', async () => {
  await using scene = await Scene.open();
  const first = await scene.seeder(['large'], { args: ['--upload-limit', '10MB'] });
  const second = await scene.daemon({ peers: [first.peerAddress] });
  const client = await scene.apt(second);
  await connected(second);
  // So slow that it is worth asking the peer, so fast that the rest doesn't take long.
  scene.mirror.fault(/\/pool\//, { bytesPerSecond: 8_000_000 });

  const download = client.download(['large']);
  await eventually('some of it came from the peer', async () => {
    const { bytes } = await second.status();
    return bytes.fromPeers > 3_000_000;
  });
  await first.kill9();
  const got = await download;
  expectRight(scene.archive, got, ['large']);
  expect(got.output).not.toMatch(/^(?:Ign|Err|W:|E:)/m);
  const { bytes } = await second.status();
  expect(bytes.fromPeers).toBeLessThan(bytesOf(scene.archive, ['large']));
});

test('all peers gone: the mirror gives everything', async () => {
  await using scene = await Scene.open();
  const first = await scene.seeder(QUICK);
  const second = await scene.daemon({ peers: [first.peerAddress] });
  const client = await scene.apt(second);
  await connected(second);
  await first.stop();
  scene.mirror.clearLog();
  expectRight(scene.archive, await client.download(QUICK), QUICK);
  expect(scene.mirror.poolRequests).toHaveLength(QUICK.length);
});

test('kill -9 of the node in the middle of a download: no half file is in the store, the next run is right', async () => {
  await using scene = await Scene.open();
  const daemon = await scene.daemon();
  // Without retries apt gives up at once when its proxy is gone.
  const client = await scene.apt(daemon, { options: ['Acquire::Retries=0'] });
  scene.mirror.fault(/large/, { bytesPerSecond: 10_000_000 });
  const download = client.download(['large']);
  await eventually('the file is half here', async () =>
    (await daemon.status()).transfers.some(({ haveBytes }) => haveBytes > 5_000_000),
  );
  await daemon.kill9();
  expect((await download).code).toBe(100);

  await daemon.start();
  const { store } = await daemon.status();
  expect(store.bytes).toBeLessThan(1_000_000);
  scene.mirror.clearFaults();
  expectRight(scene.archive, await client.download(['large']), ['large']);
  const another = await scene.apt(daemon);
  expectRight(scene.archive, await another.download(['large']), ['large']);
});

test.each(['silent', 'cut-at-end', 'slow'] as const)(
  'a peer that is %s costs apt nothing but time',
  async (script) => {
    await using scene = await Scene.open();
    const peer = await scene.peer(script, '127.0.0.2', ['small-c', 'medium']);
    const daemon = await scene.daemon({ peers: [peer.address] });
    const client = await scene.apt(daemon);
    await connected(daemon);
    const got = await client.download(['small-c', 'medium']);
    expectRight(scene.archive, got, ['small-c', 'medium']);
    expect(got.output).not.toMatch(/^(?:Ign|Err|W:|E:)/m);
    expect(peer.offered.size).toBeGreaterThan(0);
  },
);

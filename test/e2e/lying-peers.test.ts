/** Peers that lie: apt gets the right file, the liar is banned, nobody else is. */
import { expect, test } from 'bun:test';
import { expectRight, QUICK, SINGLE_PIECE } from '../fixtures/archive.ts';
import { eventually } from '../fixtures/eventually.ts';
import { connected, expectPoolGaveNothing, leavePoolUnanswered, Scene } from '../fixtures/scene.ts';

const hostOf = ({ address }: { readonly address: string }) => address.replace(/:\d+$/, '');

test('the scripted peer is believed when it is honest: all comes from it', async () => {
  await using scene = await Scene.open();
  const peer = await scene.peer('honest', '127.0.0.2', QUICK);
  const daemon = await scene.daemon({ peers: [peer.address] });
  const client = await scene.apt(daemon);
  await connected(daemon);
  leavePoolUnanswered(scene);
  expectRight(scene.archive, await client.download(QUICK), QUICK);
  expectPoolGaveNothing(scene, daemon);
  expect((await daemon.status()).banned).toEqual([]);
});

test.each([
  ['wrong bytes for files of one piece', 'wrong-bytes', SINGLE_PIECE],
  ['wrong bytes under the right root', 'wrong-bytes', ['medium']],
  ['wrong bytes under a false root that fits them', 'false-tree', ['medium']],
] as const)('%s: the file is right, the liar banned', async (_title, script, names) => {
  await using scene = await Scene.open();
  const liar = await scene.peer(script, '127.0.0.2', names);
  const daemon = await scene.daemon({ peers: [liar.address] });
  const client = await scene.apt(daemon);
  await connected(daemon);
  expectRight(scene.archive, await client.download(names), names);
  expect(liar.payloadBytes).toBeGreaterThan(0);
  const banned = await eventually('the liar is banned', async () => {
    const status = await daemon.status();
    return status.banned.length > 0 && status.banned;
  });
  expect(banned.map(hostOf)).toEqual(['127.0.0.2']);
  expect(banned[0]?.reason).not.toBe('');
});

test('a ban outlives a restart', async () => {
  await using scene = await Scene.open();
  const liar = await scene.peer('wrong-bytes', '127.0.0.2', ['medium']);
  const daemon = await scene.daemon({ peers: [liar.address] });
  const client = await scene.apt(daemon);
  await connected(daemon);
  expectRight(scene.archive, await client.download(['medium']), ['medium']);
  const before = await eventually('the liar is banned', async () => {
    const { banned } = await daemon.status();
    return banned.length > 0 && banned;
  });
  await daemon.restart();
  const { banned, peers } = await daemon.status();
  expect(banned).toEqual(before);
  expect(peers).toEqual([]);
});

test.each(['wrong-bytes', 'false-tree'] as const)(
  'among honest peers one with %s spoils nothing, and only it can be banned',
  async (script) => {
    await using scene = await Scene.open();
    const liar = await scene.peer(script, '127.0.0.2', QUICK);
    const honest = await scene.seeder(QUICK);
    const daemon = await scene.daemon({ peers: [liar.address, honest.peerAddress] });
    const client = await scene.apt(daemon);
    await connected(daemon, 2);
    expectRight(scene.archive, await client.download(QUICK), QUICK);
    const { banned, bytes } = await daemon.status();
    expect(banned.map(hostOf).filter((host) => host !== '127.0.0.2')).toEqual([]);
    expect(bytes.fromPeers).toBeGreaterThan(0);
  },
);

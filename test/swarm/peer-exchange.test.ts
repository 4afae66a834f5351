import { describe, expect, test } from 'bun:test';
import { swarmInfoHash } from '../../src/torrent/archive-identity.ts';
import { blindSwarm } from '../../src/wire/archive-ext.ts';
import { decodePex, encodePex, PexFlag, type PexMessage } from '../../src/wire/pex.ts';
import { AMD64, type MemoryNode, PEER_PORT, SWARM } from '../fixtures/memory-node.ts';
import { RawPeer } from '../fixtures/raw-peer.ts';
import { World } from '../fixtures/world.ts';

const ALL = swarmInfoHash({ ...AMD64, architecture: 'all' });
const MINUTE = 60_000;

/** Somebody at `host` who dials the node, says where it listens, and shares `swarms` (the first is the handshake's). */
async function caller(world: World, node: MemoryNode, host: string, swarms = [SWARM], port = PEER_PORT) {
  const link = await world.until(world.network.node(host).dial(node.address, 1_000));
  const raw = new RawPeer(link, host);
  raw.handshake(swarms[0] as string);
  await world.clock.run(5);
  raw.extendedHandshake({ port });
  await world.clock.run(5);
  raw.hello(swarms);
  await world.clock.run(5);
  expect(raw.closed).toBeUndefined();
  return raw;
}

function heardBy(raw: RawPeer): PexMessage[] {
  return raw.payloads('ut_pex').map(decodePex);
}

function addedTo(raw: RawPeer): string[] {
  return heardBy(raw).flatMap(({ added }) => added.map(({ host, port }) => `${host}:${port}`));
}

function endAll(...raws: readonly RawPeer[]): void {
  for (const raw of raws) raw.link.close('done');
}

/** What `from` says: these are peers. */
function say(from: RawPeer, hosts: readonly string[], port = PEER_PORT, swarm?: Uint8Array): void {
  const added = hosts.map((host) => ({ host, port, flags: 0 }));
  from.extension('ut_pex', encodePex({ added, dropped: [], ...(swarm && { swarm }) }));
}

describe('PeerExchange tells', () => {
  test('each peer of the others in the same swarm, once, and when they have gone', async () => {
    await using world = new World();
    const node = world.node('198.51.100.1');
    const [a, b] = [await caller(world, node, '192.0.2.1'), await caller(world, node, '203.0.113.1')];
    await world.clock.run(MINUTE);
    expect(addedTo(a)).toEqual(['203.0.113.1:9989']);
    expect(addedTo(b)).toEqual(['192.0.2.1:9989']);
    expect(heardBy(a)).toHaveLength(1);
    b.link.close('done');
    await world.clock.run(MINUTE + 5_000);
    expect(heardBy(a)[1]).toMatchObject({ added: [], dropped: [{ host: '203.0.113.1', port: 9989 }] });
    await world.clock.run(2 * MINUTE);
    expect(heardBy(a)).toHaveLength(2);
    endAll(a);
  });

  test('at most one message a minute about a swarm, and fifty peers in it', async () => {
    await using world = new World();
    const node = world.node('198.51.100.1');
    const first = await caller(world, node, '192.0.2.1');
    const others: RawPeer[] = [];
    for (let i = 0; i < 55; i += 1) others.push(await caller(world, node, `203.0.${i}.1`));
    await world.clock.run(MINUTE);
    const counts = () => heardBy(first).map(({ added }) => added.length);
    expect(counts().length).toBeLessThanOrEqual(2);
    await world.clock.run(MINUTE);
    expect(Math.max(...counts())).toBeLessThanOrEqual(50);
    expect(new Set(addedTo(first)).size).toBe(55);
    expect(addedTo(first)).toHaveLength(55);
    expect(counts().length).toBeLessThanOrEqual(3);
    endAll(first, ...others);
  });

  test('only those of the swarm that is spoken of, named so that nobody else learns of it', async () => {
    await using world = new World();
    const node = world.node('198.51.100.1', { swarms: [SWARM, ALL] });
    const both = await caller(world, node, '192.0.2.1', [SWARM, ALL]);
    const amd64 = await caller(world, node, '203.0.113.1', [SWARM]);
    const all = await caller(world, node, '203.0.114.1', [ALL]);
    await world.clock.run(MINUTE + 10_000);
    const theirId = both.theirId as Uint8Array;
    const about = (infoHash: string) =>
      heardBy(both)
        .filter(
          ({ swarm }) =>
            swarm && Buffer.compare(swarm, blindSwarm(Buffer.from(infoHash, 'hex'), both.id, theirId)) === 0,
        )
        .flatMap(({ added }) => added.map(({ host }) => host));
    expect(about(SWARM)).toEqual(['203.0.113.1']);
    expect(about(ALL)).toEqual(['203.0.114.1']);
    expect(addedTo(amd64)).toEqual(['192.0.2.1:9989']);
    expect(addedTo(all)).toEqual(['192.0.2.1:9989']);
    endAll(both, amd64, all);
  });

  test('strangers nothing of the local network; the local network of both', async () => {
    await using world = new World();
    const node = world.node('198.51.100.1');
    const far = await caller(world, node, '192.0.2.1');
    const near = await caller(world, node, '192.168.1.5');
    const nearToo = await caller(world, node, '10.7.0.1');
    await world.clock.run(MINUTE + 10_000);
    expect(addedTo(far)).toEqual([]);
    expect(addedTo(near).toSorted()).toEqual(['10.7.0.1:9989', '192.0.2.1:9989']);
    expect(addedTo(nearToo).toSorted()).toEqual(['192.0.2.1:9989', '192.168.1.5:9989']);
    endAll(far, near, nearToo);
  });

  test('strangers nothing of a provider’s or an overlay network, but those that are in one', async () => {
    await using world = new World();
    const node = world.node('198.51.100.1');
    const far = await caller(world, node, '192.0.2.1');
    const overlay = await caller(world, node, '100.64.0.7');
    const overlayToo = await caller(world, node, '100.64.1.7');
    await world.clock.run(MINUTE + 10_000);
    expect(addedTo(far)).toEqual([]);
    expect(addedTo(overlay).toSorted()).toEqual(['100.64.1.7:9989', '192.0.2.1:9989']);
    endAll(far, overlay, overlayToo);
  });

  test('nobody beyond this machine of an address of this machine', async () => {
    await using world = new World();
    const node = world.node('198.51.100.1');
    const here = await caller(world, node, '127.0.0.2');
    const hereToo = await caller(world, node, '127.0.0.3');
    const near = await caller(world, node, '192.168.1.5');
    await world.clock.run(MINUTE + 10_000);
    expect(addedTo(near)).toEqual([]);
    expect(addedTo(here).toSorted()).toEqual(['127.0.0.3:9989', '192.168.1.5:9989']);
    endAll(here, hereToo, near);
  });

  test('strangers nothing of an address that was given by hand', async () => {
    await using world = new World();
    const [node, given] = [world.node('198.51.100.1'), world.node('198.18.0.1')];
    node.meet(given);
    await world.clock.run(100);
    expect(node.swarms.peers()[0]?.given).toBe(true);
    const [far, near] = [await caller(world, node, '192.0.2.1'), await caller(world, node, '192.168.1.5')];
    await world.clock.run(MINUTE + 10_000);
    expect(addedTo(far)).toEqual([]);
    expect(addedTo(near)).toContain('198.18.0.1:9989');
    endAll(far, near);
  });

  test('nothing of those that do not say where they listen, and that those we dialled can be reached', async () => {
    await using world = new World();
    const [node, dialled] = [world.node('198.51.100.1'), world.node('203.0.113.9')];
    node.swarms.found(SWARM, [dialled.address]);
    await world.clock.run(100);
    const silent = await caller(world, node, '192.0.2.9', [SWARM], 0);
    const asker = await caller(world, node, '192.0.2.1');
    await world.clock.run(MINUTE + 10_000);
    expect(heardBy(asker).flatMap(({ added }) => added)).toEqual([
      { host: '203.0.113.9', port: PEER_PORT, flags: PexFlag.reachable | PexFlag.uploadOnly },
    ]);
    endAll(silent, asker);
  });
});

describe('PeerExchange hears', () => {
  test('an address as a hint: it is dialled in that swarm, and stays a stranger', async () => {
    await using world = new World();
    const [node, other] = [world.node('198.51.100.1'), world.node('203.0.113.9')];
    const raw = await caller(world, node, '192.0.2.1');
    say(raw, [other.host]);
    await world.clock.run(100);
    const [met] = node.swarms.peers().filter(({ address }) => address === other.host);
    expect(met).toMatchObject({ provenance: 'pex', trusted: false });
    endAll(raw);
  });

  test.each([
    ['loopback', '127.0.0.1'],
    ['private', '192.168.1.7'],
    ['unique local', 'fd00::7'],
    ['link-local', '169.254.1.1'],
    ['multicast', '224.0.0.1'],
    ['unspecified', '0.0.0.0'],
    ['provider’s or overlay network’s', '100.64.0.7'],
    ['private (by NAT64)', '64:ff9b::c0a8:107'],
    ['private (by 6to4)', '2002:c0a8:107::1'],
    ['metadata', '168.63.129.16'],
  ])('no stranger’s word about a %s address', async (_what, host) => {
    await using world = new World();
    const node = world.node('198.51.100.1');
    const raw = await caller(world, node, '192.0.2.1');
    say(raw, [host]);
    say(raw, ['203.0.113.9'], 0);
    await world.clock.run(10_000);
    expect(world.network.dials.filter((at) => at !== '198.51.100.1:9989')).toEqual([]);
    endAll(raw);
  });

  test('the local network’s word about the local network', async () => {
    await using world = new World();
    const [node, other] = [world.node('10.0.0.1'), world.node('10.0.0.2')];
    const raw = await caller(world, node, '10.0.0.3');
    say(raw, [other.host]);
    await world.clock.run(100);
    expect(node.swarms.peers().map(({ address }) => address)).toContain(other.host);
    endAll(raw);
  });

  test('nothing about a swarm that both are not in', async () => {
    await using world = new World();
    const node = world.node('198.51.100.1', { swarms: [SWARM, ALL] });
    const raw = await caller(world, node, '192.0.2.1', [SWARM]);
    const theirId = raw.theirId as Uint8Array;
    say(raw, ['203.0.113.9'], PEER_PORT, blindSwarm(Buffer.from(ALL, 'hex'), raw.id, theirId));
    say(raw, ['203.0.113.9'], PEER_PORT, new Uint8Array(32));
    await world.clock.run(10_000);
    expect(world.network.dials).toEqual(['198.51.100.1:9989']);
    endAll(raw);
  });

  test('of a flood a hundred addresses at a time and two hundred an hour: nobody fills the memory or aims dials', async () => {
    await using world = new World();
    const node = world.node('198.51.100.1');
    const raw = await caller(world, node, '192.0.2.1');
    const flood = (round: number) => {
      for (let message = 0; message < 200; message += 1)
        say(
          raw,
          Array.from({ length: 50 }, (_, i) => `203.${round}.${message}.${i}`),
        );
    };
    const dialled = () => new Set(world.network.dials.filter((at) => at.startsWith('203.'))).size;
    flood(0);
    await world.clock.run(MINUTE);
    expect(dialled()).toBe(100);
    for (let round = 1; round < 5; round += 1) {
      flood(round);
      await world.clock.run(2 * MINUTE);
    }
    expect(dialled()).toBeWithin(100, 201);
    expect(raw.closed).toBeUndefined();
    endAll(raw);
  });

  test('no more than three ports of one host', async () => {
    await using world = new World();
    const node = world.node('198.51.100.1');
    const raw = await caller(world, node, '192.0.2.1');
    const added = Array.from({ length: 50 }, (_, i) => ({ host: '203.0.113.9', port: i + 1, flags: 0 }));
    raw.extension('ut_pex', encodePex({ added, dropped: [] }));
    await world.clock.run(MINUTE);
    expect(new Set(world.network.dials.filter((at) => at.startsWith('203.'))).size).toBe(3);
    endAll(raw);
  });

  test('what breaks the form as a breach of the protocol', async () => {
    await using world = new World();
    const node = world.node('198.51.100.1');
    const raw = await caller(world, node, '192.0.2.1');
    raw.extension('ut_pex', Buffer.from('d5:added7:1234567e'));
    await world.clock.run(5);
    expect(raw.closed).toBeDefined();
  });
});

test('nodes that know one of them find one another: a tracker that names one is enough', async () => {
  await using world = new World();
  const nodes = Array.from({ length: 12 }, (_, i) => world.node(`203.0.${i}.1`, { seed: i + 1 }));
  const [hub, ...others] = nodes;
  for (const node of others) node.swarms.found(SWARM, [(hub as MemoryNode).address]);
  await world.clock.run(5 * MINUTE);
  for (const node of nodes) expect(node.swarms.peersIn(SWARM)).toBe(11);
});

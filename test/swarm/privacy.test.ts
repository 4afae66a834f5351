/** A stranger in the swarm that keeps all it hears, beside a node that looks for a security update. */
import { describe, expect, test } from 'bun:test';
import type { PrivacyScope } from '../../src/config/settings.ts';
import { type Sha256, sha256Of } from '../../src/lib/sha256.ts';
import { Privacy } from '../../src/swarm/privacy.ts';
import type { Seeker } from '../../src/swarm/wants.ts';
import { type MemoryNode, PEER_PORT, type PoolFile, poolFile, SWARM } from '../fixtures/memory-node.ts';
import { RawPeer } from '../fixtures/raw-peer.ts';
import { World } from '../fixtures/world.ts';

const NODE = '198.51.100.1';
const STRANGER = '203.0.113.9';
const KNOWN = '192.0.2.7';

/** Comes by itself, speaks dt_archive, and listens. */
async function enter(world: World, node: MemoryNode, host = STRANGER): Promise<RawPeer> {
  const link = await world.until(world.network.node(host).dial(node.address, 1_000));
  const raw = new RawPeer(link, host);
  raw.handshake(SWARM);
  await world.clock.run(2);
  raw.extendedHandshake({ port: PEER_PORT });
  await world.clock.run(2);
  if (raw.closed === undefined) raw.hello([SWARM]);
  await world.clock.run(2);
  return raw;
}

function securityFile(sizeBytes: number, seed = 1): PoolFile {
  const file = poolFile(sizeBytes, seed);
  return { ...file, entry: { ...file.entry, isSecurity: true } };
}

/** A node and its one security update, which its mirror has. */
function scene(world: World, sizeBytes: number, privacy: PrivacyScope = 'default') {
  const file = securityFile(sizeBytes);
  const node = world.node(NODE, { privacy, security: new Set([file.entry.key]) });
  node.offersAtMirror(file);
  return { file, node };
}

const keysOf = (raw: RawPeer): Sha256[] => raw.allSaid('want').flatMap(({ keys }) => keys);

/** Whether the bytes of a key ever came, in whatever message. */
function sawKey(raw: RawPeer, key: Sha256): boolean {
  const bytes = Buffer.from(key, 'hex');
  return raw.all('extended').some(({ payload }) => Buffer.from(payload).includes(bytes));
}

describe('Privacy', () => {
  const stranger = { trusted: false, known: false };
  const fleet = { trusted: false, known: true };
  const near = { trusted: true, known: true };
  test.each([
    ['open', [true, true, true], [true, true, true]],
    ['default', [true, true, true], [false, true, true]],
    ['lan', [false, false, true], [false, false, true]],
  ] as const)('scope %s: who may learn of any file, and of a security update', (scope, any, security) => {
    const privacy = new Privacy(scope);
    const peers = [stranger, fleet, near];
    expect(peers.map((peer) => privacy.mayLearn(peer, false))).toEqual([...any]);
    expect(peers.map((peer) => privacy.mayLearn(peer, true))).toEqual([...security]);
  });
});

describe('what is wanted ahead', () => {
  test('says what is installed here: no stranger is asked before it is fetched', async () => {
    await using world = new World();
    const { node } = scene(world, 20_000);
    const plain = poolFile(20_000, 7);
    node.offersAtMirror(plain);
    const raw = await enter(world, node);
    const seeker = new Proxy({} as Seeker, { get: () => () => {} });
    expect(node.swarms.lookAhead(plain.entry, seeker)?.isAhead).toBe(true);
    await world.clock.run(1_000);
    expect(keysOf(raw)).toEqual([]);
    expect([node.swarms.wants.size, node.swarms.wants.areOpen]).toEqual([1, false]);
    await world.until(node.fetch(plain));
    expect(keysOf(raw)).toEqual([plain.entry.key]);
    raw.link.close('done');
  });
});

describe('a security update', () => {
  test.each([20_000, 1_500_000])('of %i bytes: no stranger hears that it is looked for', async (size) => {
    await using world = new World();
    const { file, node } = scene(world, size);
    const plain = poolFile(20_000, 7);
    node.offersAtMirror(plain);
    const raw = await enter(world, node);
    // One that looks for it, too, and would be told of our claims.
    raw.archive({ kind: 'want', first: 0, keys: [file.entry.key] });
    await world.clock.run(5);
    const got = await world.until(Promise.all([node.fetch(file), node.fetch(plain)]));
    expect(got.map(sha256Of)).toEqual([file.entry.key, plain.entry.key]);
    expect(keysOf(raw)).toEqual([plain.entry.key]);
    // What it hears of claims is about the other file.
    const asked = raw.allSaid('want').map(({ first }) => first);
    const claimed = raw.allSaid('claim').flatMap(({ entries }) => entries.map(({ want }) => want));
    expect(claimed.filter((number) => !asked.includes(number))).toEqual([]);
    expect(sawKey(raw, file.entry.key)).toBe(false);
    raw.link.close('done');
  });

  test('is asked of a peer that a tracker of the operator named, and comes from there', async () => {
    await using world = new World();
    const { file, node } = scene(world, 20_000);
    const other = world.node(KNOWN);
    other.keep(file);
    const raw = await enter(world, node);
    node.swarms.found(SWARM, [other.address], 'tracker');
    await world.clock.run(100);
    await world.until(node.fetch(file));
    expect(node.moved.fromMirror).toBe(0);
    expect(node.moved.down).toBe(20_000);
    expect(keysOf(raw)).toEqual([]);
    raw.link.close('done');
  });

  test.each(['open-tracker', 'dht', 'pex'] as const)('is not asked of one met by %s', async (met) => {
    await using world = new World();
    const { file, node } = scene(world, 20_000);
    const other = world.node(KNOWN);
    other.keep(file);
    node.swarms.found(SWARM, [other.address], met);
    await world.clock.run(100);
    expect(node.swarms.peers()).toHaveLength(1);
    await world.until(node.fetch(file));
    expect(node.moved.down).toBe(0);
  });

  test('is asked of everybody in scope open', async () => {
    await using world = new World();
    const { file, node } = scene(world, 20_000, 'open');
    const raw = await enter(world, node);
    await world.until(node.fetch(file));
    expect(keysOf(raw)).toEqual([file.entry.key]);
    raw.link.close('done');
  });

  test('whoever turns out to be known while it is looked for is asked then', async () => {
    await using world = new World();
    const { file, node } = scene(world, 20_000);
    const other = world.node(KNOWN);
    other.keep(file);
    // It came by itself, and its address is named only afterwards.
    other.swarms.found(SWARM, [node.address], 'dht');
    await world.clock.run(100);
    node.mirror.hangsMs = 5_000;
    const fetched = node.fetch(file);
    await world.clock.run(200);
    expect(node.moved.down).toBe(0);
    node.swarms.found(SWARM, [other.address], 'tracker');
    expect(sha256Of(await world.until(fetched))).toBe(file.entry.key);
    expect(node.moved.down).toBe(20_000);
  });
});

test.each([
  ['default', true],
  ['open', undefined],
] as const)(
  'scope %s: whoever comes while only that is looked for hears upload_only: %p',
  async (scope, said) => {
    await using world = new World();
    const { file, node } = scene(world, 20_000, scope);
    node.mirror.latencyMs = 60_000;
    void node.fetch(file).catch(() => {});
    await world.clock.run(10);
    const raw = await enter(world, node);
    expect(raw.theirs?.uploadOnly).toBe(said);
    const plain = poolFile(20_000, 7);
    node.offersAtMirror(plain);
    void node.fetch(plain).catch(() => {});
    await world.clock.run(10);
    const next = await enter(world, node, '203.0.114.9');
    expect(next.theirs?.uploadOnly).toBeUndefined();
    for (const each of [raw, next]) each.link.close('done');
  },
);

describe('one that comes by itself', () => {
  test('is known, and asked, as soon as a tracker of the operator names where it listens', async () => {
    await using world = new World();
    const came: string[] = [];
    const file = securityFile(20_000);
    const security = new Set([file.entry.key]);
    const node = world.node(NODE, { security, strangerCame: (infoHash) => came.push(infoHash) });
    node.offersAtMirror(file);
    node.mirror.latencyMs = 60_000;
    const raw = await enter(world, node);
    expect(came).toEqual([SWARM]);
    const other = await enter(world, node, '203.0.114.9');
    void node.fetch(file).catch(() => {});
    await world.clock.run(50);
    expect([keysOf(raw), keysOf(other)]).toEqual([[], []]);
    for (const met of ['open-tracker', 'dht'] as const)
      node.swarms.found(SWARM, [{ host: STRANGER, port: PEER_PORT }], met);
    node.swarms.found(SWARM, [{ host: STRANGER, port: PEER_PORT + 1 }], 'tracker');
    await world.clock.run(50);
    expect(keysOf(raw)).toEqual([]);
    const dials = world.network.dials.length;
    node.swarms.found(SWARM, [{ host: STRANGER, port: PEER_PORT }], 'tracker');
    await world.clock.run(50);
    expect([keysOf(raw), keysOf(other)]).toEqual([[file.entry.key], []]);
    expect(world.network.dials.slice(dials)).not.toContain(`${STRANGER}:${PEER_PORT}`);
    for (const each of [raw, other]) each.link.close('done');
  });

  test('is no news where a tracker has named it before, or on the local network', async () => {
    await using world = new World();
    const came: string[] = [];
    const node = world.node(NODE, { strangerCame: (infoHash) => came.push(infoHash) });
    node.swarms.found(SWARM, [{ host: KNOWN, port: PEER_PORT }], 'tracker');
    const raws = [await enter(world, node, KNOWN), await enter(world, node, '192.168.1.7')];
    expect(came).toEqual([]);
    for (const raw of raws) raw.link.close('done');
  });
});

describe('a stranger that asks for security updates', () => {
  test('hears nothing of one that is not here, none of any other file', async () => {
    await using world = new World();
    const { file, node } = scene(world, 20_000);
    const raw = await enter(world, node);
    raw.archive({ kind: 'want', first: 0, keys: [file.entry.key, poolFile(10, 5).entry.key] });
    await world.clock.run(5_000);
    expect(raw.allSaid('none').flatMap(({ ranges }) => ranges)).toEqual([{ first: 1, count: 1 }]);
    raw.link.close('done');
  });

  test('is told to have one that is here, and of one that comes in, once it is whole', async () => {
    await using world = new World();
    const { file, node } = scene(world, 1_500_000);
    const before = securityFile(10, 3);
    node.keep(before);
    node.mirror.bytesPerSecond = 1_000_000;
    const raw = await enter(world, node);
    raw.archive({ kind: 'want', first: 0, keys: [before.entry.key, file.entry.key] });
    await world.clock.run(5);
    const haves = () => raw.allSaid('have').flatMap(({ entries }) => entries);
    expect(haves().map(({ want }) => want)).toEqual([0]);
    const fetched = node.fetch(file);
    await world.clock.run(1_200);
    expect(haves()).toHaveLength(1);
    await world.until(fetched);
    await world.clock.run(5_000);
    expect(haves().at(-1)).toMatchObject({ want: 1, grade: 0 });
    expect(haves().filter(({ want }) => want === 1)).toHaveLength(1);
    raw.link.close('done');
  });

  test('but a known peer is told none', async () => {
    await using world = new World();
    const { file, node } = scene(world, 20_000);
    node.swarms.found(SWARM, [{ host: KNOWN, port: PEER_PORT }], 'tracker');
    await world.clock.run(5_000);
    const raw = await enter(world, node, KNOWN);
    raw.archive({ kind: 'want', first: 0, keys: [file.entry.key] });
    await world.clock.run(5);
    expect(raw.allSaid('none')).toHaveLength(1);
    raw.link.close('done');
  });

  test('and its own silence is not held against it', async () => {
    await using world = new World();
    const { node } = scene(world, 20_000, 'open');
    const raw = await enter(world, node);
    for (let seed = 20; seed < 25; seed += 1) {
      const file = securityFile(1_000, seed);
      node.offersAtMirror(file);
      const startedMs = world.clock.nowMs();
      await world.until(node.fetch(file));
      expect(world.clock.nowMs() - startedMs).toBeLessThan(150);
      await world.clock.run(3_000);
    }
    expect(keysOf(raw)).toHaveLength(5);
    expect(node.swarms.peers().map(({ isSilent }) => isSilent)).toEqual([false]);
    raw.link.close('done');
  });
});

describe('scope lan', () => {
  test('strangers are neither let in nor dialled; near peers are', async () => {
    await using world = new World();
    const { file, node } = scene(world, 20_000, 'lan');
    const raw = await enter(world, node);
    expect(raw.closed).toBeDefined();
    const far = world.node(KNOWN);
    const near = world.node('192.168.1.2');
    const given = world.node('198.51.100.7');
    near.keep(file);
    node.swarms.found(SWARM, [far.address, near.address], 'tracker');
    node.meet(given);
    await world.clock.run(1_000);
    const met = node.swarms.peers().map(({ address }) => address);
    expect(met.sort()).toEqual([near.host, given.host]);
    await world.until(node.fetch(file));
    expect(node.moved.fromMirror).toBe(0);
  });
});

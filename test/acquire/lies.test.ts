/** Flights among peers that lie, and who is blamed for what (docs/protocol.md "Blame"). */
import { describe, expect, test } from 'bun:test';
import { UnavailableError } from '../../src/lib/errors.ts';
import { Grade } from '../../src/wire/archive-ext.ts';
import { encodeChoke, encodeHashes } from '../../src/wire/message.ts';
import { type Gift, GivingPeer } from '../fixtures/giving-peer.ts';
import { type MemoryNode, type PoolFile, poolFile, readAll, SWARM } from '../fixtures/memory-node.ts';
import { errorOf, World } from '../fixtures/world.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
/** Neither on the LAN nor given by hand. */
const STRANGER = '198.51.100.7';
const OTHER_STRANGER = '203.0.113.9';

/** `file` with one byte of each of these pieces changed. */
function spoilt({ bytes }: PoolFile, ...offsets: readonly number[]): Uint8Array {
  const wrong = new Uint8Array(bytes);
  for (const at of offsets) wrong[at] = ~(wrong[at] ?? 0);
  return wrong;
}

/** A node that is about to fetch `file`, and one raw peer that offers it. */
async function scene(world: World, file: PoolFile, gift: Gift, { host = '10.0.0.9', mirror = true } = {}) {
  const node = world.node('10.0.0.1', { latencyMs: 1 });
  if (mirror) node.offersAtMirror(file);
  else node.mirror.dead = true;
  const liar = new GivingPeer(world.network, host, file, gift);
  meet(node, liar);
  await world.clock.run(300);
  expect(liar.connections).toHaveLength(1);
  return { node, liar };
}

function meet(node: MemoryNode, { host, address }: GivingPeer): void {
  if (host.startsWith('10.')) node.swarms.give(address);
  else node.swarms.found(SWARM, [address]);
}

const bannedBy = (node: MemoryNode) => node.swarms.banned().map(({ address }) => address);

describe('the raw peer of these tests', () => {
  test.each([1000, 3 * MIB])('is believed when it is honest (%p bytes)', async (size) => {
    await using world = new World();
    const file = poolFile(size);
    const { node, liar } = await scene(world, file, { bytes: file.bytes }, { mirror: false });
    expect(await world.until(node.fetch(file))).toEqual(file.bytes);
    expect(liar.sentBytes).toBe(size);
    expect(bannedBy(node)).toEqual([]);
  });
});

describe('a peer that gives wrong bytes', () => {
  test('of a file of one piece is banned; the file is right', async () => {
    await using world = new World();
    const file = poolFile(100 * KIB);
    const { node, liar } = await scene(world, file, { bytes: spoilt(file, 5) });
    expect(await world.until(node.fetch(file))).toEqual(file.bytes);
    expect(bannedBy(node)).toEqual([liar.host]);
    expect(liar.raw.closed).toBeDefined();
    expect(node.swarms.banned()[0]?.reason).toContain('contradict the hash');
  });

  test('of a file of one piece that a slow mirror is showing already: the reader notices nothing', async () => {
    await using world = new World();
    const file = poolFile(100 * KIB);
    const node = world.node('10.0.0.1', { latencyMs: 1 });
    node.offersAtMirror(file);
    node.mirror.bytesPerSecond = 5_000;
    node.mirror.chunkBytes = 1_000;
    using content = await world.until(node.open(file));
    const { available } = content;
    expect(available).toBeWithin(30_000, 60_000);
    const liar = new GivingPeer(world.network, '10.0.0.9', file, { bytes: spoilt(file, 5) });
    meet(node, liar);
    // It stalls, so that peers are asked.
    node.mirror.hangsMs = 6_000;
    node.mirror.cutAfterBytes = 0;
    await world.clock.run(4_000);
    expect(bannedBy(node)).toEqual([liar.host]);
    expect(content.read(0, available)).toEqual(file.bytes.subarray(0, available));
    node.mirror.cutAfterBytes = Number.POSITIVE_INFINITY;
    expect(await world.until(readAll(content))).toEqual(file.bytes);
  });

  test('under the right root is banned at the first piece; the reader notices nothing', async () => {
    await using world = new World();
    const file = poolFile(3 * MIB);
    const { node, liar } = await scene(world, file, { bytes: spoilt(file, 10), treeOf: file.bytes });
    expect(await world.until(node.fetch(file))).toEqual(file.bytes);
    expect(bannedBy(node)).toEqual([liar.host]);
  });

  test('spoils nothing for an honest one beside it, the mirror being dead', async () => {
    await using world = new World();
    const file = poolFile(4 * MIB);
    const honest = world.node('10.0.0.2', { latencyMs: 1 });
    honest.keep(file);
    const { node, liar } = await scene(
      world,
      file,
      { bytes: spoilt(file, 10, 3 * MIB), treeOf: file.bytes },
      { mirror: false },
    );
    node.meet(honest);
    await world.clock.run(200);
    expect(await world.until(node.fetch(file))).toEqual(file.bytes);
    expect(bannedBy(node).filter((host) => host !== liar.host)).toEqual([]);
  });

  test('is not asked again while it is banned, and a new connection is refused', async () => {
    await using world = new World();
    const file = poolFile(100 * KIB);
    const { node, liar } = await scene(world, file, { bytes: spoilt(file, 5) });
    await world.until(node.fetch(file));
    const sent = liar.sentBytes;
    await world.clock.run(300_000);
    expect(liar.connections).toHaveLength(1);
    await world.clock.run(400_000);
    expect(node.swarms.banned()).toEqual([]);
    expect(liar.connections.length).toBeGreaterThan(1);
    expect(liar.sentBytes).toBe(sent);
  });
});

describe('a false tree that fits the wrong bytes', () => {
  test('of a trusted peer: the first reader is cut before the end, the next one has the right file; the liar is banned', async () => {
    await using world = new World();
    const file = poolFile(3 * MIB);
    const { node, liar } = await scene(world, file, { bytes: spoilt(file, 10) });
    using content = await world.until(node.open(file));
    expect(content.etag).toBeUndefined();
    const cut = await world.until(errorOf(readAll(content)));
    expect(cut).toBeInstanceOf(UnavailableError);
    expect(content.available).toBeLessThan(file.bytes.length);
    expect(await world.until(node.fetch(file))).toEqual(file.bytes);
    expect(bannedBy(node)).toEqual([liar.host]);
    expect(node.swarms.banned()[0]?.reason).toContain('false hash tree');
    expect(node.moved.fromMirror).toBe(3 * MIB);
  });

  test('of a stranger: nothing of it is shown before the whole is proven, so that the reader notices nothing', async () => {
    await using world = new World();
    const file = poolFile(3 * MIB);
    const { node, liar } = await scene(world, file, { bytes: spoilt(file, 10) }, { host: STRANGER });
    expect(await world.until(node.fetch(file))).toEqual(file.bytes);
    expect(bannedBy(node)).toEqual([liar.host]);
  });

  test('relayed by another, who said that it is hearsay: only the one that stated it as its own is banned', async () => {
    await using world = new World();
    const file = poolFile(3 * MIB);
    const wrong = spoilt(file, 10);
    const { node, liar } = await scene(world, file, { bytes: wrong }, { host: STRANGER });
    const relay = new GivingPeer(world.network, OTHER_STRANGER, file, {
      bytes: wrong,
      grade: Grade.relayed,
      pieces: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
    });
    meet(node, relay);
    await world.clock.run(300);
    expect(await world.until(node.fetch(file))).toEqual(file.bytes);
    expect(relay.sentBytes).toBeGreaterThan(0);
    expect(bannedBy(node)).toEqual([liar.host]);
  });

  test('of one stranger among honest ones with the true root: only the liar is banned', async () => {
    await using world = new World();
    const file = poolFile(3 * MIB);
    const { node, liar } = await scene(world, file, { bytes: spoilt(file, 10) }, { host: STRANGER });
    const honest = new GivingPeer(world.network, OTHER_STRANGER, file, { bytes: file.bytes });
    meet(node, honest);
    await world.clock.run(300);
    expect(await world.until(node.fetch(file))).toEqual(file.bytes);
    await world.clock.run(1_000);
    expect(bannedBy(node)).toEqual([liar.host]);
    expect(honest.raw.closed).toBeUndefined();
  });

  test('many strangers with a false tree each cost one copy from the mirror, not one try each', async () => {
    await using world = new World();
    const file = poolFile(2 * MIB);
    const node = world.node('10.0.0.1', { latencyMs: 1 });
    node.offersAtMirror(file);
    const liars = Array.from({ length: 6 }, (_, i) => {
      const gift = { bytes: spoilt(file, 10 + i) };
      return new GivingPeer(world.network, `198.51.${100 + i}.1`, file, gift);
    });
    for (const liar of liars) meet(node, liar);
    await world.clock.run(300);
    expect(await world.until(node.fetch(file))).toEqual(file.bytes);
    expect(node.moved.fromMirror).toBeLessThanOrEqual(2 * MIB);
    expect(node.moved.down).toBeLessThan(3 * MIB);
    expect(bannedBy(node).length).toBe(6);
  });
});

describe('a peer that breaks its word otherwise', () => {
  test('states a root and refuses the hashes: the mirror gives the file, nobody is banned', async () => {
    await using world = new World();
    const file = poolFile(3 * MIB);
    const { node } = await scene(world, file, { bytes: file.bytes, refusesHashes: true });
    expect(await world.until(node.fetch(file))).toEqual(file.bytes);
    expect(node.moved.down).toBe(0);
    expect(bannedBy(node)).toEqual([]);
  });

  test('states a root that its hashes do not lead to: banned', async () => {
    await using world = new World();
    const file = poolFile(3 * MIB);
    const { node, liar } = await scene(world, file, { bytes: file.bytes });
    liar.have = (want) => GivingPeer.prototype.have.call(liar, want, new Uint8Array(32).fill(7));
    const { raw } = liar;
    const { onMessage } = raw;
    raw.onMessage = (message) => {
      if (message.type !== 'hash-request') return onMessage(message);
      const count = message.length + Math.max(0, message.proofLayers - Math.log2(message.length) + 1);
      raw.send(encodeHashes(message, new Uint8Array(32 * count).fill(1)));
    };
    expect(await world.until(node.fetch(file))).toEqual(file.bytes);
    expect(bannedBy(node)).toEqual([liar.host]);
  });

  test('changes its root on the way: what was asked under the old one is fetched elsewhere', async () => {
    await using world = new World();
    const file = poolFile(4 * MIB);
    let changed = false;
    const { node } = await scene(world, file, {
      bytes: file.bytes,
      onRequest: (peer) => {
        const want = peer.raw.allSaid('want')[0]?.first ?? 0;
        if (!changed)
          peer.raw.archive({ kind: 'have', entries: [peer.have(want, new Uint8Array(32).fill(9))] });
        changed = true;
        return true;
      },
    });
    expect(await world.until(node.fetch(file))).toEqual(file.bytes);
  });

  test('chokes on the way and says no more: another that has it takes over, the mirror being dead', async () => {
    await using world = new World();
    const file = poolFile(6 * MIB);
    let asked = 0;
    const { node } = await scene(
      world,
      file,
      {
        bytes: file.bytes,
        onRequest: (peer) => {
          asked += 1;
          if (asked === 3) peer.raw.send(encodeChoke());
          return asked < 3;
        },
      },
      { mirror: false },
    );
    const honest = world.node('10.0.0.2', { latencyMs: 1, bytesPerSecond: 4 * MIB });
    honest.keep(file);
    node.meet(honest);
    await world.clock.run(200);
    const before = world.clock.nowMs();
    expect(await world.until(node.fetch(file))).toEqual(file.bytes);
    expect(asked).toBeGreaterThan(2);
    expect(world.clock.nowMs() - before).toBeLessThan(6_000);
  });

  test('rejects every request: the mirror at once', async () => {
    await using world = new World();
    const file = poolFile(3 * MIB);
    const { node } = await scene(world, file, { bytes: file.bytes, pieces: [], grade: Grade.relayed });
    const before = world.clock.nowMs();
    expect(await world.until(node.fetch(file))).toEqual(file.bytes);
    expect(world.clock.nowMs() - before).toBeLessThan(1_000);
  });

  test('says nothing more, with nobody else and no mirror: the reader is told, and does not wait for ever', async () => {
    await using world = new World();
    const file = poolFile(3 * MIB);
    const { node } = await scene(
      world,
      file,
      { bytes: file.bytes, onRequest: () => false },
      { mirror: false },
    );
    expect(await world.until(errorOf(node.fetch(file)), 60_000)).toBeInstanceOf(UnavailableError);
  });
});

describe('a mirror that is wrong', () => {
  test('bans nobody and fails with a clear error, though a peer gave right bytes', async () => {
    await using world = new World();
    const file = poolFile(4 * MIB);
    const { node } = await scene(world, file, { bytes: file.bytes, pieces: [8, 9, 10, 11, 12, 13, 14, 15] });
    node.mirror.files.set(file.at.host + file.at.path, new Uint8Array(4 * MIB));
    const error = await world.until(errorOf(node.fetch(file)));
    expect(error).toBeInstanceOf(UnavailableError);
    expect(bannedBy(node)).toEqual([]);
    expect(node.store.stat(file.entry.key)).toBeUndefined();
  });
});

describe('two trees', () => {
  test('of a trusted liar and an honest peer: one piece of the mirror tells which is false, the rest comes from the honest one', async () => {
    await using world = new World();
    const file = poolFile(8 * MIB);
    const { node, liar } = await scene(world, file, { bytes: spoilt(file, 10, 3 * MIB) });
    const honest = new GivingPeer(world.network, '10.0.0.7', file, { bytes: file.bytes });
    meet(node, honest);
    await world.clock.run(300);
    using content = await world.until(node.open(file));
    expect(await world.until(readAll(content))).toEqual(file.bytes);
    await world.clock.run(1_000);
    expect(node.moved.fromMirror).toBeLessThanOrEqual(MIB);
    expect(bannedBy(node)).toEqual([liar.host]);
  });
});

describe('a mirror that gives the wrong file', () => {
  test('slowly, and it is shown already: who has seen it is cut when a peer gives the right one, and begins anew', async () => {
    await using world = new World();
    const file = poolFile(100 * KIB);
    const node = world.node('10.0.0.1', { latencyMs: 1 });
    node.offersAtMirror({ ...file, bytes: spoilt(file, 10) });
    node.mirror.bytesPerSecond = 5_000;
    node.mirror.chunkBytes = 1_000;
    using content = await world.until(node.open(file));
    expect(content.available).toBeGreaterThan(10);
    const seenDateMs = content.lastModifiedMs;
    const honest = new GivingPeer(world.network, '10.0.0.9', file, { bytes: file.bytes });
    meet(node, honest);
    node.mirror.dead = true;
    node.mirror.cutAfterBytes = 0;
    expect(await world.until(errorOf(readAll(content)))).toBeInstanceOf(UnavailableError);
    expect(content.available).toBeLessThan(file.bytes.length);
    using again = await world.until(node.open(file));
    expect(again.lastModifiedMs).not.toBe(seenDateMs);
    expect(await world.until(readAll(again))).toEqual(file.bytes);
    expect(bannedBy(node)).toEqual([]);
  });

  test('is not believed where peers have the right one; nobody is banned', async () => {
    await using world = new World();
    const file = poolFile(3 * MIB);
    const node = world.node('10.0.0.1', { latencyMs: 1 });
    node.offersAtMirror({ ...file, bytes: spoilt(file, 10) });
    const honest = new GivingPeer(world.network, STRANGER, file, { bytes: file.bytes });
    meet(node, honest);
    await world.clock.run(300);
    const got = await world.until(node.fetch(file)).catch((error) => error);
    if (got instanceof Error) expect(await world.until(node.fetch(file))).toEqual(file.bytes);
    else expect(got).toEqual(file.bytes);
    expect(bannedBy(node)).toEqual([]);
  });
});

/** Nodes that want the same file at the same moment, which nobody has yet (docs/protocol.md "Claims"). */
import { describe, expect, test } from 'bun:test';
import { Grade } from '../../src/wire/archive-ext.ts';
import { GivingPeer } from '../fixtures/giving-peer.ts';
import { type MemoryNode, poolFile } from '../fixtures/memory-node.ts';
import { World } from '../fixtures/world.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

/** `count` nodes that all know one another, each with a mirror of `mirrorRate`. */
async function crowd(world: World, count: number, mirrorRate: number): Promise<MemoryNode[]> {
  const nodes = Array.from({ length: count }, (_, i) =>
    world.node(`10.0.0.${i + 1}`, { latencyMs: 1, bytesPerSecond: 50 * MIB, seed: i + 1 }),
  );
  for (const node of nodes) {
    node.mirror.bytesPerSecond = mirrorRate;
    node.meet(...nodes.filter((other) => other !== node));
  }
  await world.clock.run(3_000);
  for (const node of nodes) expect(node.swarms.peers()).toHaveLength(count - 1);
  return nodes;
}

const copies = (nodes: readonly MemoryNode[], bytes: number) =>
  nodes.reduce((sum, { moved }) => sum + moved.fromMirror, 0) / bytes;

describe('a crowd', () => {
  test('of six takes hardly more than one copy from the mirror, and no longer than one alone', async () => {
    await using world = new World();
    const rate = 2 * MIB;
    const nodes = await crowd(world, 6, rate);
    const file = poolFile(8 * MIB);
    for (const node of nodes) node.offersAtMirror(file);
    const before = world.clock.nowMs();
    for (const bytes of await world.until(Promise.all(nodes.map((node) => node.fetch(file))))) {
      expect(bytes).toEqual(file.bytes);
    }
    expect(world.clock.nowMs() - before).toBeLessThan(1.2 * (file.bytes.length / rate) * 1000);
    expect(copies(nodes, file.bytes.length)).toBeLessThan(1.5);
    for (const node of nodes) expect(node.swarms.banned()).toEqual([]);
  });

  test('of which one dies on the way goes on without it', async () => {
    await using world = new World();
    const nodes = await crowd(world, 4, 2 * MIB);
    const [dying, ...others] = nodes;
    if (!dying) throw new Error('unreachable');
    const file = poolFile(8 * MIB);
    for (const node of nodes) node.offersAtMirror(file);
    dying.fetch(file).catch(() => {});
    const fetching = Promise.all(others.map((node) => node.fetch(file)));
    await world.clock.run(600);
    world.network.switchOff(dying.host);
    const before = world.clock.nowMs();
    for (const bytes of await world.until(fetching)) expect(bytes).toEqual(file.bytes);
    expect(world.clock.nowMs() - before).toBeLessThan(6_000);
  });

  test('of which one falls silent is not held up by its claims', async () => {
    await using world = new World();
    const nodes = await crowd(world, 4, 2 * MIB);
    const [mute, ...others] = nodes;
    if (!mute) throw new Error('unreachable');
    for (const size of [200 * KIB, 8 * MIB]) {
      const file = poolFile(size, size);
      for (const node of nodes) node.offersAtMirror(file);
      const before = world.clock.nowMs();
      mute.fetch(file).catch(() => {});
      const fetching = Promise.all(others.map((node) => node.fetch(file)));
      await world.clock.run(15);
      world.network.mute(mute.host);
      for (const bytes of await world.until(fetching)) expect(bytes).toEqual(file.bytes);
      expect(world.clock.nowMs() - before).toBeLessThan(1_500 + (size / (2 * MIB)) * 1_300);
    }
  });

  test('with a member whose mirror is dead: it has the file from the others', async () => {
    await using world = new World();
    const nodes = await crowd(world, 3, 2 * MIB);
    const file = poolFile(6 * MIB);
    for (const node of nodes) node.offersAtMirror(file);
    const [cut] = nodes;
    if (cut) cut.mirror.dead = true;
    for (const bytes of await world.until(Promise.all(nodes.map((node) => node.fetch(file))))) {
      expect(bytes).toEqual(file.bytes);
    }
    expect(cut?.moved.fromMirror).toBe(0);
  });

  test('one that joins late has most of it from the others', async () => {
    await using world = new World();
    const nodes = await crowd(world, 4, 2 * MIB);
    const [late, ...others] = nodes;
    const file = poolFile(8 * MIB);
    for (const node of nodes) node.offersAtMirror(file);
    const fetching = Promise.all(others.map((node) => node.fetch(file)));
    await world.clock.run(1_000);
    expect(await world.until(late?.fetch(file) ?? Promise.reject())).toEqual(file.bytes);
    await world.until(fetching);
    expect(copies(nodes, file.bytes.length)).toBeLessThan(2);
  });
});

describe('hearsay', () => {
  test('wrong bytes that fit the hash their giver stated as its own: the file is right; one file proves no liar, but its word is not taken', async () => {
    await using world = new World();
    const node = world.node('10.0.0.1', { latencyMs: 1 });
    const file = poolFile(2 * MIB);
    node.offersAtMirror(file);
    node.mirror.bytesPerSecond = 2 * MIB;
    const wrong = new Uint8Array(file.bytes);
    wrong[3 * 256 * KIB + 9] = ~(wrong[3 * 256 * KIB + 9] ?? 0);
    const liar = new GivingPeer(world.network, '10.0.0.9', file, { bytes: wrong });
    const hashOf = (piece: number) => liar.layer.slice(piece * 32, piece * 32 + 32);
    liar.have = (want) => ({
      want,
      sizeBytes: wrong.length,
      firstPiece: 0,
      grade: Grade.firstHand,
      pieces: Uint8Array.of(0b00110000),
      firstHand: [2, 3].map((pieceOffset) => ({ pieceOffset, hash: hashOf(pieceOffset) })),
    });
    node.swarms.give(liar.address);
    await world.clock.run(300);
    expect(await world.until(node.fetch(file))).toEqual(file.bytes);
    await world.clock.run(1_000);
    expect(liar.sentBytes).toBeGreaterThan(0);
    expect(node.swarms.banned()).toEqual([]);
    expect(node.swarms.falseWords.isDoubted({ address: liar.host })).toBe(true);
    // Not twice as much as the file: what rests on others stays.
    expect(node.moved.fromMirror).toBeLessThanOrEqual(file.bytes.length + 256 * KIB);
  });
});

import { describe, expect, test } from 'bun:test';
import { Ahead, MAX_AHEAD } from '../../src/acquire/ahead.ts';
import type { Entry } from '../../src/archive/entry.ts';
import { type MemoryNode, poolFile } from '../fixtures/memory-node.ts';
import { World } from '../fixtures/world.ts';

const LATENCY_MS = 20;

function aheadOf(node: MemoryNode, world: World, find: () => readonly Entry[]): Ahead {
  return new Ahead({
    swarms: node.swarms,
    clock: world.clock,
    isHere: (key) => node.store.stat(key) !== undefined,
    find: async () => find(),
  });
}

/** How long node b takes for a file that node a has, in virtual time. */
async function timeOf(isAhead: boolean): Promise<number> {
  await using world = new World();
  const file = poolFile(50_000);
  const [a, b] = [
    world.node('10.0.0.1', { latencyMs: LATENCY_MS }),
    world.node('10.0.0.2', { latencyMs: LATENCY_MS }),
  ];
  a.keep(file);
  b.meet(a);
  using ahead = aheadOf(b, world, () => [file.entry]);
  await world.clock.run(5_000);
  if (isAhead) ahead.changed();
  await world.clock.run(5_000);
  expect(b.swarms.wants.size).toBe(isAhead ? 1 : 0);
  const fromMs = world.clock.nowMs();
  expect(await world.until(b.fetch(file))).toEqual(file.bytes);
  const tookMs = world.clock.nowMs() - fromMs;
  expect(b.moved.fromMirror).toBe(0);
  expect(b.swarms.wants.size).toBe(0);
  return tookMs;
}

describe('Ahead', () => {
  test('who has it is known when apt asks: one round trip less', async () => {
    const [without, withIt] = [await timeOf(false), await timeOf(true)];
    expect(without - withIt).toBeGreaterThanOrEqual(2 * LATENCY_MS);
  });

  test('asks nobody to fetch: nothing comes before a flight begins', async () => {
    await using world = new World();
    const file = poolFile(50_000);
    const [a, b] = [world.node('10.0.0.1'), world.node('10.0.0.2')];
    a.keep(file);
    b.meet(a);
    using ahead = aheadOf(b, world, () => [file.entry]);
    ahead.changed();
    await world.clock.run(60_000);
    expect(a.moved.up).toBe(0);
    expect(ahead.size).toBe(1);
  });

  test('who asks ahead is no fellow, until it fetches', async () => {
    await using world = new World();
    const file = poolFile(50_000);
    const [a, b] = [world.node('10.0.0.1'), world.node('10.0.0.2')];
    b.meet(a);
    b.offersAtMirror(file);
    using ahead = aheadOf(b, world, () => [file.entry]);
    await world.clock.run(5_000);
    ahead.changed();
    await world.clock.run(5_000);
    const [peer] = a.swarms.peers();
    expect(peer?.looksFor(file.entry.key)).toBe(false);
    const fetched = b.fetch(file);
    await world.clock.run(1);
    expect(peer?.looksFor(file.entry.key)).toBe(true);
    expect(await world.until(fetched)).toEqual(file.bytes);
    await world.clock.run(100);
    expect(peer?.soughtLately(file.entry.key)).toBe(true);
  });

  test('ends after ten minutes, and is nobody’s later search then', async () => {
    await using world = new World();
    const file = poolFile(50_000);
    const [a, b] = [world.node('10.0.0.1'), world.node('10.0.0.2')];
    b.meet(a);
    using ahead = aheadOf(b, world, () => [file.entry]);
    await world.clock.run(5_000);
    ahead.changed();
    await world.clock.run(11 * 60_000);
    expect([ahead.size, b.swarms.wants.size]).toEqual([0, 0]);
    expect(a.swarms.peers()[0]?.soughtLately(file.entry.key)).toBe(false);
  });

  test('what is here, private, or no longer likely is not asked for; never more than the limit', async () => {
    await using world = new World();
    const node = world.node('10.0.0.1');
    const files = Array.from({ length: MAX_AHEAD + 20 }, (_, i) => poolFile(20, i));
    const here = poolFile(30, 9_000);
    node.keep(here);
    let entries: Entry[] = [here.entry, poolFile(40, 9_001, []).entry];
    using ahead = aheadOf(node, world, () => entries);
    ahead.changed();
    await world.clock.run(2_000);
    expect(ahead.size).toBe(0);
    entries = files.map(({ entry }) => entry);
    ahead.changed();
    await world.clock.run(2_000);
    expect([ahead.size, node.swarms.wants.size]).toEqual([MAX_AHEAD, MAX_AHEAD]);
    entries = entries.slice(0, 3);
    ahead.changed();
    await world.clock.run(2_000);
    expect([ahead.size, node.swarms.wants.size]).toEqual([3, 3]);
  });
});

/** Nodes that come up one after another, join those that are there, and ask: against those that were there all the time. */
import { expect, test } from 'bun:test';
import { seededDraw } from './draw.ts';
import { type Figures, MBIT, type Scenario, World } from './world.ts';

const FILE_BYTES = 60_000;
const NAMED = 10;

/** All ask five seconds after they come, or would have come. */
function crowdOf(nodes: number, overMs: number, more: Partial<Scenario> = {}): Scenario {
  const draw = seededDraw(5);
  const arrivalsMs = Array.from({ length: nodes }, () => draw() * overMs).sort((a, b) => a - b);
  return {
    seed: 1,
    nodes,
    arrivalsMs,
    files: [FILE_BYTES],
    errands: arrivalsMs.map((ms, node) => ({ node, atMs: ms + 5_000, files: [0] })),
    line: { upBytesPerSecond: 20 * MBIT, downBytesPerSecond: 20 * MBIT, latencyMs: 10 },
    mirror: { upBytesPerSecond: 20 * MBIT, latencyMs: 10 },
    neighbours: NAMED,
    asksAhead: true,
    ...more,
  };
}

async function run(scenario: Scenario, look: (world: World) => void = () => {}): Promise<Figures> {
  const world = new World(scenario);
  try {
    const figures = world.run();
    look(world);
    return figures;
  } finally {
    await world.stop();
  }
}

test('a newcomer has the connections that it was named, and those who come later bring more', async () => {
  await run(crowdOf(40, 60_000), ({ nodes }) => {
    const degrees = nodes.map(({ swarms }) => swarms.peers().length);
    const dialled = nodes.map(({ swarms }) => swarms.peers().filter((peer) => peer.dialled).length);
    expect(dialled).toEqual(nodes.map((_, node) => Math.min(node, NAMED)));
    expect(degrees.reduce((sum, n) => sum + n, 0)).toBe(2 * dialled.reduce((sum, n) => sum + n, 0));
    expect(degrees.at(-1)).toBe(NAMED);
    expect(Math.max(...degrees)).toBeGreaterThan(NAMED);
  });
});

test('nobody is there before it comes, and nobody meets when there are to be no neighbours', async () => {
  const scenario = crowdOf(20, 60_000, { neighbours: 0 });
  const world = new World(scenario);
  expect(world.nodes).toEqual([]);
  const figures = world.run();
  await world.stop();
  expect(world.nodes.length).toBe(20);
  expect(figures.mirrorBytes).toBe(20 * FILE_BYTES);
  expect(figures.protocolBytes).toBe(0);
});

test('World.run() with arrivals gives the same figures for the same seed, and others for another', async () => {
  const scenario = crowdOf(40, 60_000, { behindNat: 0.5 });
  const first = await run(scenario);
  expect(await run(scenario)).toEqual(first);
  expect((await run({ ...scenario, seed: 2 })).tookMs).not.toEqual(first.tookMs);
});

test('100 that come over two minutes for an upgrade cost the mirror 3 copies at most; those who are there and meet no more, twice that', async () => {
  const scenario = crowdOf(100, 120_000);
  const { arrivalsMs: _, ...standing } = scenario;
  const coming = await run(scenario);
  expect(coming.tookMs.filter((ms) => ms === undefined)).toEqual([]);
  expect(coming.mirrorBytes / FILE_BYTES).toBeLessThanOrEqual(3);
  expect((await run(standing)).mirrorBytes / FILE_BYTES).toBeGreaterThan(6);
});

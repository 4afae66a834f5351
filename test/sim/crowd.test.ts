/** Small crowds in simulated worlds: what they cost the mirror, and that nobody pays for it with time. */
import { expect, test } from 'bun:test';
import { rankOf } from '../../src/acquire/crowd.ts';
import { type Figures, MBIT, type Scenario, World } from './world.ts';
import { zeroKey } from './zeros.ts';

const SMALL_BYTES = 60_000;
const LARGE_BYTES = 8_000_000;

/** A file of one piece takes 1.2 s of it, so that claims are worth waiting for. */
const SLOW_MIRROR = { upBytesPerSecond: 0.4 * MBIT, latencyMs: 10 };
const LINE = { upBytesPerSecond: 20 * MBIT, downBytesPerSecond: 20 * MBIT, latencyMs: 10 };

function crowdOf(nodes: number, sizeBytes: number, more: Partial<Scenario> = {}): Scenario {
  return {
    seed: 1,
    nodes,
    files: [sizeBytes],
    errands: Array.from({ length: nodes }, (_, node) => ({ node, atMs: 7 * node, files: [0] })),
    line: LINE,
    mirror: { upBytesPerSecond: 20 * MBIT, latencyMs: 10 },
    neighbours: nodes - 1,
    limitMs: 600_000,
    ...more,
  };
}

async function run(scenario: Scenario, prepare: (world: World) => void = () => {}): Promise<Figures> {
  const world = new World(scenario);
  prepare(world);
  try {
    return world.run();
  } finally {
    await world.stop();
  }
}

function copies({ mirrorBytes }: Figures, { files }: Scenario): number {
  return mirrorBytes / (files[0] ?? 1);
}

function slowestMs(figures: Figures, except: readonly number[] = []): number {
  const took = figures.tookMs.filter((_, node) => !except.includes(node));
  return Math.max(...took.map((ms) => ms ?? Number.POSITIVE_INFINITY));
}

/** The nodes in the order in which claims on the file go. */
function inOrder(scenario: Scenario): number[] {
  const world = new World({ ...scenario, neighbours: 0 });
  const ranks = world.nodes.map(({ swarms }) => rankOf(swarms.peerId, zeroKey(scenario.files[0] ?? 0)));
  void world.stop();
  return ranks.map((_, node) => node).sort((a, b) => ((ranks[a] ?? '') < (ranks[b] ?? '') ? -1 : 1));
}

test('World.run() gives the same figures for the same seed, and others for another', async () => {
  const scenario = crowdOf(6, 2_000_000, { behindNat: 0.5, crashes: [{ node: 2, atMs: 300, silent: true }] });
  const first = await run(scenario);
  expect(await run(scenario)).toEqual(first);
  expect((await run({ ...scenario, seed: 2 })).tookMs).not.toEqual(first.tookMs);
});

test('World.run() without peers: each node takes its copy from the mirror, at its share of the rate', async () => {
  const scenario = crowdOf(4, LARGE_BYTES, { neighbours: 0 });
  const figures = await run(scenario);
  expect(figures.mirrorBytes).toBe(4 * LARGE_BYTES);
  expect(figures.payloadBytes).toBe(0);
  const boundMs = (4 * LARGE_BYTES * 1000) / (20 * MBIT);
  expect(slowestMs(figures)).toBeGreaterThan(boundMs);
  expect(slowestMs(figures)).toBeLessThan(boundMs * 1.02 + 200);
});

test('a node with 5 neighbours that have nothing is as quick as without them', async () => {
  const scenario = crowdOf(6, LARGE_BYTES, { errands: [{ node: 0, atMs: 0, files: [0] }] });
  const alone = await run({ ...scenario, neighbours: 0 });
  const figures = await run(scenario);
  expect(figures.mirrorBytes).toBe(LARGE_BYTES);
  expect(slowestMs(figures)).toBeLessThan(1.05 * slowestMs(alone));
});

test('on a local network, what a neighbour has comes 20 times as fast as from a mirror of 10 Mbit/s, and all from it', async () => {
  const scenario = crowdOf(2, LARGE_BYTES, {
    errands: [{ node: 0, atMs: 0, files: [0] }],
    line: { upBytesPerSecond: 1000 * MBIT, downBytesPerSecond: 1000 * MBIT, latencyMs: 0.2 },
    mirror: { upBytesPerSecond: 10 * MBIT, latencyMs: 10 },
    isLan: true,
    seeds: [1],
  });
  const figures = await run(scenario);
  expect(figures.mirrorBytes).toBe(0);
  expect(figures.payloadBytes).toBe(LARGE_BYTES);
  expect(20 * slowestMs(figures)).toBeLessThan(slowestMs(await run({ ...scenario, neighbours: 0 })));
});

test('a crowd of 8 costs at most 1.5 copies of a large file, and is much quicker than without peers', async () => {
  const scenario = crowdOf(8, LARGE_BYTES);
  const figures = await run(scenario);
  expect(copies(figures, scenario)).toBeLessThanOrEqual(1.5);
  expect(slowestMs(figures)).toBeLessThan(0.5 * slowestMs(await run({ ...scenario, neighbours: 0 })));
});

test('nobody in a crowd of 8 waits for a file that the mirror has for one client in 60 ms', async () => {
  const line = { upBytesPerSecond: 50 * MBIT, downBytesPerSecond: 50 * MBIT, latencyMs: 10 };
  const scenario = crowdOf(8, SMALL_BYTES, {
    line,
    mirror: { upBytesPerSecond: 1000 * MBIT, latencyMs: 10 },
  });
  const alone = await run({ ...scenario, neighbours: 0 });
  const figures = await run(scenario);
  figures.tookMs.forEach((ms, node) => {
    expect(ms).toBeLessThan(1.1 * (alone.tookMs[node] ?? 0) + 20);
  });
});

test('a crowd of 8 costs at most 1.5 copies of a file of one piece that takes a second of the mirror', async () => {
  const scenario = crowdOf(8, SMALL_BYTES, { mirror: SLOW_MIRROR });
  expect(copies(await run(scenario), scenario)).toBeLessThanOrEqual(1.5);
});

test('the first two in order claim and crash, without a word: the others have the file all the same', async () => {
  for (const sizeBytes of [SMALL_BYTES, LARGE_BYTES]) {
    const scenario = crowdOf(8, sizeBytes);
    const gone = inOrder(scenario).slice(0, 2);
    const crashes = gone.map((node) => ({ node, atMs: 60, silent: true }));
    const figures = await run({ ...scenario, crashes });
    for (const node of gone) expect(figures.tookMs[node]).toBeUndefined();
    expect(slowestMs(figures, gone)).toBeLessThan(slowestMs(await run({ ...scenario, neighbours: 0 })) + 700);
    if (sizeBytes === LARGE_BYTES) expect(copies(figures, scenario)).toBeLessThan(3);
  }
});

test('the first in order claims and never fetches: nobody waits for it longer than patience has it', async () => {
  for (const sizeBytes of [SMALL_BYTES, LARGE_BYTES]) {
    const scenario = crowdOf(8, sizeBytes, { limitMs: 120_000 });
    const hanging = inOrder(scenario).slice(0, 1);
    const figures = await run({ ...scenario, hanging });
    const aloneMs = slowestMs(await run({ ...scenario, neighbours: 0 }));
    expect(slowestMs(figures, hanging)).toBeLessThan(1.1 * aloneMs + 400);
    if (sizeBytes === LARGE_BYTES) expect(copies(figures, scenario)).toBeLessThan(3);
  }
});

test('half of a crowd behind NAT: at most 2 copies', async () => {
  const scenario = crowdOf(8, LARGE_BYTES, { behindNat: 0.5 });
  expect(copies(await run(scenario), scenario)).toBeLessThanOrEqual(2);
});

// Today files wait behind one another's bytes at the same peers, whose rate each flight counts as its own.
test.failing('behind a mirror that is quicker than they are, nobody of 8 is made to wait', async () => {
  const line = { upBytesPerSecond: 50 * MBIT, downBytesPerSecond: 50 * MBIT, latencyMs: 10 };
  const mirror = { upBytesPerSecond: 1000 * MBIT, latencyMs: 5 };
  const files = Array.from({ length: 30 }, (_, i) => 20_000 + i * i * 2_000);
  const errands = Array.from({ length: 8 }, (_, node) => ({
    node,
    atMs: 5 * node,
    files: files.map((_, f) => f),
  }));
  const scenario: Scenario = { ...crowdOf(8, SMALL_BYTES), line, mirror, files, errands };
  const alone = await run({ ...scenario, neighbours: 0 });
  expect(slowestMs(await run(scenario))).toBeLessThan(1.1 * slowestMs(alone));
});

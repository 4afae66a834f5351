/**
 * One seed with a limit, and a crowd that wants all it has at once, without a mirror: every piece should leave the seed
 * about once, and go from hand to hand from there on.
 */
import { expect, test } from 'bun:test';
import { type Draw, drawNormal, seededDraw } from './draw.ts';
import { MBIT, type Scenario, World } from './world.ts';

const SEED_BYTES_PER_SECOND = 10_000_000;
const MEDIAN_BYTES = 100 * 1024;
const LARGEST_BYTES = 30_000_000;

/** Sizes as packages have them (log-normal), no two alike, the largest among the first hundred. */
function packages(draw: Draw, totalBytes: number): number[] {
  const sizes = new Set<number>([Math.min(LARGEST_BYTES, totalBytes / 4)]);
  let bytes = [...sizes][0] ?? 0;
  while (bytes < totalBytes) {
    const size = Math.min(
      LARGEST_BYTES,
      Math.max(2_000, Math.round(MEDIAN_BYTES * Math.exp(1.6 * drawNormal(draw)))),
    );
    if (sizes.has(size)) continue;
    sizes.add(size);
    bytes += size;
  }
  return [...sizes]
    .map((size) => ({ size, place: draw() }))
    .sort((a, b) => a.place - b.place)
    .map(({ size }) => size);
}

function limitedSeed(takers: number, totalBytes: number, more: Partial<Scenario> = {}): Scenario {
  const files = packages(seededDraw(7), totalBytes);
  return {
    seed: 3,
    nodes: takers + 1,
    files,
    errands: Array.from({ length: takers }, (_, i) => ({
      node: i + 1,
      atMs: 3 * i,
      files: files.map((_, f) => f),
    })),
    line: { upBytesPerSecond: 1000 * MBIT, downBytesPerSecond: 1000 * MBIT, latencyMs: 0.2 },
    mirror: { upBytesPerSecond: 100 * MBIT, latencyMs: 5 },
    mirrorIsAway: true,
    neighbours: takers,
    seeds: [0],
    seedLimit: SEED_BYTES_PER_SECOND,
    limitMs: 300_000,
    ...more,
  };
}

/** The slowest taker's time over the time that the seed needs to say everything once; and how often it said it. */
async function run(
  scenario: Scenario,
): Promise<{ overBound: number; copies: number; protocolShare: number }> {
  const world = new World(scenario);
  try {
    const { tookMs, wantedBytes, protocolBytes } = world.run();
    const once = scenario.files.reduce((sum, bytes) => sum + bytes, 0);
    const slowestMs = Math.max(...tookMs.map((ms) => ms ?? Number.POSITIVE_INFINITY));
    return {
      overBound: slowestMs / ((once / SEED_BYTES_PER_SECOND) * 1000),
      copies: (world.nodes[0]?.toPeersBytes ?? 0) / once,
      protocolShare: protocolBytes / wantedBytes,
    };
  } finally {
    await world.stop();
  }
}

test('8 takers of 40 MB at once from a seed of 10 MB/s: at most 1.2 times what once through its line takes', async () => {
  const figures = await run(limitedSeed(8, 40_000_000));
  expect(figures.overBound).toBeLessThan(1.2);
  expect(figures.copies).toBeLessThan(1.1);
  expect(figures.protocolShare).toBeLessThan(0.015);
}, 60_000);

test('takers of which half can’t be dialled, over lines of 200 Mbit/s: at most 1.35 times', async () => {
  const line = { upBytesPerSecond: 200 * MBIT, downBytesPerSecond: 200 * MBIT, latencyMs: 10 };
  const figures = await run(limitedSeed(8, 40_000_000, { line, behindNat: 0.5 }));
  expect(figures.overBound).toBeLessThan(1.35);
}, 60_000);

test('takers that don’t know each other are served all the same, in no more than their number times the line', async () => {
  const figures = await run(limitedSeed(3, 8_000_000, { meetsSeedsOnly: true }));
  expect(figures.overBound).toBeLessThan(3.5);
}, 60_000);

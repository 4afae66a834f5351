/**
 * The stories that bench/sim.ts tells: for a number of nodes, who wants what, when, over which lines. Lines of machines
 * and mirror are 20 Mbit/s each way unless a story says otherwise; each node has 50 neighbours.
 */
import { type Draw, drawInt, drawNormal, seededDraw } from '../../test/sim/draw.ts';
import { type Errand, MBIT, type Scenario } from '../../test/sim/world.ts';

export interface Crowd {
  readonly name: string;
  /** For people. */
  readonly title: string;
  /** Numbers of nodes for a run of minutes. */
  readonly sizes: readonly number[];
  scenario(nodes: number, seed: number): Scenario;
}

const SMALL_BYTES = 60_000;
const LARGE_BYTES = 64_000_000;
const SECOND_MS = 1_000;
const HOUR_MS = 3_600_000;
const UPGRADE_FILES = 60;

const MANY = [2, 4, 8, 16, 64, 256, 1024];
const FEW = [2, 4, 8, 16, 32, 64];

const LINE = { upBytesPerSecond: 20 * MBIT, downBytesPerSecond: 20 * MBIT, latencyMs: 10 };
const MIRROR = { upBytesPerSecond: 20 * MBIT, latencyMs: 10 };

type Times = (draw: Draw, nodes: number) => number[];

const withinASecond: Times = (draw, nodes) => Array.from({ length: nodes }, () => draw() * SECOND_MS);
/** A Poisson process over the hour, given how many came. */
const overAnHour: Times = (draw, nodes) => Array.from({ length: nodes }, () => draw() * HOUR_MS);

/** All want the same one file. */
function oneFile(sizeBytes: number, times: Times, more: Partial<Scenario> = {}) {
  return (nodes: number, seed: number): Scenario => ({
    seed,
    nodes,
    files: [sizeBytes],
    errands: times(seededDraw(seed ^ 0x5eed), nodes).map((atMs, node) => ({ node, atMs, files: [0] })),
    line: LINE,
    mirror: MIRROR,
    neighbours: 50,
    ...more,
  });
}

/** Machines that come up over an hour, join those that are there by then, and ask for one file 5 s later. */
function comingToOneFile(more: Partial<Scenario>) {
  return (nodes: number, seed: number): Scenario => {
    const arrivalsMs = overAnHour(seededDraw(seed ^ 0x5eed), nodes).sort((a, b) => a - b);
    return {
      seed,
      nodes,
      arrivalsMs,
      files: [SMALL_BYTES],
      errands: arrivalsMs.map((ms, node) => ({ node, atMs: ms + 5 * SECOND_MS, files: [0] })),
      line: LINE,
      mirror: MIRROR,
      neighbours: 50,
      ...more,
    };
  };
}

/** All upgrade the same packages, of sizes as in bookworm main: the median 58 KiB, four of five below 512 KiB. */
function upgrade(times: Times, more: Partial<Scenario> = {}) {
  return (nodes: number, seed: number): Scenario => {
    const draw = seededDraw(seed ^ 0xdeb);
    const files = packageSizes(draw, UPGRADE_FILES);
    const all = files.map((_, file) => file);
    return {
      seed,
      nodes,
      files,
      errands: times(draw, nodes).map((atMs, node) => ({ node, atMs, files: all })),
      line: LINE,
      mirror: MIRROR,
      neighbours: 50,
      ...more,
    };
  };
}

/** Packages of an archive of which each node has its own selection; most are on very few machines. */
function popularity(nodes: number, seed: number): Scenario {
  const draw = seededDraw(seed ^ 0x909);
  const files = packageSizes(draw, 2_000);
  const shares = files.map((_, rank) => installedShare(rank / files.length));
  const errands: Errand[] = overAnHour(draw, nodes).map((atMs, node) => {
    // One package in a hundred changes a day: an upgrade asks for a part of what is installed.
    const wanted = shares.flatMap((share, file) => (draw() < share ? [file] : []));
    const asked = wanted.filter(() => draw() < 0.3);
    return { node, atMs, files: asked.length > 0 ? asked : [0] };
  });
  return { seed, nodes, files, errands, line: LINE, mirror: MIRROR, neighbours: 50 };
}

/** Share of machines that have the package at this place (0 to 1) in the order of popularity: a fifth are on more than 1 %. */
function installedShare(place: number): number {
  return Math.min(0.95, 0.01 * (0.2 / Math.max(place, 1e-4)) ** 1.5);
}

/** Lengths that are all different, as the simulated bytes want it. */
function packageSizes(draw: Draw, count: number): number[] {
  const sizes = new Set<number>();
  while (sizes.size < count) {
    const bytes = Math.round(58 * 1024 * Math.exp(2.3 * drawNormal(draw)));
    sizes.add(Math.min(Math.max(bytes, 1_000), 20_000_000) + drawInt(draw, 256));
  }
  return [...sizes];
}

export const CROWDS: readonly Crowd[] = [
  {
    name: 'flash-small',
    title: '60 KB, all within a second',
    sizes: MANY,
    scenario: oneFile(SMALL_BYTES, withinASecond),
  },
  {
    name: 'flash-wide',
    title: '60 KB, all within a second, mirror of 1 Gbit/s',
    sizes: [16, 256, 1024, 10_000],
    scenario: oneFile(SMALL_BYTES, withinASecond, {
      mirror: { upBytesPerSecond: 1000 * MBIT, latencyMs: 10 },
    }),
  },
  {
    name: 'flash-small-nat',
    title: '60 KB, all within a second, half behind NAT',
    sizes: MANY,
    scenario: oneFile(SMALL_BYTES, withinASecond, { behindNat: 0.5 }),
  },
  {
    name: 'hour-small',
    title: '60 KB, over an hour',
    sizes: [2, 8, 64, 256, 1024, 10_000],
    scenario: oneFile(SMALL_BYTES, overAnHour),
  },
  {
    name: 'hour-join',
    title: '60 KB, machines come up over an hour, an upgrade',
    sizes: [2, 8, 64, 256, 1024, 2048],
    scenario: comingToOneFile({ asksAhead: true }),
  },
  {
    name: 'hour-join-new',
    title: '60 KB, machines come up over an hour, new to them',
    sizes: [256, 1024],
    scenario: comingToOneFile({}),
  },
  {
    name: 'flash-large',
    title: '64 MB, all within a second',
    sizes: FEW,
    scenario: oneFile(LARGE_BYTES, withinASecond),
  },
  {
    name: 'flash-large-nat',
    title: '64 MB, all within a second, half behind NAT',
    sizes: FEW,
    scenario: oneFile(LARGE_BYTES, withinASecond, { behindNat: 0.5 }),
  },
  {
    name: 'hour-large',
    title: '64 MB, over an hour',
    sizes: [2, 8, 32],
    scenario: oneFile(LARGE_BYTES, overAnHour),
  },
  {
    name: 'upgrade',
    title: 'the same 60 packages, all within a second',
    sizes: [2, 4, 8, 16, 32],
    scenario: upgrade(withinASecond),
  },
  {
    name: 'upgrade-nat',
    title: 'the same 60 packages, all within a second, half behind NAT',
    sizes: [2, 4, 8, 16, 32],
    scenario: upgrade(withinASecond, { behindNat: 0.5 }),
  },
  {
    name: 'fast-mirror',
    title: 'the same 60 packages within a second, lines of 50 Mbit/s, mirror of 1 Gbit/s',
    sizes: [8],
    scenario: upgrade(withinASecond, {
      line: { upBytesPerSecond: 50 * MBIT, downBytesPerSecond: 50 * MBIT, latencyMs: 10 },
      mirror: { upBytesPerSecond: 1000 * MBIT, latencyMs: 5 },
    }),
  },
  {
    name: 'popularity',
    title: 'own selections of 2,000 packages, over an hour',
    sizes: [16, 64, 256],
    scenario: popularity,
  },
  {
    name: 'popularity-nat',
    title: 'own selections of 2,000 packages, over an hour, half behind NAT',
    sizes: [16, 64, 256],
    scenario: (nodes, seed) => ({ ...popularity(nodes, seed), behindNat: 0.5 }),
  },
];

/**
 * The same errand with and without adversaries, in simulated time: what tests of adversaries compare. Every scene has
 * honest nodes with mirrors of their own, and places for hostile ones; the errand is what apt does: files in order,
 * ten at a time.
 */
import { expect } from 'bun:test';
import { type MemoryNode, type PoolFile, poolFile, SWARM } from '../fixtures/memory-node.ts';
import { World } from '../fixtures/world.ts';
import { memoryGround } from './grounds.ts';
import type { Hostile, StartAdversary } from './hostile.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const AT_ONCE = 10;
const MIRROR_RATE = MIB;

/** Twelve that are one piece, three that are several. */
export const FILES: readonly PoolFile[] = [
  20, 70, 40, 1024, 150, 45, 250, 10, 1536, 100, 30, 60, 640, 15, 130,
].map((kib, i) => poolFile(kib * KIB, 100 + i));

export interface Outcome {
  readonly tookMs: number;
  readonly world: World;
  readonly nodes: readonly MemoryNode[];
  readonly hostiles: readonly Hostile[];
  /** Addresses that any honest node has banned. */
  readonly banned: ReadonlySet<string>;
  readonly mirrorBytes: number;
}

export interface SceneOptions {
  /** Honest nodes that run the errand. */
  readonly honest: number;
  /** Honest nodes that have all files from the start. */
  readonly seeders?: number;
  /** Addresses of the hostile ones. */
  readonly hostile: readonly string[];
  readonly mirrorIsDead?: boolean;
}

/** Runs the errand at all honest nodes at once and checks every byte; undefined: the same without adversaries. */
export async function runErrand(
  options: SceneOptions,
  kinds: readonly StartAdversary[],
  after: (outcome: Outcome) => void | Promise<void> = () => {},
  files = FILES,
): Promise<Outcome> {
  await using world = new World();
  const { honest, seeders = 0, mirrorIsDead = false } = options;
  const nodes = Array.from({ length: honest + seeders }, (_, i) => {
    const node = world.node(`10.0.0.${i + 1}`, { latencyMs: 1, bytesPerSecond: 4 * MIB, seed: i + 1 });
    node.mirror.bytesPerSecond = MIRROR_RATE;
    node.mirror.dead = mirrorIsDead;
    return node;
  });
  for (const file of files) for (const node of nodes) node.offersAtMirror(file);
  const hosts = kinds.length > 0 ? options.hostile : [];
  await using lives = new AsyncDisposableStack();
  const hostiles: Hostile[] = [];
  for (const [i, host] of hosts.entries()) {
    world.network.shape(host, { latencyMs: 1, bytesPerSecond: 4 * MIB });
    const start = kinds[i % kinds.length] as StartAdversary;
    const victims = nodes.map(({ address }) => address);
    const aim = {
      swarms: [SWARM],
      files: files.map(({ entry, bytes }) => ({ key: entry.key, bytes })),
      victims,
    };
    hostiles.push(lives.use(await start(memoryGround(world.network, host), aim)));
  }
  await world.clock.run(300);
  for (const seeder of nodes.slice(honest)) for (const file of files) seeder.keep(file);
  for (const node of nodes) node.meet(...nodes.filter((other) => other !== node));
  await world.clock.run(3_000);
  const startedMs = world.clock.nowMs();
  await world.until(Promise.all(nodes.slice(0, honest).map((node) => fetchInOrder(node, files))), 600_000);
  const tookMs = world.clock.nowMs() - startedMs;
  await world.clock.run(1_000);
  const banned = new Set(nodes.flatMap((node) => node.swarms.banned().map(({ address }) => address)));
  const mirrorBytes = nodes.reduce((sum, { moved }) => sum + moved.fromMirror, 0);
  const outcome = { tookMs, world, nodes, hostiles, banned, mirrorBytes };
  await after(outcome);
  return outcome;
}

async function fetchInOrder(node: MemoryNode, files: readonly PoolFile[]): Promise<void> {
  const left = [...files];
  const lane = async () => {
    for (let file = left.shift(); file; file = left.shift()) {
      const bytes = await fetchAsApt(node, file);
      expect(Buffer.compare(bytes, file.bytes)).toBe(0);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
}

/** What is cut is asked for again, as apt does. */
async function fetchAsApt(node: MemoryNode, file: PoolFile): Promise<Uint8Array> {
  try {
    return await node.fetch(file);
  } catch {
    return await node.fetch(file);
  }
}

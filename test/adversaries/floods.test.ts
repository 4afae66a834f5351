/**
 * Nodes under siege, in simulated time: whatever is poured over one, it keeps serving others, it bans nobody who is
 * honest, and what it keeps of its besieger stays within limits.
 */
import { describe, expect, setDefaultTimeout, test } from 'bun:test';
import { type MemoryNode, poolFile, SWARM } from '../fixtures/memory-node.ts';
import { World } from '../fixtures/world.ts';
import { start as cacheProber } from './cache-prober.ts';
import { start as cancelFlood } from './cancel-flood.ts';
import { start as connectionHog } from './connection-hog.ts';
import { memoryGround } from './grounds.ts';
import { start as halfOpen } from './half-open.ts';
import { start as hashRequestFlood } from './hash-request-flood.ts';
import { start as haveFlood } from './have-flood.ts';
import type { Hostile, StartAdversary } from './hostile.ts';
import { start as neverAnswers } from './never-answers.ts';
import { start as neverSends } from './never-sends.ts';
import { start as pexFlood } from './pex-flood.ts';
import { start as reconnectStorm } from './reconnect-storm.ts';
import { start as wantFlood } from './want-flood.ts';

setDefaultTimeout(60_000);

const MIB = 1024 * 1024;
const FILE = poolFile(3 * MIB, 7);
const STRANGER = '198.51.100.7';
const NEAR = '10.0.0.66';
const SIEGE_MS = 3_000;

interface Siege {
  readonly world: World;
  readonly victim: MemoryNode;
  readonly newcomer: MemoryNode;
  readonly hostile: Hostile | undefined;
  /** How long the newcomer took to get the file from the victim. */
  readonly tookMs: number;
}

/** A node that has the file is besieged from `host`; after a while a newcomer asks it for the file, and has no mirror. */
async function besiege(
  start: StartAdversary | undefined,
  host: string,
  look: (siege: Siege) => void | Promise<void> = () => {},
): Promise<number> {
  await using world = new World();
  const victim = world.node('10.0.0.1', { latencyMs: 1, bytesPerSecond: 4 * MIB });
  victim.keep(FILE);
  await using lives = new AsyncDisposableStack();
  world.network.shape(host, { latencyMs: 1 });
  const aim = {
    swarms: [SWARM],
    files: [{ key: FILE.entry.key, bytes: FILE.bytes }],
    victims: [victim.address],
  };
  const hostile = start && lives.use(await start(memoryGround(world.network, host), aim));
  await world.clock.run(SIEGE_MS);
  const newcomer = world.node(host === NEAR ? '10.0.0.2' : '203.0.113.50', { latencyMs: 1 });
  newcomer.mirror.dead = true;
  newcomer.meet(victim);
  await world.clock.run(3_000);
  expect(newcomer.swarms.peers()).toHaveLength(1);
  const before = world.clock.nowMs();
  expect(Buffer.compare(await world.until(newcomer.fetch(FILE)), FILE.bytes)).toBe(0);
  const tookMs = world.clock.nowMs() - before;
  expect(newcomer.swarms.banned()).toEqual([]);
  expect(victim.swarms.banned().filter(({ address }) => address !== host)).toEqual([]);
  await look({ world, victim, newcomer, hostile, tookMs });
  return tookMs;
}

const FLOODS: Readonly<Record<string, StartAdversary>> = {
  cacheProber,
  cancelFlood,
  connectionHog,
  halfOpen,
  hashRequestFlood,
  haveFlood,
  pexFlood,
  reconnectStorm,
  wantFlood,
};

describe.each([
  ['a stranger', STRANGER],
  ['the local network', NEAR],
])('besieged from %s', (_title, host) => {
  test.each(Object.keys(FLOODS))('%s: a newcomer is let in and served hardly later', async (name) => {
    const undisturbedMs = await besiege(undefined, host);
    const tookMs = await besiege(FLOODS[name], host, ({ world, hostile }) => {
      expect(hostile?.connections).toBeGreaterThan(0);
      // Two ends each: those that wait, and those that are connected.
      expect(world.network.openEnds).toBeLessThanOrEqual(2 * 300);
    });
    expect(tookMs).toBeLessThan(1.5 * undisturbedMs + 300);
  });
});

describe('what a besieger gets for its pains', () => {
  test('halfOpen: of ten thousand connections from a hundred addresses only so many are open at once', async () => {
    await using world = new World();
    const victim = world.node('10.0.0.1', { latencyMs: 1 });
    await using lives = new AsyncDisposableStack();
    for (let i = 0; i < 100; i += 1) {
      const aim = { swarms: [SWARM], files: [], victims: [victim.address] };
      lives.use(await halfOpen(memoryGround(world.network, `198.51.${i}.7`), aim));
    }
    let most = 0;
    for (let i = 0; i < 15; i += 1) {
      await world.clock.run(100);
      most = Math.max(most, world.network.openEnds);
    }
    expect(world.network.dials.length).toBeGreaterThanOrEqual(10_000);
    expect(most).toBeLessThanOrEqual(2 * 200);
  });

  test('hashRequestFlood: no more than the work of a peer’s budget, then refusals', async () => {
    await besiege(hashRequestFlood, STRANGER, ({ world, hostile }) => {
      const answered = hostile?.heard.get('hashes') ?? 0;
      expect(answered).toBeGreaterThan(0);
      expect(hostile?.heard.get('hash-reject') ?? 0).toBeGreaterThan(0);
      // src/swarm/hash-answers.ts: 200,000 hashes at once, 50,000 a second; here 12 pieces and 16 hashes an answer.
      const seconds = (world.clock.nowMs() - 1_000_000) / 1_000;
      expect(answered * 28).toBeLessThanOrEqual(200_000 + 50_000 * seconds);
    });
  });

  test('cacheProber: a stranger that has asked for its thousand keys of the hour is told that nothing is here', async () => {
    await besiege(cacheProber, STRANGER, ({ hostile }) => {
      expect(hostile?.heard.get('none') ?? 0).toBeGreaterThan(0);
      expect(hostile?.heard.get('have') ?? 0).toBe(0);
    });
  });

  test('pexFlood: a stranger’s hints lead to a bounded number of dials, and never into our own network', async () => {
    await besiege(pexFlood, STRANGER, async ({ world, victim }) => {
      await world.clock.run(120_000);
      const dials = world.network.dials.filter((at) => at !== `${victim.host}:9989`);
      expect(dials.filter((at) => at.startsWith('10.'))).toEqual([]);
      expect(new Set(dials).size).toBeLessThanOrEqual(200);
      expect(dials.length).toBeGreaterThan(0);
    });
  });

  test('reconnectStorm: is refused after a while, and accepted again when it has calmed down', async () => {
    await besiege(reconnectStorm, STRANGER, ({ hostile }) => {
      const { connections = 0, heard } = hostile ?? {};
      expect(connections).toBeGreaterThan(100);
      expect(heard?.get('hello') ?? 0).toBeLessThan(100);
    });
  });
});

describe('a crowd of those that are of no use', () => {
  /** A node without a mirror, one that has the file, and `count` that are hostile. */
  async function among(start: StartAdversary, count: number): Promise<number> {
    await using world = new World();
    const victim = world.node('10.0.0.1', { latencyMs: 1 });
    victim.mirror.dead = true;
    await using lives = new AsyncDisposableStack();
    const aim = {
      swarms: [SWARM],
      files: [{ key: FILE.entry.key, bytes: FILE.bytes }],
      victims: [victim.address],
    };
    for (let i = 0; i < count; i += 1) {
      const host = `198.51.${i}.7`;
      world.network.shape(host, { latencyMs: 1 });
      lives.use(await start(memoryGround(world.network, host), aim));
    }
    await world.clock.run(1_000);
    const honest = world.node('203.0.113.50', { latencyMs: 1 });
    honest.keep(FILE);
    victim.swarms.found(SWARM, [honest.address]);
    await world.clock.run(2_000);
    expect(victim.swarms.peers()).toHaveLength(count + 1);
    const before = world.clock.nowMs();
    expect(Buffer.compare(await world.until(victim.fetch(FILE)), FILE.bytes)).toBe(0);
    return world.clock.nowMs() - before;
  }

  test('neverAnswers: the one that has the file is asked all the same', async () => {
    expect(await among(neverAnswers, 20)).toBeLessThan(3_000);
  });

  test('neverSends: others are asked when those that have it bring nothing', async () => {
    expect(await among(neverSends, 20)).toBeLessThan(10_000);
  });
});

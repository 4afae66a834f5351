/** Whole nodes on a network in memory: who has, who fetches, who lies. */
import { describe, expect, test } from 'bun:test';
import { TokenBucket } from '../../src/lib/token-bucket.ts';
import { StandardSwarms } from '../../src/standard/standard-swarms.ts';
import type { Torrent } from '../../src/standard/torrent.ts';
import type { Metainfo } from '../../src/torrent/metainfo.ts';
import { random } from '../bencode/random.ts';
import { MemoryNetwork } from '../fixtures/memory-network.ts';
import { VirtualClock } from '../fixtures/virtual-clock.ts';
import { type Made, MemoryStorage, made } from './made.ts';

const PORT = 6881;

class Node {
  readonly swarms: StandardSwarms;
  readonly host: string;
  storage: MemoryStorage | undefined;
  torrent: Torrent | undefined;
  metainfo: Metainfo | undefined;
  error: Error | undefined;

  constructor(network: MemoryNetwork, host: string, uploadLimit = 0) {
    const { clock } = network;
    this.host = host;
    const source = random(Number(host.split('.').at(-1)));
    const bucket = new TokenBucket(uploadLimit, clock.nowMs());
    this.swarms = new StandardSwarms({
      clock,
      ...network.node(host),
      peerId: new Uint8Array(20).fill(Number(host.split('.').at(-1))),
      client: `test ${host}`,
      uploadBuckets: { lan: bucket, wan: bucket },
      downloadBucket: new TokenBucket(0, clock.nowMs()),
      draw: () => source.int(1e6) / 1e6,
    });
    this.swarms.listen({ host, port: PORT });
  }

  join(what: Made, how: 'seed' | 'leech' | 'magnet'): Torrent {
    const { metainfo } = what;
    this.torrent = this.swarms.add({
      infoHashV1: metainfo.infoHashV1,
      infoHashV2: metainfo.infoHashV2,
      ...(how !== 'magnet' && { metainfo }),
      storage: () => {
        this.storage = new MemoryStorage(what, how === 'seed');
        return this.storage;
      },
      events: {
        known: (known) => {
          this.metainfo = known;
        },
        failed: (error) => {
          this.error = error;
        },
      },
    });
    return this.torrent;
  }

  meet(...others: readonly Node[]): void {
    for (const { host } of others) this.torrent?.found({ host, port: PORT }, { isGiven: true });
  }

  get isDone(): boolean {
    return this.torrent?.status().phase === 'seeding';
  }

  has({ space }: Made): boolean {
    return Buffer.compare(this.storage?.space.subarray(0, space.length) ?? new Uint8Array(0), space) === 0;
  }
}

async function world(run: (network: MemoryNetwork, clock: VirtualClock) => Promise<Node[]>): Promise<void> {
  const clock = new VirtualClock();
  const network = new MemoryNetwork(clock);
  const nodes = await run(network, clock);
  for (const node of nodes) await node.swarms[Symbol.asyncDispose]();
  await clock.run(1_000);
  expect(network.openEnds).toBe(0);
  expect(clock.pending).toBe(0);
}

async function untilDone(clock: VirtualClock, nodes: readonly Node[], limitMs = 60_000): Promise<void> {
  for (let ms = 0; ms < limitMs && !nodes.every(({ isDone }) => isDone); ms += 250) await clock.run(250);
  for (const node of nodes)
    expect([node.host, node.torrent?.status()]).toMatchObject([node.host, { phase: 'seeding' }]);
}

const SIZES = { a: 400_000, 'b/c': 70_000, 'b/d': 0, e: 33_000, f: 1 };

describe('Torrent', () => {
  test.each([
    ['v1', 'leech'],
    ['v2', 'leech'],
    ['hybrid', 'leech'],
    ['v1', 'magnet'],
    ['v2', 'magnet'],
    ['hybrid', 'magnet'],
  ] as const)('a %s torrent as %s comes from a seed', (kind, how) =>
    world(async (network, clock) => {
      const what = made({ kind, sizes: SIZES });
      const [seed, leech] = [new Node(network, '10.0.0.1'), new Node(network, '10.0.0.2')];
      seed.join(what, 'seed');
      leech.join(what, how);
      leech.meet(seed);
      await untilDone(clock, [seed, leech]);
      expect(leech.has(what)).toBe(true);
      expect(leech.metainfo?.name ?? leech.torrent?.status().name).toBe('made');
      expect(leech.torrent?.status().fromPeers).toBe(503_001);
      return [seed, leech];
    }),
  );

  test('a torrent whose pieces reach over files comes from a seed', () =>
    world(async (network, clock) => {
      const what = made({ kind: 'v1', sizes: SIZES, isPacked: true });
      const [seed, leech] = [new Node(network, '10.0.0.1'), new Node(network, '10.0.0.2')];
      seed.join(what, 'seed');
      leech.join(what, 'leech');
      leech.meet(seed);
      await untilDone(clock, [leech]);
      expect(leech.has(what)).toBe(true);
      return [seed, leech];
    }));

  test('the layers of a v2 torrent of more pieces than one HASH REQUEST asks for', () =>
    world(async (network, clock) => {
      const what = made({ kind: 'v2', sizes: 600 * 16_384 + 5, pieceLength: 16_384 });
      const [seed, leech] = [new Node(network, '10.0.0.1'), new Node(network, '10.0.0.2')];
      seed.join(what, 'seed');
      leech.join(what, 'magnet');
      leech.meet(seed);
      await untilDone(clock, [leech]);
      expect(leech.has(what)).toBe(true);
      return [seed, leech];
    }));

  test('leechers give each other what a slow seed has given one of them', () =>
    world(async (network, clock) => {
      const what = made({ kind: 'hybrid', sizes: 2_000_000 });
      const seed = new Node(network, '10.0.0.1', 200_000);
      const leeches = [2, 3, 4, 5].map((n) => new Node(network, `10.0.0.${n}`));
      seed.join(what, 'seed');
      for (const leech of leeches) leech.join(what, 'leech');
      for (const leech of leeches) leech.meet(seed, ...leeches.filter((other) => other !== leech));
      await untilDone(clock, leeches, 120_000);
      for (const leech of leeches) expect(leech.has(what)).toBe(true);
      // Eight million bytes have come to them; not all of them can have come from the seed.
      expect(seed.torrent?.status().uploaded).toBeLessThan(4_000_000);
      return [seed, ...leeches];
    }));

  test('peers are heard of by peers', () =>
    world(async (network, clock) => {
      const what = made({ kind: 'v1', sizes: 3_000_000 });
      const seed = new Node(network, '10.0.0.1', 20_000);
      const leeches = [2, 3].map((n) => new Node(network, `10.0.0.${n}`));
      seed.join(what, 'seed');
      for (const leech of leeches) {
        leech.join(what, 'leech');
        leech.meet(seed);
      }
      await clock.run(130_000);
      for (const leech of leeches) expect(leech.torrent?.peers.length).toBe(2);
      return [seed, ...leeches];
    }));

  test('a private torrent tells nobody of anybody', () =>
    world(async (network, clock) => {
      const what = made({ kind: 'v1', sizes: 3_000_000, isPrivate: true });
      const seed = new Node(network, '10.0.0.1', 20_000);
      const leeches = [2, 3].map((n) => new Node(network, `10.0.0.${n}`));
      seed.join(what, 'seed');
      for (const leech of leeches) {
        leech.join(what, 'leech');
        leech.meet(seed);
      }
      await clock.run(130_000);
      for (const leech of leeches) expect(leech.torrent?.peers.length).toBe(1);
      return [seed, ...leeches];
    }));

  test('who sends wrong pieces is banned, and the file comes from others', () =>
    world(async (network, clock) => {
      const what = made({ kind: 'v2', sizes: 1_000_000 });
      const [liar, seed, leech] = [1, 2, 3].map((n) => new Node(network, `10.0.0.${n}`)) as [
        Node,
        Node,
        Node,
      ];
      liar.join(what, 'seed');
      seed.join(what, 'seed');
      leech.join(what, 'leech');
      await clock.run(1_000);
      liar.storage?.space.fill(9);
      leech.meet(liar, seed);
      await untilDone(clock, [leech]);
      expect(leech.has(what)).toBe(true);
      expect(leech.swarms.isBanned(liar.host)).toBe(true);
      expect(leech.swarms.isBanned(seed.host)).toBe(false);
      return [liar, seed, leech];
    }));

  test('metadata that is not of the info-hash is its sender’s fault alone', () =>
    world(async (network, clock) => {
      const what = made({ kind: 'v1', sizes: 100_000 });
      const other = made({ kind: 'v1', sizes: 100_001 });
      const [liar, seed, leech] = [1, 2, 3].map((n) => new Node(network, `10.0.0.${n}`)) as [
        Node,
        Node,
        Node,
      ];
      // It goes by the right info-hash and hands out another dictionary.
      liar.join({ ...other, metainfo: { ...other.metainfo, infoHashV1: what.metainfo.infoHashV1 } }, 'seed');
      seed.join(what, 'seed');
      leech.join(what, 'magnet');
      leech.meet(liar, seed);
      await untilDone(clock, [leech]);
      expect(leech.has(what)).toBe(true);
      expect([liar, seed].map(({ host }) => leech.swarms.isBanned(host))).toEqual([true, false]);
      return [liar, seed, leech];
    }));

  test('a peer that falls silent costs seconds, not the file', () =>
    world(async (network, clock) => {
      const what = made({ kind: 'hybrid', sizes: 3_000_000 });
      const [silent, seed, leech] = [1, 2, 3].map((n) => new Node(network, `10.0.0.${n}`)) as [
        Node,
        Node,
        Node,
      ];
      network.shape(silent.host, { bytesPerSecond: 100_000 });
      network.shape(seed.host, { bytesPerSecond: 300_000 });
      silent.join(what, 'seed');
      seed.join(what, 'seed');
      leech.join(what, 'leech');
      leech.meet(silent, seed);
      await clock.run(3_000);
      network.mute(silent.host);
      await untilDone(clock, [leech], 30_000);
      return [silent, seed, leech];
    }));

  test('an upload limit holds over all leechers', () =>
    world(async (network, clock) => {
      const what = made({ kind: 'v2', sizes: 5_000_000 });
      const seed = new Node(network, '10.0.0.1', 100_000);
      const leeches = [2, 3].map((n) => new Node(network, `10.0.0.${n}`));
      seed.join(what, 'seed');
      for (const leech of leeches) {
        leech.join(what, 'leech');
        leech.meet(seed);
      }
      await clock.run(20_000);
      const { uploaded = 0 } = seed.torrent?.status() ?? {};
      expect(uploaded).toBeGreaterThan(1_700_000);
      expect(uploaded).toBeLessThan(2_200_000);
      return [seed, ...leeches];
    }));
});

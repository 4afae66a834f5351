/** Hostile peers, byte by byte, against a node: what they may have, and what it costs those who mean well. */
import { describe, expect, test } from 'bun:test';
import { type Sha256, sha256Of } from '../../src/lib/sha256.ts';
import { MAX_PEERS, MAX_WAITING } from '../../src/swarm/admission.ts';
import { KNOCKS_A_MINUTE } from '../../src/swarm/knocks.ts';
import { encodeExtended, encodeHave } from '../../src/wire/message.ts';
import { type MemoryNode, PEER_PORT, poolFile, SWARM } from '../fixtures/memory-node.ts';
import { RawPeer } from '../fixtures/raw-peer.ts';
import { World } from '../fixtures/world.ts';

/** Connects and says nothing. */
async function knock(world: World, node: MemoryNode, host: string, id = host): Promise<RawPeer> {
  const link = await world.until(world.network.node(host).dial(node.address, 1_000));
  return new RawPeer(link, id);
}

/** Connects and says hello. */
async function enter(
  world: World,
  node: MemoryNode,
  host: string,
  id = host,
  port = PEER_PORT,
): Promise<RawPeer> {
  const raw = await knock(world, node, host, id);
  raw.handshake(SWARM);
  await world.clock.run(2);
  raw.extendedHandshake({ port });
  await world.clock.run(2);
  if (raw.closed === undefined) raw.hello([SWARM]);
  await world.clock.run(2);
  return raw;
}

function endAll(raws: Iterable<RawPeer>): void {
  for (const raw of raws) raw.link.close('done');
}

function keys(count: number, from = 0): Sha256[] {
  return Array.from({ length: count }, (_, i) => sha256Of(Buffer.from(`key ${from + i}`)));
}

function noneCount(raw: RawPeer): number {
  return raw
    .allSaid('none')
    .reduce((sum, { ranges }) => sum + ranges.reduce((n, { count }) => n + count, 0), 0);
}

describe('half-open connections', () => {
  test('ten thousand, from as many networks: few are kept, and a node that means well gets in among them', async () => {
    await using world = new World();
    const node = world.node('198.51.100.1');
    const raws: RawPeer[] = [];
    for (let i = 0; i < 10_000; i += 1) {
      raws.push(await knock(world, node, `20.${i >> 8}.${i & 255}.7`));
      if (i % 2_500 === 2_499) {
        const honest = await enter(world, node, `30.0.${i >> 8}.7`);
        expect(honest.closed).toBeUndefined();
        raws.push(honest);
      }
    }
    expect(node.swarms.peers()).toHaveLength(4);
    expect(raws.filter(({ closed }) => closed === undefined).length).toBeWithin(MAX_WAITING, MAX_WAITING + 5);
    expect(world.network.openEnds).toBeWithin(2 * MAX_WAITING, 2 * MAX_WAITING + 9);
    await world.clock.run(15_000);
    expect(raws.filter(({ closed }) => closed === undefined)).toHaveLength(4);
    endAll(raws);
  }, 30_000);

  test('ten thousand from one address: the rest of the world does not notice', async () => {
    await using world = new World();
    const node = world.node('198.51.100.1');
    const raws: RawPeer[] = [];
    for (let i = 0; i < 10_000; i += 1) raws.push(await knock(world, node, '203.0.113.9', String(i)));
    await world.clock.run(5);
    expect(raws.filter(({ closed }) => closed === undefined).length).toBeLessThanOrEqual(4);
    const honest = await enter(world, node, '192.0.2.1');
    expect(node.swarms.peers()).toHaveLength(1);
    endAll([...raws, honest]);
  }, 30_000);
});

test('a thousand strangers that say hello: two thirds of the places are theirs, and a near node finds room', async () => {
  await using world = new World();
  const [node, chosen] = [world.node('198.51.100.1'), world.node('198.18.0.1')];
  const raws: RawPeer[] = [];
  for (let i = 0; i < 1_000; i += 1) raws.push(await enter(world, node, `20.${i >> 8}.${i & 255}.7`));
  expect(node.swarms.peers().length).toBeLessThan((2 / 3) * MAX_PEERS);
  const near = await enter(world, node, '192.168.1.5');
  expect(near.closed).toBeUndefined();
  node.swarms.found(SWARM, [chosen.address], 'dht');
  await world.clock.run(100);
  expect(node.swarms.peers().map(({ address }) => address)).toContain(chosen.host);
  endAll([...raws, near]);
}, 30_000);

test('who dials again and again is refused for a while, and others are not', async () => {
  await using world = new World();
  const node = world.node('198.51.100.1');
  let shaken = 0;
  for (let i = 0; i < 100; i += 1) {
    const raw = await enter(world, node, '203.0.113.9', String(i));
    if (raw.theirId) shaken += 1;
    raw.link.close('again');
    await world.clock.run(5);
  }
  expect(shaken).toBe(KNOCKS_A_MINUTE);
  const other = await enter(world, node, '203.0.114.9');
  expect(node.swarms.peers()).toHaveLength(1);
  endAll([other]);
});

describe('breaches of the protocol', () => {
  /** A message of a number that was never agreed on. */
  const breach = encodeExtended(200, new Uint8Array(0));

  test('the first closes, the second within an hour bans; nobody else', async () => {
    await using world = new World();
    const node = world.node('198.51.100.1');
    const neighbour = await enter(world, node, '203.0.113.10');
    for (const bans of [0, 1]) {
      const raw = await enter(world, node, '203.0.113.9', `breaker ${bans}`);
      expect(raw.closed).toBeUndefined();
      raw.send(breach);
      await world.clock.run(5);
      expect(raw.closed).toBeDefined();
      expect(node.swarms.banned()).toHaveLength(bans);
    }
    expect(node.swarms.banned()[0]?.reason).toContain('broke the protocol twice');
    const again = await enter(world, node, '203.0.113.9', 'again');
    expect(again.closed).toBeDefined();
    expect(neighbour.closed).toBeUndefined();
    endAll([neighbour]);
  });

  test('an hour apart they are two accidents', async () => {
    await using world = new World();
    const node = world.node('198.51.100.1');
    for (let i = 0; i < 3; i += 1) {
      (await enter(world, node, '203.0.113.9', String(i))).send(breach);
      await world.clock.run(3_600_001);
    }
    expect(node.swarms.banned()).toEqual([]);
  });

  test('before the handshake is done nothing counts: ordinary clients, scanners, nodes of other swarms', async () => {
    await using world = new World();
    const node = world.node('198.51.100.1');
    for (let i = 0; i < 5; i += 1) {
      const raw = await knock(world, node, '203.0.113.9', String(i));
      if (i % 2 === 0)
        raw.send(Buffer.from(`GET / HTTP/1.1\r\nHost: node\r\nUser-Agent: ${'x'.repeat(100)}\r\n\r\n`));
      else raw.handshake('00'.repeat(20));
      await world.clock.run(5);
      expect(raw.closed).toBeDefined();
    }
    expect(node.swarms.banned()).toEqual([]);
  });

  test('on the LAN they cost ten minutes, of the very address', async () => {
    await using world = new World();
    const node = world.node('fd00::1');
    for (let i = 0; i < 2; i += 1) {
      (await enter(world, node, 'fd00::9', String(i))).send(breach);
      await world.clock.run(5);
    }
    expect(node.swarms.banned()).toMatchObject([{ address: 'fd00::9', near: true }]);
    const neighbour = await enter(world, node, 'fd00::a');
    expect(neighbour.closed).toBeUndefined();
    await world.clock.run(600_000);
    expect(node.swarms.banned()).toEqual([]);
    endAll([neighbour]);
  });
});

describe('a stranger that asks', () => {
  test('a probe of a cache gets a thousand true answers an hour, and none for the rest', async () => {
    await using world = new World();
    const node = world.node('198.51.100.1');
    const file = poolFile(1_000);
    node.keep(file);
    const probe = await enter(world, node, '203.0.113.9');
    for (let from = 0; from < 1_000; from += 500) {
      probe.archive({ kind: 'want', first: from, keys: keys(500, from) });
      probe.archive({ kind: 'unwant', ranges: [{ first: from, count: 500 }] });
    }
    probe.archive({ kind: 'want', first: 5_000, keys: [file.entry.key] });
    await world.clock.run(10_000);
    expect(noneCount(probe)).toBe(1_001);
    expect(probe.allSaid('have')).toEqual([]);
    const second = await enter(world, node, '203.0.113.9', 'second');
    second.archive({ kind: 'want', first: 0, keys: [file.entry.key] });
    const honest = await enter(world, node, '192.0.2.1');
    honest.archive({ kind: 'want', first: 0, keys: [file.entry.key] });
    await world.clock.run(100);
    expect(second.allSaid('have')).toEqual([]);
    expect(honest.allSaid('have')).toHaveLength(1);
    endAll([probe, second, honest]);
  });

  test('what it asked beyond its share is not told later, either', async () => {
    await using world = new World();
    const node = world.node('198.51.100.1');
    const file = poolFile(1_000);
    const probe = await enter(world, node, '203.0.113.9');
    probe.archive({ kind: 'want', first: 0, keys: keys(1_000) });
    probe.archive({ kind: 'unwant', ranges: [{ first: 0, count: 1_000 }] });
    probe.archive({ kind: 'want', first: 2_000, keys: [file.entry.key] });
    await world.clock.run(5_000);
    node.offersAtMirror(file);
    await world.until(node.fetch(file));
    await world.clock.run(1_000);
    expect(probe.allSaid('have')).toEqual([]);
    endAll([probe]);
  });

  test('near peers may ask for what they like', async () => {
    await using world = new World();
    const node = world.node('10.0.0.1');
    const file = poolFile(1_000);
    node.keep(file);
    const near = await enter(world, node, '10.0.0.2');
    for (let from = 0; from < 3_000; from += 1_000) {
      near.archive({ kind: 'want', first: from, keys: keys(1_000, from) });
      near.archive({ kind: 'unwant', ranges: [{ first: from, count: 1_000 }] });
    }
    near.archive({ kind: 'want', first: 5_000, keys: [file.entry.key] });
    await world.clock.run(100);
    expect(near.allSaid('have')).toHaveLength(1);
    endAll([near]);
  });

  test('for more than 1,024 keys at once breaks the protocol', async () => {
    await using world = new World();
    const node = world.node('10.0.0.1');
    const near = await enter(world, node, '10.0.0.2');
    near.archive({ kind: 'want', first: 0, keys: keys(1_024) });
    await world.clock.run(100);
    expect(near.closed).toBeUndefined();
    near.archive({ kind: 'want', first: 1_024, keys: keys(1, 5_000) });
    await world.clock.run(100);
    expect(near.closed).toBeDefined();
  });

  test('keys of those that have gone are open no more', async () => {
    await using world = new World();
    const node = world.node('198.51.100.1');
    for (let i = 0; i < 3; i += 1) {
      const raw = await enter(world, node, `20.0.${i}.7`);
      raw.archive({ kind: 'want', first: 0, keys: keys(1_000) });
      await world.clock.run(1_000);
      expect(node.swarms.keyLimits.open).toBe(1_000);
      raw.link.close('done');
      await world.clock.run(5);
      expect(node.swarms.keyLimits.open).toBe(0);
    }
  });
});

describe('a flood', () => {
  test('of small messages is read at a bounded rate, and none of them is lost', async () => {
    await using world = new World();
    const node = world.node('198.51.100.1');
    const raw = await enter(world, node, '203.0.113.9');
    // 100,000 of HAVE, then a question: it is answered once all before it is read, at 73 bytes each.
    const chunk = Buffer.concat(Array.from({ length: 1_000 }, (_, i) => encodeHave(i)));
    for (let i = 0; i < 100; i += 1) raw.send(chunk);
    raw.archive({ kind: 'want', first: 0, keys: keys(1) });
    await world.clock.run(10_000);
    expect(noneCount(raw)).toBe(0);
    await world.clock.run(6_000);
    expect(noneCount(raw)).toBe(1);
    endAll([raw]);
  });

  test('does not hold up what others ask', async () => {
    await using world = new World();
    const node = world.node('198.51.100.1');
    const [flooder, honest] = [
      await enter(world, node, '203.0.113.9'),
      await enter(world, node, '192.0.2.1'),
    ];
    const chunk = Buffer.concat(Array.from({ length: 1_000 }, (_, i) => encodeHave(i)));
    for (let i = 0; i < 100; i += 1) flooder.send(chunk);
    honest.archive({ kind: 'want', first: 0, keys: keys(1) });
    await world.clock.run(5);
    expect(noneCount(honest)).toBe(1);
    endAll([flooder, honest]);
  });

  test('of claims is kept to 256 bytes a claim and 256 claims', async () => {
    await using world = new World();
    const node = world.node('10.0.0.1');
    const raw = await enter(world, node, '10.0.0.2');
    const wanted = keys(1_000);
    raw.archive({ kind: 'want', first: 0, keys: wanted });
    const pieces = Array.from({ length: 1_000 }, (_, i) => ({ first: 2 * i, count: 1 }));
    for (let want = 0; want < 1_000; want += 1)
      raw.archive({ kind: 'claim', entries: [{ want, pieces, etaMs: 1_000 }] });
    await world.clock.run(1_000);
    const [peer] = node.swarms.peers();
    const kept = wanted.filter((key) => peer?.claimOn(key));
    expect(kept).toEqual(wanted.slice(-256));
    expect(peer?.claimOn(kept[0] as Sha256)?.has(4)).toBe(true);
    expect(peer?.claimOn(kept[0] as Sha256)?.has(5)).toBe(false);
    endAll([raw]);
  });
});

describe('peers that say nothing', () => {
  test('sixteen of them do not keep the one that has the file from being asked', async () => {
    await using world = new World();
    const node = world.node('10.0.0.1');
    const silent: RawPeer[] = [];
    for (let i = 0; i < 16; i += 1) silent.push(await enter(world, node, `10.0.1.${i}`));
    const giver = world.node('203.0.113.9');
    const file = poolFile(1_000);
    giver.keep(file);
    giver.swarms.found(SWARM, [node.address]);
    await world.clock.run(100);
    node.offersAtMirror(file);
    node.mirror.hangsMs = 60_000;
    const before = world.clock.nowMs();
    expect(await world.until(node.fetch(file))).toEqual(file.bytes);
    expect(world.clock.nowMs() - before).toBeLessThan(1_000);
    endAll(silent);
  });

  test('are asked last once they have left three questions unanswered', async () => {
    await using world = new World();
    const node = world.node('10.0.0.1');
    const silent: RawPeer[] = [];
    for (let i = 0; i < 20; i += 1) silent.push(await enter(world, node, `10.0.1.${i}`));
    const seek = (seed: number) => {
      const file = poolFile(1_000, seed);
      node.offersAtMirror(file);
      return world.until(node.fetch(file));
    };
    for (let seed = 1; seed <= 4; seed += 1) await seek(seed);
    await world.clock.run(10_000);
    const talker = await enter(world, node, '203.0.113.9');
    talker.onArchive = (message) => {
      if (message.kind === 'want')
        talker.archive({ kind: 'none', ranges: [{ first: message.first, count: message.keys.length }] });
    };
    expect(node.swarms.peers().filter(({ isSilent }) => isSilent).length).toBeGreaterThanOrEqual(16);
    await seek(9);
    expect(talker.allSaid('want')).toHaveLength(1);
    endAll([...silent, talker]);
  });
});

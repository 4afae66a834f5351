import { describe, expect, test } from 'bun:test';
import {
  choosePeers,
  countDownloads,
  countsOf,
  PeerTable,
  type PeerTableLimits,
} from '../../src/tracker/peer-table.ts';
import { seededDraw } from './samples.ts';

const LIMITS: PeerTableLimits = {
  maxSwarms: 3,
  maxNetworkSwarms: 3,
  maxNetworkPeers: 2,
  maxPeers: 8,
  expirySeconds: 100,
};
const hash = (i: number) => Uint8Array.of(...new Array<number>(18).fill(7), i >> 8, i);
/** Each in a /24 of its own. */
const peer = (i: number, port = 1) => Uint8Array.of(10, i >> 8, i, 1, 0, port);
const peer6 = (i: number) => Uint8Array.of(0x20, 1, ...new Array<number>(13).fill(0), i, 0, 1);
const tableOf = (limits: Partial<PeerTableLimits> = {}) =>
  new PeerTable(seededDraw(1), { ...LIMITS, ...limits });
const put = (table: PeerTable, infoHash: Uint8Array, compact: Uint8Array, nowSeconds = 0, complete = false) =>
  table.put(infoHash, compact, { complete, nowSeconds }) !== undefined;
const chosen = (table: PeerTable, infoHash: Uint8Array, asker: Uint8Array, family: 4 | 6 = 4) => {
  const swarm = table.find(infoHash);
  return swarm ? choosePeers(swarm, family, { asker, max: 50 }) : new Uint8Array(0);
};

describe('PeerTable', () => {
  test('keeps swarms apart', () => {
    const table = tableOf();
    put(table, hash(1), peer(1));
    put(table, hash(2), peer(2));
    expect(chosen(table, hash(1), peer(9))).toEqual(peer(1));
    expect(chosen(table, hash(3), peer(9)).length).toBe(0);
  });

  test('keeps families apart', () => {
    const table = tableOf();
    put(table, hash(1), peer(1));
    put(table, hash(1), peer6(1));
    expect(chosen(table, hash(1), peer(9), 4)).toEqual(peer(1));
    expect(chosen(table, hash(1), peer(9), 6)).toEqual(peer6(1));
    expect(table.familyCounts()).toEqual({ ipv4: 1, ipv6: 1, complete: 0 });
  });

  test('counts who has all, who has not, and downloads', () => {
    const table = tableOf();
    put(table, hash(1), peer(1), 0, true);
    put(table, hash(1), peer(2));
    const swarm = table.put(hash(1), peer6(1), { complete: true, nowSeconds: 0 });
    if (swarm) countDownloads(swarm, 1);
    expect(countsOf(table.find(hash(1)))).toEqual({ complete: 2, incomplete: 1, downloaded: 1 });
    expect(countsOf(table.find(hash(2)))).toEqual({ complete: 0, incomplete: 0, downloaded: 0 });
  });

  test('forgets a swarm with its last peer', () => {
    const table = tableOf();
    put(table, hash(1), peer(1));
    table.remove(hash(1), peer(2));
    table.remove(hash(2), peer(1));
    expect([table.swarmCount, table.peerCount]).toEqual([1, 1]);
    table.remove(hash(1), peer(1));
    expect([table.swarmCount, table.peerCount]).toEqual([0, 0]);
  });

  test('lets a newcomer replace a neighbour above maxNetworkPeers', () => {
    const table = tableOf();
    for (let port = 1; port <= 4; port += 1) expect(put(table, hash(1), peer(1, port))).toBe(true);
    put(table, hash(1), peer(2));
    expect(table.peerCount).toBe(3);
    expect(chosen(table, hash(1), peer(9)).length).toBe(18);
  });

  test('forgets peers after expirySeconds, and their swarms', () => {
    const table = tableOf();
    put(table, hash(1), peer(1));
    put(table, hash(2), peer(1));
    put(table, hash(2), peer(2), 90);
    put(table, hash(3), peer(3), 160);
    expect([table.swarmCount, table.peerCount]).toEqual([2, 2]);
    expect(chosen(table, hash(2), peer(9))).toEqual(peer(2));
  });

  test('gives all peers with their ages, for keeping', () => {
    const table = tableOf();
    put(table, hash(1), peer(1), 0, true);
    put(table, hash(1), peer6(2), 16);
    expect(table.pack(hash(1), 40)).toEqual([
      Uint8Array.of(...peer(1), 0x80, 5),
      Uint8Array.of(...peer6(2), 0, 3),
    ]);
    expect([...table.swarms()]).toEqual([{ infoHash: hash(1), complete: 1, incomplete: 1, downloaded: 0 }]);
  });
});

describe('PeerTable when it is full', () => {
  test('gives up a lonely swarm for a new one, never one that two networks are in', () => {
    const table = tableOf();
    put(table, hash(1), peer(1));
    put(table, hash(1), peer(2));
    put(table, hash(2), peer(3));
    put(table, hash(3), peer(4));
    expect(put(table, hash(4), peer(5))).toBe(true);
    expect(table.swarmCount).toBe(3);
    expect(table.find(hash(1))).toBeDefined();
    expect(table.find(hash(4))).toBeDefined();
  });

  test('refuses a new swarm when none is lonely, and still takes peers of those it has', () => {
    const table = tableOf({ maxPeers: 100 });
    for (let i = 1; i <= 3; i += 1) for (const j of [1, 2]) put(table, hash(i), peer(i * 10 + j));
    expect(put(table, hash(4), peer(1))).toBe(false);
    expect(put(table, hash(3), peer(9))).toBe(true);
    expect([table.swarmCount, table.peerCount]).toEqual([3, 7]);
  });

  test('lets a network that has made maxNetworkSwarms known have another only for its newest lonely one', () => {
    const table = tableOf({ maxSwarms: 10 });
    for (let i = 1; i <= 3; i += 1) put(table, hash(i), peer(1, i));
    put(table, hash(3), peer(2));
    expect(put(table, hash(4), peer(1))).toBe(true);
    const known = [1, 2, 3, 4].map((i) => table.find(hash(i)) !== undefined);
    expect(known).toEqual([true, false, true, true]);
    expect(put(table, hash(9), peer(8))).toBe(true);
  });

  test('makes room for a peer by a lonely swarm, then by a peer of the same swarm', () => {
    const table = tableOf();
    for (let i = 1; i <= 7; i += 1) put(table, hash(1), peer(i));
    put(table, hash(2), peer(8));
    expect(put(table, hash(1), peer(9))).toBe(true);
    expect([table.swarmCount, table.peerCount]).toEqual([1, 8]);
    expect(put(table, hash(1), peer(10))).toBe(true);
    expect([table.swarmCount, table.peerCount]).toEqual([1, 8]);
    expect(put(table, hash(1), peer(10))).toBe(true);
    expect(table.peerCount).toBe(8);
  });

  test('keeps every honest swarm through a flood of made-up info-hashes, and takes new ones', () => {
    const limits = {
      maxSwarms: 2000,
      maxNetworkSwarms: 64,
      maxNetworkPeers: 16,
      maxPeers: 20_000,
      expirySeconds: 1000,
    };
    const table = tableOf(limits);
    const honest = Array.from({ length: 300 }, (_, i) => hash(i));
    // Half of them have one peer yet.
    honest.forEach((infoHash, i) => {
      put(table, infoHash, peer(i));
      if (i % 2 === 0) put(table, infoHash, peer(i + 1000));
    });
    const draw = seededDraw(9);
    const below = (n: number) => Math.floor(draw() * n);
    const madeUp = () => Uint8Array.from({ length: 20 }, () => below(256));
    // A hundred addresses of twenty networks, and one network of IPv6 that has all the addresses it likes.
    for (let round = 0; round < 40_000; round += 1) {
      const attacker =
        round % 4 === 0
          ? Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 9, below(256), below(256), ...madeUp().subarray(0, 8), 1, 1)
          : Uint8Array.of(203, 0, below(20), below(5), 1, 1 + below(255));
      put(table, madeUp(), attacker, 1);
      if (round === 20_000) expect(put(table, hash(5000), peer(5000), 1)).toBe(true);
    }
    expect(table.swarmCount).toBeLessThanOrEqual(limits.maxSwarms);
    expect(honest.filter((infoHash) => !table.find(infoHash))).toEqual([]);
    expect(table.find(hash(5000))).toBeDefined();
    expect(countsOf(table.find(hash(0)))).toEqual({ complete: 0, incomplete: 2, downloaded: 0 });
  });

  test('keeps every honest swarm when thousands of networks flood it beyond maxSwarms', () => {
    const table = tableOf({ maxSwarms: 1000, maxNetworkSwarms: 64, maxPeers: 20_000, expirySeconds: 1000 });
    const honest = Array.from({ length: 200 }, (_, i) => hash(i));
    honest.forEach((infoHash, i) => {
      put(table, infoHash, peer(i));
      put(table, infoHash, peer(i + 1000));
    });
    const draw = seededDraw(10);
    const below = (n: number) => Math.floor(draw() * n);
    for (let round = 0; round < 30_000; round += 1) {
      const infoHash = Uint8Array.from({ length: 20 }, () => below(256));
      put(table, infoHash, Uint8Array.of(203, below(64), below(64), 1, 1, 1), 1);
    }
    expect(table.swarmCount).toBe(1000);
    expect(honest.filter((infoHash) => !table.find(infoHash))).toEqual([]);
  });
});

import { describe, expect, test } from 'bun:test';
import { PeerTable, type PeerTableLimits } from '../../src/tracker/peer-table.ts';
import { seededDraw } from './samples.ts';

const LIMITS: PeerTableLimits = {
  maxSwarms: 3,
  maxSwarmPeers: 5,
  maxAddressPeers: 2,
  maxPeers: 8,
  expirySeconds: 100,
};
const hash = (i: number) => new Uint8Array(20).fill(i);
const peer = (i: number, port = 1) => Uint8Array.of(10, 0, i >> 8, i, 0, port);
const peer6 = (i: number) => Uint8Array.of(0x20, 1, ...new Array<number>(13).fill(0), i, 0, 1);
const tableOf = (limits: Partial<PeerTableLimits> = {}) =>
  new PeerTable(seededDraw(1), { ...LIMITS, ...limits });

describe('PeerTable', () => {
  test('keeps swarms apart', () => {
    const table = tableOf();
    table.put(hash(1), peer(1), false, 0);
    table.put(hash(2), peer(2), false, 0);
    expect(table.choose(hash(1), { asker: peer(9), max: 50 }).peers).toEqual(peer(1));
    expect(table.choose(hash(3), { asker: peer(9), max: 50 })).toEqual({
      peers: new Uint8Array(0),
      peers6: new Uint8Array(0),
    });
  });

  test("gives the asker's family first and fills up with the other", () => {
    const table = tableOf();
    for (let i = 1; i <= 3; i += 1) {
      table.put(hash(1), peer(i), false, 0);
      table.put(hash(1), peer6(i), false, 0);
    }
    const forIpv4 = table.choose(hash(1), { asker: peer(9), max: 4 });
    expect([forIpv4.peers.length / 6, forIpv4.peers6.length / 18]).toEqual([3, 1]);
    const forIpv6 = table.choose(hash(1), { asker: peer6(9), max: 4 });
    expect([forIpv6.peers.length / 6, forIpv6.peers6.length / 18]).toEqual([1, 3]);
    expect(table.choose(hash(1), { asker: peer(9), max: 0 })).toEqual({
      peers: new Uint8Array(0),
      peers6: new Uint8Array(0),
    });
  });

  test('counts who has all, who has not, and downloads', () => {
    const table = tableOf();
    table.put(hash(1), peer(1), true, 0);
    table.put(hash(1), peer(2), false, 0);
    table.put(hash(1), peer6(1), true, 0);
    table.countDownload(hash(1));
    table.countDownload(hash(2));
    expect(table.counts(hash(1))).toEqual({ complete: 2, incomplete: 1, downloaded: 1 });
    expect(table.counts(hash(2))).toEqual({ complete: 0, incomplete: 0, downloaded: 0 });
  });

  test('forgets a swarm with its last peer', () => {
    const table = tableOf();
    table.put(hash(1), peer(1), false, 0);
    table.remove(hash(1), peer(2));
    table.remove(hash(2), peer(1));
    expect([table.swarmCount, table.peerCount]).toEqual([1, 1]);
    table.remove(hash(1), peer(1));
    expect([table.swarmCount, table.peerCount]).toEqual([0, 0]);
  });

  test('refuses a swarm above maxSwarms and still takes peers of those it has', () => {
    const table = tableOf();
    for (let i = 1; i <= 3; i += 1) expect(table.put(hash(i), peer(1), false, 0)).toBe(true);
    expect(table.put(hash(4), peer(1), false, 0)).toBe(false);
    expect(table.put(hash(3), peer(2), false, 0)).toBe(true);
    expect([table.swarmCount, table.peerCount]).toEqual([3, 4]);
  });

  test('lets a newcomer replace somebody in a full swarm', () => {
    const table = tableOf();
    for (let i = 1; i <= 20; i += 1) expect(table.put(hash(1), peer(i), false, 0)).toBe(true);
    expect(table.peerCount).toBe(5);
    expect(table.choose(hash(1), { asker: peer(99), max: 50 }).peers.length).toBe(30);
  });

  test('takes at most maxAddressPeers ports of one address', () => {
    const table = tableOf();
    for (let port = 1; port <= 4; port += 1)
      expect(table.put(hash(1), peer(1, port), false, 0)).toBe(port <= 2);
    expect(table.put(hash(1), peer(1, 1), false, 0)).toBe(true);
    expect(table.peerCount).toBe(2);
  });

  test('remembers nobody new above maxPeers, and knows the others still', () => {
    const table = tableOf();
    for (let i = 1; i <= 5; i += 1) table.put(hash(1), peer(i), false, 0);
    for (let i = 1; i <= 5; i += 1) table.put(hash(2), peer(i), false, 0);
    expect(table.peerCount).toBe(8);
    expect(table.put(hash(3), peer(1), false, 0)).toBe(false);
    expect(table.put(hash(2), peer(1), true, 0)).toBe(true);
    expect([table.swarmCount, table.peerCount]).toEqual([2, 8]);
  });

  test('forgets peers after expirySeconds, and their swarms', () => {
    const table = tableOf();
    table.put(hash(1), peer(1), false, 0);
    table.put(hash(2), peer(1), false, 0);
    table.put(hash(2), peer(2), false, 90);
    table.put(hash(3), peer(3), false, 160);
    expect([table.swarmCount, table.peerCount]).toEqual([2, 2]);
    expect(table.choose(hash(2), { asker: peer(9), max: 50 }).peers).toEqual(peer(2));
  });
});

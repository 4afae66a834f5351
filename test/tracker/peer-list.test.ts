import { describe, expect, test } from 'bun:test';
import { decodeCompactPeers, encodeCompactPeers } from '../../src/announce/compact-peers.ts';
import { PeerList } from '../../src/tracker/peer-list.ts';
import { seededDraw } from './samples.ts';

const compact = (host: string, port = 9989) => {
  const { peers, peers6 } = encodeCompactPeers([{ host, port }]);
  return peers.length > 0 ? peers : peers6;
};
const listOf = (hosts: readonly string[], width: 6 | 18 = 6) => {
  const list = new PeerList(width);
  for (const host of hosts) list.put({ compact: compact(host), complete: false, nowSeconds: 0 });
  return list;
};
const hostsIn = (bytes: Uint8Array, width: 6 | 18 = 6) =>
  decodeCompactPeers(bytes, width).map(({ host }) => host);

describe('PeerList', () => {
  test('gives all others, never the asker itself, while they fit', () => {
    const list = listOf(['192.0.2.1', '192.0.2.2', '198.51.100.1']);
    expect(hostsIn(list.choose({ asker: compact('192.0.2.2'), max: 50 }, Math.random)).toSorted()).toEqual([
      '192.0.2.1',
      '198.51.100.1',
    ]);
  });

  test("gives a peer with the asker's address and another port", () => {
    const list = listOf(['192.0.2.1']);
    list.put({ compact: compact('192.0.2.1', 1), complete: false, nowSeconds: 0 });
    expect(decodeCompactPeers(list.choose({ asker: compact('192.0.2.1'), max: 50 }, Math.random), 6)).toEqual(
      [{ host: '192.0.2.1', port: 1 }],
    );
  });

  test('has a peer once, however often it is put', () => {
    const list = listOf(['192.0.2.1', '192.0.2.1']);
    expect(list.size).toBe(1);
    expect(list.countAtAddress(compact('192.0.2.1', 5))).toBe(1);
  });

  test('choose() fills half of an answer with the same /24 first, then the same /16, the rest from anywhere', () => {
    const far = Array.from({ length: 1000 }, (_, i) => `10.${i % 250}.${i % 199}.${1 + (i % 97)}`);
    const same16 = Array.from({ length: 10 }, (_, i) => `192.0.${10 + i}.1`);
    const same24 = Array.from({ length: 10 }, (_, i) => `192.0.2.${10 + i}`);
    const list = listOf([...far, ...same16, ...same24]);
    const draw = seededDraw(1);
    for (let round = 0; round < 20; round += 1) {
      const hosts = hostsIn(list.choose({ asker: compact('192.0.2.1'), max: 30 }, draw));
      expect(hosts.length).toBe(30);
      expect(new Set(hosts).size).toBe(30);
      expect(hosts.filter((host) => same24.includes(host)).length).toBe(10);
      expect(hosts.filter((host) => same16.includes(host)).length).toBeGreaterThanOrEqual(5);
      expect(hosts.filter((host) => far.includes(host)).length).toBeGreaterThanOrEqual(10);
    }
  });

  test('choose() gives at most half from nearby even when all are near', () => {
    const near = Array.from({ length: 200 }, (_, i) => `192.0.2.${1 + i}`);
    const far = Array.from({ length: 200 }, (_, i) => `10.${i}.0.1`);
    const draw = seededDraw(2);
    const farGiven = Array.from({ length: 50 }, () => {
      const hosts = hostsIn(
        listOf([...near, ...far]).choose({ asker: compact('192.0.2.250'), max: 20 }, draw),
      );
      return hosts.filter((host) => far.includes(host)).length;
    });
    // Ten of twenty are drawn from all 400, half of which are far: five a round.
    const mean = farGiven.reduce((sum, count) => sum + count) / farGiven.length;
    expect(mean).toBeGreaterThan(4);
    expect(mean).toBeLessThan(6.5);
  });

  test('choose() goes by /64 and /48 for IPv6', () => {
    const far = Array.from({ length: 200 }, (_, i) => `2001:db8:${(i + 16).toString(16)}::1`);
    const list = listOf([...far, '2001:db8:1:1::2', '2001:db8:1:2::2'], 18);
    const hosts = hostsIn(list.choose({ asker: compact('2001:db8:1:1::1'), max: 8 }, seededDraw(3)), 18);
    expect(hosts).toContain('2001:db8:1:1::2');
    expect(hosts).toContain('2001:db8:1:2::2');
  });

  test('choose() gives every peer sometimes', () => {
    const hosts = Array.from({ length: 100 }, (_, i) => `10.${i}.0.1`);
    const list = listOf(hosts);
    const draw = seededDraw(4);
    const seen = new Set<string>();
    for (let round = 0; round < 60; round += 1) {
      for (const host of hostsIn(list.choose({ asker: compact('192.0.2.1'), max: 20 }, draw))) seen.add(host);
    }
    expect(seen.size).toBe(100);
  });

  test('choose() gives loopback peers as they are only to an asker on loopback', () => {
    const draw = seededDraw(6);
    const list = listOf(['127.0.0.1', '192.0.2.1']);
    expect(hostsIn(list.choose({ asker: compact('192.0.2.2'), max: 9 }, draw))).toEqual(['192.0.2.1']);
    expect(hostsIn(list.choose({ asker: compact('127.0.0.2'), max: 9 }, draw)).length).toBe(2);
    const list6 = listOf(['::1', '::2'], 18);
    expect(hostsIn(list6.choose({ asker: compact('2001:db8::1'), max: 9 }, draw), 18)).toEqual(['::2']);
    expect(hostsIn(list6.choose({ asker: compact('127.0.0.1'), max: 9 }, draw), 18).length).toBe(2);
  });

  test('choose() gives a loopback peer to others under the address of the tracker that they used', () => {
    const list = listOf(['127.0.0.1', '192.0.2.1']);
    const local = Uint8Array.of(192, 0, 2, 99);
    const choice = { asker: compact('192.0.2.2'), max: 9, local };
    expect(hostsIn(list.choose(choice, seededDraw(7)))).toEqual(['192.0.2.99', '192.0.2.1']);
    const local6 = new Uint8Array(16).fill(0x20);
    expect(hostsIn(list.choose({ ...choice, local: local6 }, seededDraw(7)))).toEqual(['192.0.2.1']);
  });

  test('expire() drops who was not heard of, and a new put() keeps a peer', () => {
    const list = listOf(['192.0.2.1', '192.0.2.2', '192.0.2.3']);
    list.put({ compact: compact('192.0.2.2'), complete: true, nowSeconds: 100 });
    list.expire(50);
    expect(list.size).toBe(1);
    expect(list.completeCount).toBe(1);
    expect(hostsIn(list.choose({ asker: compact('192.0.2.9'), max: 9 }, Math.random))).toEqual(['192.0.2.2']);
  });

  test('agrees with a plain map through thousands of random changes', () => {
    const draw = seededDraw(5);
    const below = (n: number) => Math.floor(draw() * n);
    const list = new PeerList(6);
    const model = new Map<string, boolean>();
    for (let round = 0; round < 5000; round += 1) {
      const host = `192.0.${below(4)}.${below(30)}`;
      const port = 1 + below(3);
      const name = `${host}:${port}`;
      if (below(3) > 0) {
        const complete = below(2) === 1;
        list.put({ compact: compact(host, port), complete, nowSeconds: 0 });
        model.set(name, complete);
      } else {
        expect(list.remove(compact(host, port))).toBe(model.delete(name));
      }
      if (round % 100 > 0) continue;
      const all = decodeCompactPeers(list.choose({ asker: compact('10.0.0.1'), max: 1000 }, draw), 6);
      expect(all.map((peer) => `${peer.host}:${peer.port}`).toSorted()).toEqual([...model.keys()].toSorted());
      expect(list.size).toBe(model.size);
      expect(list.completeCount).toBe([...model.values()].filter(Boolean).length);
      const atHost = [...model.keys()].filter((key) => key.startsWith(`${host}:`)).length;
      expect(list.countAtAddress(compact(host))).toBe(atHost);
    }
  });
});

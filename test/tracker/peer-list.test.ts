import { describe, expect, test } from 'bun:test';
import { decodeCompactPeers, encodeCompactPeers } from '../../src/announce/compact-peers.ts';
import { type Draw, PeerList } from '../../src/tracker/peer-list.ts';
import { seededDraw } from './samples.ts';

const compact = (host: string, port = 9989) => {
  const { peers, peers6 } = encodeCompactPeers([{ host, port }]);
  return peers.length > 0 ? peers : peers6;
};
const listOf = (
  hosts: readonly string[],
  width: 6 | 18 = 6,
  draw: Draw = seededDraw(1),
  maxNetworkPeers = 256,
) => {
  const list = new PeerList(width, draw, maxNetworkPeers);
  for (const host of hosts) list.put({ compact: compact(host), complete: false, nowSeconds: 0 });
  return list;
};
const hostsIn = (bytes: Uint8Array, width: 6 | 18 = 6) =>
  decodeCompactPeers(bytes, width).map(({ host }) => host);

/** What pack() says, at the moment 0. */
const packed = (list: PeerList, width: 6 | 18) => {
  const bytes = list.pack(0);
  return Array.from({ length: bytes.length / (width + 2) }, (_, i) => {
    const at = i * (width + 2);
    return { compact: bytes.slice(at, at + width), complete: (bytes[at + width] as number) > 0x7f };
  });
};

describe('PeerList', () => {
  test('gives all others, never the asker itself, while they fit', () => {
    const list = listOf(['192.0.2.1', '192.0.2.2', '198.51.100.1']);
    expect(hostsIn(list.choose({ asker: compact('192.0.2.2'), max: 50 })).toSorted()).toEqual([
      '192.0.2.1',
      '198.51.100.1',
    ]);
  });

  test("gives a peer with the asker's address and another port", () => {
    const list = listOf(['192.0.2.1']);
    list.put({ compact: compact('192.0.2.1', 1), complete: false, nowSeconds: 0 });
    expect(decodeCompactPeers(list.choose({ asker: compact('192.0.2.1'), max: 50 }), 6)).toEqual([
      { host: '192.0.2.1', port: 1 },
    ]);
  });

  test('has a peer once, however often it is put', () => {
    const list = listOf(['192.0.2.1', '192.0.2.1']);
    expect(list.size).toBe(1);
  });

  test('choose() fills half of an answer with the same /24 first, then the same /16, the rest from anywhere', () => {
    const far = Array.from({ length: 1000 }, (_, i) => `10.${i % 250}.${i % 199}.${1 + (i % 97)}`);
    const same16 = Array.from({ length: 10 }, (_, i) => `192.0.${10 + i}.1`);
    const same24 = Array.from({ length: 10 }, (_, i) => `192.0.2.${10 + i}`);
    const list = listOf([...far, ...same16, ...same24]);
    for (let round = 0; round < 20; round += 1) {
      const hosts = hostsIn(list.choose({ asker: compact('192.0.2.1'), max: 30 }));
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
        listOf([...near, ...far], 6, draw).choose({ asker: compact('192.0.2.250'), max: 20 }),
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
    const hosts = hostsIn(list.choose({ asker: compact('2001:db8:1:1::1'), max: 8 }), 18);
    expect(hosts).toContain('2001:db8:1:1::2');
    expect(hosts).toContain('2001:db8:1:2::2');
  });

  test('choose() gives every peer sometimes', () => {
    const hosts = Array.from({ length: 100 }, (_, i) => `10.${i}.0.1`);
    const list = listOf(hosts);
    const seen = new Set<string>();
    for (let round = 0; round < 60; round += 1) {
      for (const host of hostsIn(list.choose({ asker: compact('192.0.2.1'), max: 20 }))) seen.add(host);
    }
    expect(seen.size).toBe(100);
  });

  test('choose() gives loopback peers as they are only to an asker on loopback', () => {
    const list = listOf(['127.0.0.1', '192.0.2.1']);
    expect(hostsIn(list.choose({ asker: compact('192.0.2.2'), max: 9 }))).toEqual(['192.0.2.1']);
    expect(hostsIn(list.choose({ asker: compact('127.0.0.2'), max: 9 })).length).toBe(2);
    const list6 = listOf(['::1', '::2'], 18);
    expect(hostsIn(list6.choose({ asker: compact('2001:db8::1'), max: 9 }), 18)).toEqual(['::2']);
    expect(hostsIn(list6.choose({ asker: compact('127.0.0.1'), max: 9 }), 18).length).toBe(2);
  });

  test('choose() gives a loopback peer to others under the address of the tracker that they used', () => {
    const list = listOf(['127.0.0.1', '192.0.2.1']);
    const local = Uint8Array.of(192, 0, 2, 99);
    const choice = { asker: compact('192.0.2.2'), max: 9, local: () => local };
    expect(hostsIn(list.choose(choice))).toEqual(['192.0.2.99', '192.0.2.1']);
    const local6 = new Uint8Array(16).fill(0x20);
    expect(hostsIn(list.choose({ ...choice, local: () => local6 }))).toEqual(['192.0.2.1']);
  });

  test('expire() drops who was not heard of, and a new put() keeps a peer', () => {
    const list = listOf(['192.0.2.1', '192.0.2.2', '192.0.2.3']);
    list.put({ compact: compact('192.0.2.2'), complete: true, nowSeconds: 100 });
    list.expire(100, 50);
    expect(list.size).toBe(1);
    expect(list.completeCount).toBe(1);
    expect(hostsIn(list.choose({ asker: compact('192.0.2.9'), max: 9 }))).toEqual(['192.0.2.2']);
  });

  test('agrees with a plain map through thousands of random changes', () => {
    const draw = seededDraw(5);
    const below = (n: number) => Math.floor(draw() * n);
    const list = new PeerList(6, draw, 10_000);
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
      const all = packed(list, 6).flatMap(({ compact: bytes }) => decodeCompactPeers(bytes, 6));
      expect(all.map((peer) => `${peer.host}:${peer.port}`).toSorted()).toEqual([...model.keys()].toSorted());
      expect(list.size).toBe(model.size);
      expect(list.completeCount).toBe([...model.values()].filter(Boolean).length);
    }
  });

  test('agrees with a plain map through thousands of changes of a list that is large enough for an index', () => {
    const draw = seededDraw(8);
    const below = (n: number) => Math.floor(draw() * n);
    const list = new PeerList(18, draw, 10_000);
    const model = new Map<string, boolean>();
    for (let round = 0; round < 20_000; round += 1) {
      // Grows, shrinks below the size where the index goes, and grows again.
      const grows = round % 10_000 < 6000;
      const host = `2001:db8:${below(6)}:${below(6)}::${1 + below(200)}`;
      const bytes = compact(host, 7);
      const name = bytes.toHex();
      if (below(10) < (grows ? 9 : 1)) {
        const complete = below(2) === 1;
        list.put({ compact: bytes, complete, nowSeconds: 0 });
        model.set(name, complete);
      } else {
        const [victim] = grows ? [name] : model.keys();
        expect(list.remove(Uint8Array.fromHex(victim ?? name))).toBe(model.delete(victim ?? name));
      }
      if (round % 500 > 0) continue;
      list.expire(0, 100);
      const all = new Map(packed(list, 18).map((entry) => [entry.compact.toHex(), entry.complete]));
      expect([...all].toSorted()).toEqual([...model].toSorted());
      expect(list.completeCount).toBe([...model.values()].filter(Boolean).length);
      for (const key of model.keys()) expect(list.has(Uint8Array.fromHex(key))).toBe(true);
      const asker = compact('2001:db8:1:1::ffff');
      const near = hostsIn(list.choose({ asker, max: 20 }), 18);
      expect(new Set(near).size).toBe(Math.min(20, model.size));
    }
  });

  test('neighbours take turns in a large list, and a seed is given none that has all', () => {
    const far = Array.from({ length: 300 }, (_, i) => `10.${i % 250}.${i % 199}.1`);
    const near = Array.from({ length: 60 }, (_, i) => `192.0.2.${1 + i}`);
    const list = listOf([...far, ...near]);
    for (const host of near.slice(0, 20)) list.put({ compact: compact(host), complete: true, nowSeconds: 0 });
    const asker = compact('192.0.2.250');
    const seen = new Set<string>();
    for (let round = 0; round < 12; round += 1)
      for (const host of hostsIn(list.choose({ asker, max: 20 }))) if (near.includes(host)) seen.add(host);
    expect(seen.size).toBe(60);
    for (let round = 0; round < 12; round += 1) {
      const hosts = hostsIn(list.choose({ asker, max: 50, forSeed: true }));
      expect(hosts.filter((host) => near.slice(0, 20).includes(host))).toEqual([]);
      expect(hosts.filter((host) => near.includes(host)).length).toBeGreaterThanOrEqual(20);
    }
  });

  test('a network has as many peers as it may, of which a newcomer replaces one, in small lists and large', () => {
    for (const others of [10, 400]) {
      const far = Array.from({ length: others }, (_, i) => `10.${i % 250}.${i % 199}.1`);
      const list = listOf(far, 6, seededDraw(3), 5);
      const before = list.size;
      for (let i = 1; i <= 50; i += 1)
        list.put({ compact: compact(`192.0.2.${i}`), complete: i % 2 > 0, nowSeconds: 0 });
      expect(list.size).toBe(before + 5);
      expect(list.has(compact('192.0.2.50'))).toBe(true);
      expect(far.every((host) => list.has(compact(host)))).toBe(true);
    }
  });
});

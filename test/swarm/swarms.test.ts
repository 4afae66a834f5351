import { describe, expect, test } from 'bun:test';
import { swarmInfoHash } from '../../src/torrent/archive-identity.ts';
import { AMD64, type MemoryNode, PEER_PORT, poolFile, SWARM } from '../fixtures/memory-node.ts';
import { RawPeer } from '../fixtures/raw-peer.ts';
import { World } from '../fixtures/world.ts';

const ALL = swarmInfoHash({ ...AMD64, architecture: 'all' });

describe('Swarms', () => {
  test('nodes given to one another by hand meet, know each other’s client, and count as near', async () => {
    await using world = new World();
    const [a, b] = [world.node('10.0.0.1'), world.node('10.0.0.2')];
    a.meet(b);
    await world.clock.run(100);
    for (const node of [a, b]) {
      expect(node.swarms.peersIn(SWARM)).toBe(1);
      expect(node.swarms.peersIn(ALL)).toBe(0);
      expect(node.swarms.hasPeers).toBe(true);
    }
    expect(a.swarms.peers()[0]).toMatchObject({ client: 'test 10.0.0.2', lan: true, trusted: true });
  });

  test('a given node that is switched off is found again when it is back', async () => {
    await using world = new World();
    const [a, b] = [world.node('10.0.0.1'), world.node('10.0.0.2')];
    a.meet(b);
    await world.clock.run(100);
    world.network.switchOff(b.host);
    await world.clock.run(60_000);
    expect(a.swarms.peers()).toEqual([]);
    b.swarms.listen(b.address);
    await world.clock.run(31_000);
    expect(a.swarms.peers()).toHaveLength(1);
  });

  test('probeAll() ends connections that are dead without a word within seconds, and those that live stay', async () => {
    await using world = new World();
    const [a, b] = [world.node('10.0.0.1'), world.node('10.0.0.2')];
    a.meet(b);
    await world.clock.run(100);
    const raw = new RawPeer(await world.until(world.network.node('10.0.0.3').dial(a.address, 1_000)), 'mute');
    raw.handshake(SWARM);
    await world.clock.run(5);
    raw.extendedHandshake();
    await world.clock.run(5);
    raw.hello([SWARM]);
    await world.clock.run(60_000);
    expect(a.swarms.peers()).toHaveLength(2);
    a.swarms.probeAll();
    await world.clock.run(20_000);
    expect(a.swarms.peers().map(({ address }) => address)).toEqual([b.host]);
    expect(raw.closed).toBeDefined();
  });

  test('a node met through a tracker is not trusted, unless it is near', async () => {
    await using world = new World();
    const [a, far, near] = [world.node('10.0.0.1'), world.node('198.51.100.7'), world.node('192.168.1.9')];
    a.swarms.found(SWARM, [far.address, near.address]);
    await world.clock.run(100);
    const trusted = new Map(a.swarms.peers().map((peer) => [peer.address, peer.trusted]));
    expect(trusted).toEqual(
      new Map([
        [far.host, false],
        [near.host, true],
      ]),
    );
  });

  test('addresses named for a swarm that is not ours are not dialled', async () => {
    await using world = new World();
    const [a, b] = [world.node('10.0.0.1'), world.node('10.0.0.2')];
    a.swarms.found(ALL, [b.address]);
    await world.clock.run(5_000);
    expect(world.network.dials).toEqual([]);
  });

  test('a node that joins a swarm later is found in it over the connection there is', async () => {
    await using world = new World();
    const [a, b] = [world.node('10.0.0.1', { swarms: [SWARM, ALL] }), world.node('10.0.0.2')];
    a.meet(b);
    await world.clock.run(100);
    const file = poolFile(1000, 1, [ALL]);
    a.keep(file);
    b.mirror.dead = true;
    b.swarms.join([SWARM, ALL].map((infoHash) => ({ infoHash, info: new Uint8Array(0) })));
    await world.clock.run(100);
    expect(a.swarms.peersIn(ALL)).toBe(1);
    expect(await world.until(b.fetch(file))).toEqual(file.bytes);
    expect(world.network.openEnds).toBe(2);
  });

  test('a want that is open when a swarm becomes common goes out then', async () => {
    await using world = new World();
    const [a, b] = [world.node('10.0.0.1', { swarms: [SWARM, ALL] }), world.node('10.0.0.2')];
    a.meet(b);
    await world.clock.run(100);
    const file = poolFile(1000, 1, [ALL]);
    a.keep(file);
    b.offersAtMirror(file);
    b.mirror.hangsMs = 30_000;
    const fetching = b.fetch(file);
    await world.clock.run(500);
    b.swarms.join([SWARM, ALL].map((infoHash) => ({ infoHash, info: new Uint8Array(0) })));
    const before = world.clock.nowMs();
    expect(await world.until(fetching)).toEqual(file.bytes);
    expect(world.clock.nowMs() - before).toBeLessThan(2_000);
  });

  test('a banned address is cut off at once, all of its connections, and refused afterwards', async () => {
    await using world = new World();
    const a = world.node('10.0.0.1');
    const connect = async (host: string, id: string) => {
      const link = await world.until(world.network.node(host).dial(a.address, 1_000));
      const raw = new RawPeer(link, id);
      raw.handshake(SWARM);
      await world.clock.run(5);
      raw.extendedHandshake();
      await world.clock.run(5);
      raw.hello([SWARM]);
      await world.clock.run(5);
      return raw;
    };
    const [bad, same, other] = [
      await connect('198.51.100.7', 'bad'),
      await connect('198.51.100.7', 'same'),
      await connect('198.51.101.8', 'other'),
    ];
    const [peer] = a.swarms.peers();
    if (!peer) throw new Error('nobody is there');
    a.swarms.ban(peer, 'lies');
    await world.clock.run(5);
    expect(bad.closed).toBeDefined();
    expect(same.closed).toBeDefined();
    expect(other.closed).toBeUndefined();
    const again = new RawPeer(
      await world.until(world.network.node('198.51.100.7').dial(a.address, 1_000)),
      'again',
    );
    await world.clock.run(5);
    expect(again.closed).toBeDefined();
    expect(a.swarms.banned()).toMatchObject([{ address: '198.51.100.7', reason: 'lies' }]);
    other.link.close('done');
  });

  test('strangers that do not shake hands are bounded', async () => {
    await using world = new World();
    const a = world.node('10.0.0.1');
    const raws: RawPeer[] = [];
    for (let i = 0; i < 150; i += 1) {
      const link = await world.until(world.network.node(`203.0.${i}.113`).dial(a.address, 1_000));
      raws.push(new RawPeer(link, String(i)));
    }
    await world.clock.run(5);
    expect(raws.filter(({ closed }) => closed === undefined)).toHaveLength(100);
    await world.clock.run(20_000);
    expect(raws.filter(({ closed }) => closed === undefined)).toHaveLength(0);
  });

  test('an address that is taken is told in words', async () => {
    await using world = new World();
    const a = world.node('10.0.0.1');
    expect(() => a.swarms.listen({ host: '10.0.0.1', port: PEER_PORT })).toThrow(
      'could not listen for peers on 10.0.0.1:9989: address in use',
    );
  });

  test('eight nodes, one of which has the file: all get it, and the mirrors of the others are hardly asked', async () => {
    await using world = new World();
    const nodes = Array.from({ length: 8 }, (_, i) =>
      world.node(`10.0.0.${i + 1}`, { latencyMs: 1, bytesPerSecond: 20 * 1024 * 1024, seed: i + 1 }),
    );
    const [source, ...others] = nodes;
    if (!source) throw new Error('unreachable');
    const file = poolFile(6 * 1024 * 1024);
    source.keep(file);
    for (const node of nodes) {
      node.offersAtMirror(file);
      node.mirror.bytesPerSecond = 5 * 1024 * 1024;
      node.meet(...nodes.filter((other) => other !== node));
    }
    await world.clock.run(3_000);
    for (const bytes of await world.until(Promise.all(others.map((node) => node.fetch(file))))) {
      expect(bytes).toEqual(file.bytes);
    }
    const fromMirrors = others.reduce((sum, { moved }) => sum + moved.fromMirror, 0);
    expect(fromMirrors).toBeLessThan(2 * file.bytes.length);
    for (const node of nodes) expect(node.swarms.banned()).toEqual([]);
  });
});

describe('Swarms and who is trusted', () => {
  const GIVEN = '203.0.113.7';

  /** A raw connection from `host` that shows this peer id and says that it listens at `port`. */
  async function caller(world: World, to: MemoryNode, host: string, id: Uint8Array, port = PEER_PORT) {
    const raw = new RawPeer(await world.until(world.network.node(host).dial(to.address, 1_000)), id);
    raw.handshake(SWARM);
    await world.clock.run(5);
    if (raw.closed !== undefined) return raw;
    raw.extendedHandshake({ port });
    await world.clock.run(5);
    raw.hello([SWARM]);
    await world.clock.run(5);
    return raw;
  }

  test('others behind an address that was given are strangers', async () => {
    await using world = new World();
    const [node, given] = [world.node('198.51.100.1'), world.node(GIVEN)];
    node.meet(given);
    await world.clock.run(100);
    const other = await caller(world, node, GIVEN, new TextEncoder().encode('-XX0000-someone-else'));
    const trusted = node.swarms.peers().map(({ given, trusted }) => [given, trusted]);
    expect(trusted.toSorted()).toEqual([
      [false, false],
      [true, true],
    ]);
    other.link.close('done');
  });

  test('a given node that dials us is trusted as soon as it has answered at its address, whichever connection stays', async () => {
    for (const lowerDials of [true, false]) {
      await using world = new World();
      const [a, b] = [world.node('198.51.100.1'), world.node(GIVEN)];
      const [first, second] = lowerDials ? [a, b] : [b, a];
      first.swarms.found(SWARM, [second.address], 'dht');
      await world.clock.run(100);
      expect(second.swarms.peers().map(({ trusted }) => trusted)).toEqual([false]);
      second.meet(first);
      await world.clock.run(100);
      expect(second.swarms.peers().map(({ given }) => given)).toEqual([true]);
      const dials = world.network.dials.length;
      await world.clock.run(600_000);
      expect(world.network.dials.length).toBe(dials);
    }
  });

  test('whoever copies the peer id of a given node is neither trusted nor takes its place', async () => {
    await using world = new World();
    const [node, given] = [world.node('198.51.100.1'), world.node(GIVEN)];
    const thief = await caller(world, node, '192.0.2.66', given.swarms.peerId);
    node.meet(given);
    await world.clock.run(100);
    const late = await caller(world, node, '192.0.3.66', given.swarms.peerId);
    const places = node.swarms.peers().map(({ address, trusted }) => `${address} ${trusted}`);
    expect(places.toSorted()).toEqual(['192.0.2.66 false', `${GIVEN} true`]);
    for (const raw of [thief, late]) raw.link.close('done');
  });

  test('a given node whose address strangers were banned with stays', async () => {
    await using world = new World();
    const [node, given] = [world.node('198.51.100.1'), world.node(GIVEN)];
    node.meet(given);
    await world.clock.run(100);
    const other = await caller(world, node, GIVEN, new TextEncoder().encode('-XX0000-someone-else'));
    const liar = node.swarms.peers().find((peer) => !peer.given);
    if (!liar) throw new Error('unreachable');
    node.swarms.ban(liar, 'lies');
    await world.clock.run(100);
    expect(other.closed).toBeDefined();
    expect(node.swarms.peers().map(({ given }) => given)).toEqual([true]);
  });

  test('how each was met is kept', async () => {
    await using world = new World();
    const node = world.node('198.51.100.1');
    const hosts = { tracker: '20.0.1.7', 'open-tracker': '20.0.2.7', dht: '20.0.3.7' } as const;
    for (const [provenance, host] of Object.entries(hosts)) {
      node.swarms.found(SWARM, [world.node(host).address], provenance as keyof typeof hosts);
    }
    node.meet(world.node(GIVEN));
    const came = await caller(world, node, '20.0.4.7', new TextEncoder().encode('-XX0000-who-came-by-'));
    await world.clock.run(100);
    const met = Object.fromEntries(
      node.swarms.peers().map(({ address, provenance }) => [address, provenance]),
    );
    expect(met).toEqual({
      '20.0.1.7': 'tracker',
      '20.0.2.7': 'open-tracker',
      '20.0.3.7': 'dht',
      '20.0.4.7': 'inbound',
      [GIVEN]: 'given',
    });
    came.link.close('done');
  });
});

describe('machines with public addresses in one subnet', () => {
  const campus = (i: number) => `203.0.113.${i}`;

  test.each([
    ['/24 of our own', ['203.0.113.1/24'], 6],
    ['another /24, strangers', ['198.51.100.1/24'], 2],
  ] as const)('%s: so many find their way in', async (_, ownAddresses, expected) => {
    await using world = new World();
    const node = world.node(campus(1), { ownAddresses });
    for (let i = 2; i < 8; i += 1) world.node(campus(i)).swarms.found(SWARM, [node.address], 'dht');
    await world.clock.run(2_000);
    expect(node.swarms.peers()).toHaveLength(expected);
    expect(node.swarms.peers().every(({ lan }) => lan === expected > 2)).toBe(true);
    // The neighbours of a rented server aren't told what is private.
    expect(node.swarms.peers().some(({ known }) => known)).toBe(false);
  });
});

describe('Swarms with whom local discovery has heard at a public address', () => {
  const HOST = '198.51.100.7';

  test('dials the first of the addresses of a new one, and takes it for near', async () => {
    await using world = new World();
    const [a, b] = [world.node('10.0.0.1'), world.node(HOST)];
    a.swarms.heard(SWARM, [b.address, { host: '192.168.1.9', port: PEER_PORT }], true);
    await world.clock.run(100);
    expect(a.swarms.peers()).toMatchObject([{ address: HOST, lan: true, trusted: true, known: true }]);
    expect(world.network.dials).toEqual([`${HOST}:${PEER_PORT}`]);
  });

  test('one that is heard again and isn’t connected is dialled at all of them, one that is at none', async () => {
    await using world = new World();
    const [a, b, c] = [world.node('10.0.0.1'), world.node(HOST), world.node('192.168.1.9')];
    a.swarms.heard(SWARM, [{ host: '192.168.1.8', port: PEER_PORT }, b.address], false);
    await world.clock.run(100);
    expect(world.network.dials).toEqual([`192.168.1.8:${PEER_PORT}`, `${HOST}:${PEER_PORT}`]);
    a.swarms.heard(SWARM, [c.address, b.address], false);
    await world.clock.run(100);
    expect(world.network.dials.filter((dial) => dial.startsWith(c.host))).toEqual([]);
  });

  test('one that has dialled us before it was heard becomes near, with the LAN’s upload limit', async () => {
    await using world = new World();
    const [a, b] = [world.node('203.0.113.1', { wanUploadLimit: 20_000 }), world.node(HOST)];
    b.swarms.found(SWARM, [a.address]);
    await world.clock.run(100);
    expect(a.swarms.peers()).toMatchObject([{ address: HOST, lan: false, trusted: false }]);
    const file = poolFile(500_000);
    a.keep(file);
    b.mirror.dead = true;
    const fetching = b.fetch(file);
    await world.clock.run(2_000);
    expect(b.moved.down).toBeLessThan(100_000);
    a.swarms.heard(SWARM, [b.address], true);
    expect(a.swarms.peers()).toMatchObject([{ address: HOST, lan: true, trusted: true }]);
    await world.clock.run(3_000);
    expect(b.moved.down).toBe(500_000);
    expect(await world.until(fetching)).toEqual(file.bytes);
    expect(a.swarms.peers()).toHaveLength(1);
  });

  test('in scope "lan" one that is heard may come, a stranger may not', async () => {
    await using world = new World();
    const lan = world.node('203.0.113.1', { privacy: 'lan' });
    const [near, far] = [world.node(HOST), world.node('192.0.2.7')];
    lan.swarms.heard(SWARM, [{ host: HOST, port: 1 }], true);
    for (const node of [near, far]) node.swarms.found(SWARM, [lan.address]);
    await world.clock.run(100);
    expect(lan.swarms.peers().map(({ address }) => address)).toEqual([HOST]);
  });

  test('is dialled at once when it says that it is there, however often that came to nothing before', async () => {
    await using world = new World();
    const a = world.node('10.0.0.1');
    const at = { host: HOST, port: PEER_PORT };
    for (let i = 0; i < 3; i += 1) {
      a.swarms.heard(SWARM, [at], true);
      await world.clock.run(1);
    }
    await world.clock.run(10_000);
    const before = world.network.dials.length;
    const b = world.node(HOST);
    a.swarms.heard(SWARM, [b.address], true);
    await world.clock.run(10);
    expect(world.network.dials.length).toBe(before + 1);
    expect(a.swarms.peers()).toHaveLength(1);
  });
});

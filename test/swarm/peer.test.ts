/** Dialogues with a real node, the other side made by hand. */
import { describe, expect, test } from 'bun:test';
import type { Sha256 } from '../../src/lib/sha256.ts';
import { parseSwarmInfo, swarmInfoHash } from '../../src/torrent/archive-identity.ts';
import { LayerBuilder } from '../../src/torrent/layer-builder.ts';
import { Pieces } from '../../src/torrent/pieces.ts';
import { ARCHIVE_EXTENSION, encodeArchiveMessage, Grade } from '../../src/wire/archive-ext.ts';
import { decodeMetadataMessage, encodeMetadataMessage } from '../../src/wire/extended.ts';
import { reservedBytes } from '../../src/wire/handshake.ts';
import {
  BLOCK_BYTES,
  encodeCancel,
  encodeExtended,
  encodeHashRequest,
  encodeMessage,
  encodePiece,
  encodePieceHeader,
  encodeRequest,
} from '../../src/wire/message.ts';
import { readU32 } from '../../src/wire/u32.ts';
import {
  AMD64,
  type MemoryNode,
  PEER_PORT,
  type PoolFile,
  poolFile,
  SWARM,
} from '../fixtures/memory-node.ts';
import { RawPeer } from '../fixtures/raw-peer.ts';
import { World } from '../fixtures/world.ts';
import { everyMessage, randomBytes, seeded } from '../wire/samples.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const ALL = swarmInfoHash({ ...AMD64, architecture: 'all' });
const ELSEWHERE = swarmInfoHash({ ...AMD64, codename: 'trixie' });

/** A raw peer that has connected to the node, and said nothing yet. */
async function connect(
  world: World,
  node: MemoryNode,
  host = '10.0.0.7',
  id: string | Uint8Array = 'raw',
): Promise<RawPeer> {
  const link = await world.until(world.network.node(host).dial({ host: node.host, port: PEER_PORT }, 1_000));
  const raw = new RawPeer(link, id);
  await world.clock.run(1);
  return raw;
}

/** The same, after the handshakes of BEP 3, BEP 10 and dt_archive. */
async function greet(
  world: World,
  node: MemoryNode,
  swarms: readonly string[] = [SWARM],
  host = '10.0.0.7',
): Promise<RawPeer> {
  const raw = await connect(world, node, host, host);
  raw.handshake(SWARM);
  await world.clock.run(20);
  raw.extendedHandshake();
  await world.clock.run(20);
  raw.hello(swarms, 64 * KIB);
  raw.unchoke();
  await world.clock.run(20);
  expect(raw.closed).toBeUndefined();
  return raw;
}

/** The peer wants these under the numbers from `first` on. */
async function want(world: World, raw: RawPeer, first: number, ...keys: readonly Sha256[]): Promise<void> {
  raw.archive({ kind: 'want', first, keys });
  await world.clock.run(1);
}

const request = (index: number, begin = 0, length = BLOCK_BYTES) => encodeRequest({ index, begin, length });

describe('the handshake', () => {
  test('is answered in the swarm that was asked for, with HAVE NONE, extensions and UNCHOKE', async () => {
    await using world = new World();
    const node = world.node('10.0.0.1');
    const raw = await connect(world, node);
    raw.handshake(SWARM);
    await world.clock.run(1);
    expect(raw.theirId).toEqual(node.swarms.peerId);
    expect(raw.heard.map(({ type }) => type)).toEqual(['have-none', 'extended', 'unchoke']);
    expect([...(raw.theirs?.extensions.keys() ?? [])].sort()).toEqual([
      'dt_archive',
      'lt_donthave',
      'ut_metadata',
      'ut_pex',
    ]);
    expect(raw.theirs?.port).toBe(PEER_PORT);
    raw.link.close('done');
  });

  test('is not answered in an unknown swarm: the connection is closed without a word', async () => {
    await using world = new World();
    const raw = await connect(world, world.node('10.0.0.1'));
    raw.handshake(ELSEWHERE);
    await world.clock.run(1);
    expect(raw.closed).toBeDefined();
    expect(raw.theirId).toBeUndefined();
  });

  test('without extensions (BEP 10) is of no use: closed', async () => {
    await using world = new World();
    const raw = await connect(world, world.node('10.0.0.1'));
    raw.handshake(SWARM, reservedBytes('fast'));
    await world.clock.run(1);
    expect(raw.closed).toBeDefined();
  });

  test('without the fast extension there is no HAVE NONE', async () => {
    await using world = new World();
    const raw = await connect(world, world.node('10.0.0.1'));
    raw.handshake(SWARM, reservedBytes('extended'));
    await world.clock.run(1);
    expect(raw.all('have-none')).toEqual([]);
    raw.link.close('done');
  });

  test('that does not come within ten seconds closes the connection', async () => {
    await using world = new World();
    const raw = await connect(world, world.node('10.0.0.1'));
    await world.clock.run(8_000);
    expect(raw.closed).toBeUndefined();
    await world.clock.run(8_000);
    expect(raw.closed).toBeDefined();
  });

  test('of an HTTP client closes it at its first bytes', async () => {
    await using world = new World();
    const raw = await connect(world, world.node('10.0.0.1'));
    raw.send(new TextEncoder().encode('GET / HTTP/1.1\r\n'));
    await world.clock.run(1);
    expect(raw.closed).toBeDefined();
  });

  test('without dt_archive afterwards is borne for half a minute', async () => {
    await using world = new World();
    const node = world.node('10.0.0.1');
    const raw = await connect(world, node);
    raw.handshake(SWARM);
    await world.clock.run(29_000);
    expect(raw.closed).toBeUndefined();
    expect(node.swarms.peers()).toEqual([]);
    await world.clock.run(7_000);
    expect(raw.closed).toBeDefined();
  });

  test('in two chunks, and with the next messages in the same chunk, is read all the same', async () => {
    await using world = new World();
    const node = world.node('10.0.0.1');
    const raw = await connect(world, node);
    const { link } = raw;
    const sent: Uint8Array[] = [];
    const { send } = link;
    link.send = (bytes) => sent.push(bytes.slice());
    raw.handshake(SWARM);
    raw.extendedHandshake();
    link.send = send;
    const bytes = new Uint8Array(Buffer.concat(sent));
    link.send(bytes.subarray(0, 30));
    await world.clock.run(1);
    link.send(bytes.subarray(30));
    await world.clock.run(1);
    raw.hello([SWARM]);
    await world.clock.run(1);
    expect(node.swarms.peers()).toHaveLength(1);
    link.close('done');
  });
});

describe('an introduction that is repeated', () => {
  test('is answered by hello once, and closes the connection in the end', async () => {
    await using world = new World();
    const raw = await greet(world, world.node('10.0.0.1'));
    for (let i = 0; i < 200; i += 1) raw.extendedHandshake();
    await world.clock.run(1);
    expect(raw.allSaid('hello')).toHaveLength(1);
    expect(raw.closed).toBeUndefined();
    for (let i = 0; i < 55; i += 1) raw.hello([SWARM]);
    await world.clock.run(1);
    expect(raw.closed).toBeDefined();
  });

  test('hears of swarms that changed while it did not speak dt_archive', async () => {
    await using world = new World();
    const node = world.node('10.0.0.1');
    const raw = await greet(world, node);
    const silent = new Map([['dt_archive', 0]]);
    raw.extendedHandshake({ extensions: silent });
    await world.clock.run(1);
    node.swarms.join([SWARM, ALL].map((infoHash) => ({ infoHash, info: new Uint8Array(0) })));
    await world.clock.run(1);
    expect(raw.allSaid('hello')).toHaveLength(1);
    raw.extendedHandshake();
    await world.clock.run(1);
    expect(raw.allSaid('hello').map(({ swarms }) => swarms.length)).toEqual([1, 2]);
    raw.link.close('done');
  });
});

describe('dt_archive', () => {
  test('is not spoken with a peer without the fast extension: REJECT belongs to it', async () => {
    await using world = new World();
    const raw = await connect(world, world.node('10.0.0.1'));
    raw.handshake(SWARM, reservedBytes('extended'));
    await world.clock.run(1);
    raw.extendedHandshake();
    await world.clock.run(1);
    expect(raw.said).toEqual([]);
    raw.hello([SWARM]);
    await world.clock.run(1);
    expect(raw.closed).toBeDefined();
  });

  test('before its hello nothing is taken for meant', async () => {
    await using world = new World();
    const node = world.node('10.0.0.1');
    const file = poolFile(1000);
    node.keep(file);
    const raw = await connect(world, node);
    raw.handshake(SWARM);
    await world.clock.run(1);
    raw.extendedHandshake();
    await want(world, raw, 1, file.entry.key);
    raw.hello([SWARM]);
    await world.clock.run(1);
    expect(raw.allSaid('have')).toEqual([]);
    await want(world, raw, 1, file.entry.key);
    expect(raw.allSaid('have')).toHaveLength(1);
    raw.link.close('done');
  });
});

describe('the swarms that both are in', () => {
  test('are found by hello, and nothing else is disclosed', async () => {
    await using world = new World();
    const node = world.node('10.0.0.1', { swarms: [SWARM, ALL] });
    const raw = await greet(world, node, [SWARM, ELSEWHERE]);
    const [peer] = node.swarms.peers();
    expect([...(peer?.swarms ?? [])]).toEqual([SWARM]);
    expect(raw.allSaid('hello')[0]?.swarms).toHaveLength(2);
    expect(
      raw.heard.some(
        (m) => m.type === 'extended' && Buffer.from(m.payload).includes(Buffer.from(ALL, 'hex')),
      ),
    ).toBe(false);
    raw.hello([SWARM, ALL]);
    await world.clock.run(1);
    expect([...(peer?.swarms ?? [])].sort()).toEqual([SWARM, ALL].sort());
    raw.link.close('done');
  });

  test('files are given only in their own', async () => {
    await using world = new World();
    const node = world.node('10.0.0.1', { swarms: [SWARM, ALL] });
    const [here, there] = [poolFile(1000, 1, [SWARM]), poolFile(1000, 2, [ALL])];
    node.keep(here);
    node.keep(there);
    const raw = await greet(world, node, [SWARM]);
    await want(world, raw, 5, here.entry.key, there.entry.key);
    expect(raw.allSaid('have')[0]?.entries.map((e) => e.want)).toEqual([5]);
    expect(raw.allSaid('none')[0]?.ranges).toEqual([{ first: 6, count: 1 }]);
    raw.link.close('done');
  });

  test('that we leave are served no longer, and a peer with no other is closed', async () => {
    await using world = new World();
    const node = world.node('10.0.0.1', { swarms: [SWARM, ALL] });
    const file = poolFile(1000, 1, [SWARM]);
    node.keep(file);
    const [both, one] = [
      await greet(world, node, [SWARM, ALL]),
      await greet(world, node, [SWARM], '10.0.0.8'),
    ];
    node.swarms.join([{ infoHash: ALL, info: new Uint8Array(0) }]);
    await world.clock.run(10);
    expect(one.closed).toBeDefined();
    expect(both.closed).toBeUndefined();
    await want(world, both, 1, file.entry.key);
    expect(both.allSaid('none')).toHaveLength(1);
    both.link.close('done');
  });
});

describe('two connections of one pair', () => {
  test('the one that the lower peer id dialled is kept, at both ends', async () => {
    await using world = new World();
    const [a, b] = [world.node('10.0.0.1', { latencyMs: 5 }), world.node('10.0.0.2', { latencyMs: 5 })];
    a.meet(b);
    b.meet(a);
    await world.clock.run(3_000);
    expect(a.swarms.peers()).toHaveLength(1);
    expect(b.swarms.peers()).toHaveLength(1);
    expect(world.network.openEnds).toBe(2);
    const lower = Buffer.compare(a.swarms.peerId, b.swarms.peerId) < 0 ? a : b;
    for (const node of [a, b]) expect(node.swarms.peers()[0]?.dialled).toBe(node === lower);
  });

  test('whichever comes first', async () => {
    for (const [firstMs, secondMs] of [
      [0, 40],
      [40, 0],
    ] as const) {
      await using world = new World();
      const [a, b] = [world.node('10.0.0.1', { latencyMs: 5 }), world.node('10.0.0.2', { latencyMs: 5 })];
      world.clock.after(firstMs, () => a.meet(b));
      world.clock.after(secondMs, () => b.meet(a));
      await world.clock.run(5_000);
      expect(a.swarms.peers()).toHaveLength(1);
      expect(b.swarms.peers()).toHaveLength(1);
      expect(world.network.openEnds).toBe(2);
    }
  });

  /** A node, and a peer of it under an id that is lower, or higher, than the node's own. */
  function pair(world: World, order: 'lower' | 'higher') {
    const peerId = order === 'lower' ? '-DT0000-0'.padEnd(20, '0') : '-DT0000-z'.padEnd(20, 'z');
    const node = world.node('10.0.0.1');
    const peer = world.node('10.0.0.2', { peerId });
    expect(Buffer.compare(peer.swarms.peerId, node.swarms.peerId)).toBe(order === 'lower' ? -1 : 1);
    return { node, peer };
  }

  async function imposter(world: World, node: MemoryNode, of: MemoryNode): Promise<RawPeer> {
    const raw = await connect(world, node, '10.0.0.7', of.swarms.peerId);
    raw.handshake(SWARM);
    await world.clock.run(1);
    return raw;
  }

  test.each(['lower', 'higher'] as const)(
    'who shows the id of a peer, at another address, does not take its place (%s id)',
    async (order) => {
      await using world = new World();
      const { node, peer } = pair(world, order);
      node.meet(peer);
      await world.clock.run(100);
      const raw = await imposter(world, node, peer);
      expect(raw.closed).toBeDefined();
      expect(node.swarms.peers().map(({ address }) => address)).toEqual([peer.host]);
    },
  );

  test.each(['lower', 'higher'] as const)(
    'nor keeps the node from the one that it dials, if it was there before (%s id)',
    async (order) => {
      await using world = new World();
      const { node, peer } = pair(world, order);
      const raw = await imposter(world, node, peer);
      expect(raw.closed).toBeUndefined();
      node.meet(peer);
      await world.clock.run(100);
      expect(node.swarms.peers().map(({ address }) => address)).toEqual([peer.host]);
      expect(peer.swarms.peers()).toHaveLength(1);
      raw.link.close('done');
    },
  );

  test('a node that comes from a new address gets in within seconds, as its old connection is dead', async () => {
    await using world = new World();
    const { node, peer } = pair(world, 'lower');
    const old = await imposter(world, node, peer);
    old.extendedHandshake();
    old.hello([SWARM]);
    await world.clock.run(5);
    peer.meet(node);
    await world.clock.run(1_000);
    expect(node.swarms.peers().map(({ address }) => address)).toEqual(['10.0.0.7']);
    expect(old.all('hash-request')).toHaveLength(1);
    await world.clock.run(40_000);
    expect(node.swarms.peers().map(({ address }) => address)).toEqual([peer.host]);
    expect(old.closed).toBeDefined();
  });

  test('one that is alive says so, and stays', async () => {
    await using world = new World();
    const { node, peer } = pair(world, 'lower');
    node.meet(peer);
    await world.clock.run(100);
    const [first] = node.swarms.peers();
    for (let i = 0; i < 10; i += 1) {
      await imposter(world, node, peer);
      await world.clock.run(4_000);
    }
    const [only] = node.swarms.peers();
    expect(only?.address).toBe(peer.host);
    expect(only === first).toBe(true);
  });

  test('a second one with the same peer id from the same address does not replace the first', async () => {
    await using world = new World();
    const node = world.node('10.0.0.1');
    const first = await greet(world, node);
    const second = await connect(world, node, '10.0.0.7', '10.0.0.7');
    second.handshake(SWARM);
    await world.clock.run(1);
    expect(second.closed).toBeDefined();
    expect(first.closed).toBeUndefined();
    first.link.close('done');
  });

  test('a node that dials itself notices, and does not do it again', async () => {
    await using world = new World();
    const a = world.node('10.0.0.1');
    a.swarms.give(a.address);
    await world.clock.run(60_000);
    expect(a.swarms.peers()).toEqual([]);
    expect(world.network.openEnds).toBe(0);
    expect(world.network.dials).toHaveLength(1);
  });
});

describe('wants of a peer', () => {
  test('are answered in their own numbers: have, none, each of the right size and grade', async () => {
    await using world = new World();
    const node = world.node('10.0.0.1');
    const [small, large] = [poolFile(100 * KIB, 1), poolFile(3 * MIB, 2)];
    node.keep(small);
    node.keep(large);
    const raw = await greet(world, node);
    await want(
      world,
      raw,
      100,
      poolFile(9, 3).entry.key,
      small.entry.key,
      poolFile(9, 4).entry.key,
      large.entry.key,
    );
    expect(raw.allSaid('none')[0]?.ranges).toEqual([
      { first: 100, count: 1 },
      { first: 102, count: 1 },
    ]);
    const entries = raw.allSaid('have').flatMap((m) => [...m.entries]);
    const tree = new LayerBuilder(new Pieces(3 * MIB));
    tree.update(large.bytes);
    expect(entries).toEqual([
      { want: 101, sizeBytes: 100 * KIB, firstPiece: 0, grade: Grade.whole },
      { want: 103, sizeBytes: 3 * MIB, firstPiece: 1, grade: Grade.whole, root: tree.root() },
    ]);
    raw.link.close('done');
  });

  test('a file that comes in later is told to whoever still wants it', async () => {
    await using world = new World();
    const node = world.node('10.0.0.1');
    const file = poolFile(1000);
    node.offersAtMirror(file);
    const raw = await greet(world, node);
    await want(world, raw, 7, file.entry.key);
    expect(raw.allSaid('none')).toHaveLength(1);
    await world.until(node.fetch(file));
    await world.clock.run(10);
    expect(
      raw
        .allSaid('have')
        .flatMap((m) => [...m.entries])
        .at(-1)?.want,
    ).toBe(7);
    raw.link.close('done');
  });

  test('and not to one that no longer does', async () => {
    await using world = new World();
    const node = world.node('10.0.0.1');
    const file = poolFile(1000);
    node.offersAtMirror(file);
    const raw = await greet(world, node);
    await want(world, raw, 7, file.entry.key);
    raw.archive({ kind: 'unwant', ranges: [{ first: 7, count: 1 }] });
    await world.clock.run(1);
    await world.until(node.fetch(file));
    await world.clock.run(10);
    expect(raw.allSaid('have')).toEqual([]);
    raw.link.close('done');
  });

  test('more than 1,024 open ones close the connection; given up ones do not count', async () => {
    await using world = new World();
    const node = world.node('10.0.0.1');
    const raw = await greet(world, node);
    const keys = Array.from({ length: 1024 }, (_, i) => i.toString(16).padStart(64, '0') as Sha256);
    for (let i = 0; i < 4; i += 1) {
      await want(world, raw, i * 1024, ...keys);
      raw.archive({ kind: 'unwant', ranges: [{ first: i * 1024, count: 1024 }] });
      await world.clock.run(1);
    }
    expect(raw.closed).toBeUndefined();
    await want(world, raw, 50_000, ...keys);
    expect(raw.closed).toBeUndefined();
    await want(world, raw, 60_000, poolFile(1).entry.key);
    expect(raw.closed).toBeDefined();
  });

  test('a number that is in use cannot be used again', async () => {
    await using world = new World();
    const raw = await greet(world, world.node('10.0.0.1'));
    await want(world, raw, 1, poolFile(1).entry.key);
    await want(world, raw, 1, poolFile(2).entry.key);
    expect(raw.closed).toBeDefined();
  });

  test('what was wanted ahead is meant when it is wanted again, once, and is not answered again', async () => {
    await using world = new World();
    const node = world.node('10.0.0.1');
    const raw = await greet(world, node);
    const { key } = poolFile(1).entry;
    const [peer] = node.swarms.peers();
    raw.archive({ kind: 'want', first: 1, keys: [key], ahead: true });
    await world.clock.run(1);
    const answers = () => raw.allSaid('none').length;
    expect([peer?.looksFor(key), answers()]).toEqual([false, 1]);
    await want(world, raw, 1, key);
    expect([peer?.looksFor(key), answers(), raw.closed]).toEqual([true, 1, undefined]);
    await want(world, raw, 1, key);
    expect(raw.closed).toBeDefined();
  });

  test('what was wanted ahead and not meant was not sought', async () => {
    await using world = new World();
    const node = world.node('10.0.0.1');
    const raw = await greet(world, node);
    const { key } = poolFile(1).entry;
    const [peer] = node.swarms.peers();
    raw.archive({ kind: 'want', first: 1, keys: [key], ahead: true });
    raw.archive({ kind: 'unwant', ranges: [{ first: 1, count: 1 }] });
    await world.clock.run(1);
    expect(peer?.soughtLately(key)).toBe(false);
    await want(world, raw, 2, key);
    raw.archive({ kind: 'unwant', ranges: [{ first: 2, count: 1 }] });
    await world.clock.run(1);
    expect([peer?.soughtLately(key), raw.closed]).toEqual([true, undefined]);
    raw.link.close('done');
  });

  test('a key that is open cannot be wanted under another number', async () => {
    await using world = new World();
    const raw = await greet(world, world.node('10.0.0.1'));
    const { key } = poolFile(1).entry;
    await want(world, raw, 1, key);
    raw.archive({ kind: 'unwant', ranges: [{ first: 1, count: 1 }] });
    await want(world, raw, 2, key);
    expect(raw.closed).toBeUndefined();
    await want(world, raw, 3, key);
    expect(raw.closed).toBeDefined();
  });

  test('unwant of what was never wanted is no offence', async () => {
    await using world = new World();
    const raw = await greet(world, world.node('10.0.0.1'));
    raw.archive({ kind: 'unwant', ranges: [{ first: 0, count: 2000 }] });
    await world.clock.run(1);
    expect(raw.closed).toBeUndefined();
    raw.link.close('done');
  });
});

describe('requests of a peer', () => {
  /** A peer to which the node has offered `file` under numbers from 0 on. */
  async function offered(world: World, file: PoolFile, options = {}) {
    const node = world.node('10.0.0.1', options);
    node.keep(file);
    const raw = await greet(world, node);
    await want(world, raw, 0, file.entry.key);
    await world.clock.run(50);
    expect(raw.allSaid('have')).toHaveLength(1);
    return { node, raw };
  }

  test('are answered with the right bytes, of any length that is allowed', async () => {
    await using world = new World();
    const file = poolFile(3 * MIB);
    const { node, raw } = await offered(world, file);
    raw.send(request(0), request(3, 64 * KIB, 128 * KIB), request(11, 0, 1));
    await world.clock.run(1);
    expect(raw.pieces.map(({ index, begin }) => [index, begin])).toEqual([
      [0, 0],
      [3, 64 * KIB],
      [11, 0],
    ]);
    expect(raw.pieces[1]?.bytes).toEqual(
      file.bytes.slice(3 * 256 * KIB + 64 * KIB, 3 * 256 * KIB + 192 * KIB),
    );
    expect(node.moved.up).toBe(16 * KIB + 128 * KIB + 1);
    raw.link.close('done');
  });

  test('for a number never given close the connection', async () => {
    await using world = new World();
    const { raw } = await offered(world, poolFile(3 * MIB));
    raw.send(request(12));
    await world.clock.run(1);
    expect(raw.closed).toBeDefined();
    expect(raw.pieces).toEqual([]);
  });

  test('for a number withdrawn are rejected', async () => {
    await using world = new World();
    const { raw } = await offered(world, poolFile(3 * MIB));
    raw.archive({ kind: 'unwant', ranges: [{ first: 0, count: 1 }] });
    raw.send(request(2));
    await world.clock.run(1);
    expect(raw.all('reject')).toEqual([{ type: 'reject', index: 2, begin: 0, length: BLOCK_BYTES }]);
    expect(raw.closed).toBeUndefined();
    raw.link.close('done');
  });

  test('for a file that was evicted are rejected, and lt_donthave tells of each piece', async () => {
    await using world = new World();
    const file = poolFile(3 * MIB);
    const { node, raw } = await offered(world, file);
    node.store.remove(file.entry.key);
    await world.clock.run(1);
    expect(raw.payloads('lt_donthave').map((p) => readU32(p, 0))).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
    ]);
    raw.send(request(2));
    await world.clock.run(1);
    expect(raw.all('reject')).toHaveLength(1);
    raw.link.close('done');
  });

  test('numbers are never used again: the same file later has others', async () => {
    await using world = new World();
    const file = poolFile(3 * MIB);
    const { raw } = await offered(world, file);
    raw.archive({ kind: 'unwant', ranges: [{ first: 0, count: 1 }] });
    await want(world, raw, 1, file.entry.key);
    expect(raw.allSaid('have')[1]?.entries[0]?.firstPiece).toBe(12);
    raw.link.close('done');
  });

  test.each([
    ['beyond the end of a piece', { index: 11, begin: 240 * KIB, length: 32 * KIB }],
    ['of nothing', { index: 0, begin: 0, length: 0 }],
    ['of more than a request may ask for', { index: 0, begin: 0, length: 512 * KIB }],
    ['that begin inside a block', { index: 0, begin: 5, length: 10 }],
  ])('%s close the connection', async (_what, block) => {
    await using world = new World();
    const { raw } = await offered(world, poolFile(3 * MIB));
    raw.send(encodeRequest(block));
    await world.clock.run(1);
    expect(raw.closed).toBeDefined();
  });

  test('more than 1,024 at a time are rejected', async () => {
    await using world = new World();
    const { raw } = await offered(world, poolFile(3 * MIB), { bytesPerSecond: 64 * KIB });
    raw.send(...Array.from({ length: 1_100 }, (_, i) => request(i % 12)));
    await world.clock.run(1_000);
    expect(raw.all('reject').length).toBeGreaterThanOrEqual(70);
    expect(raw.closed).toBeUndefined();
    raw.link.close('done');
  });

  test('that are cancelled are rejected (BEP 6), those on their way come', async () => {
    await using world = new World();
    const { raw } = await offered(world, poolFile(3 * MIB), { bytesPerSecond: 64 * KIB });
    raw.send(request(0), request(1), request(2), encodeCancel({ index: 2, begin: 0, length: BLOCK_BYTES }));
    raw.send(encodeCancel({ index: 9, begin: 0, length: BLOCK_BYTES }));
    await world.clock.run(3_000);
    expect(raw.pieces.map(({ index }) => index)).toEqual([0, 1]);
    expect(raw.all('reject').map(({ index }) => index)).toEqual([2]);
    raw.link.close('done');
  });

  test('payload waits for the socket: memory holds one block, however much is asked for', async () => {
    await using world = new World();
    const { raw, node } = await offered(world, poolFile(3 * MIB), { bytesPerSecond: 128 * KIB });
    raw.send(...Array.from({ length: 12 }, (_, i) => request(i, 0, 256 * KIB)));
    await world.clock.run(1);
    expect(node.swarms.peers()[0]?.link.queuedBytes).toBeLessThan(300 * KIB);
    raw.link.close('done');
  });

  test('a peer that asks for hashes again and again, and does not read them, is closed before it costs memory', async () => {
    await using world = new World();
    const { raw, node } = await offered(world, poolFile(3 * MIB), { bytesPerSecond: 16 * KIB });
    await world.clock.run(100);
    const piecesRoot = raw.allSaid('have')[0]?.entries[0]?.root as Uint8Array;
    const ask = encodeHashRequest({ piecesRoot, baseLayer: 4, index: 0, length: 16, proofLayers: 3 });
    const { link } = node.swarms.peers()[0] ?? {};
    let most = 0;
    for (let i = 0; i < 400; i += 1) {
      raw.send(...Array<Uint8Array>(100).fill(ask));
      await world.clock.run(1);
      most = Math.max(most, link?.queuedBytes ?? 0);
    }
    expect(most).toBeLessThan(3 * MIB);
    expect(node.swarms.peers()).toEqual([]);
    raw.link.close('done');
    // What was on the line still runs out.
    await world.clock.run(600_000);
  });

  test('a file is closed again when nobody reads it', async () => {
    await using world = new World();
    const files = Array.from({ length: 20 }, (_, i) => poolFile(100, i + 1));
    const node = world.node('10.0.0.1');
    for (const file of files) node.keep(file);
    let open = 0;
    const { open: openFile } = node.store;
    let most = 0;
    node.store.open = (key) => {
      const file = openFile.call(node.store, key);
      if (!file) return undefined;
      open += 1;
      most = Math.max(most, open);
      const close = file[Symbol.dispose].bind(file);
      return {
        ...file,
        [Symbol.dispose]() {
          open -= 1;
          close();
        },
      };
    };
    const raw = await greet(world, node);
    await want(world, raw, 0, ...files.map(({ entry }) => entry.key));
    raw.send(...files.map((_, i) => request(i, 0, 100)));
    await world.clock.run(100);
    expect(raw.pieces).toHaveLength(20);
    expect(most).toBeLessThan(10);
    await world.clock.run(6_000);
    expect(open).toBe(0);
    raw.send(request(3, 0, 100));
    await world.clock.run(1);
    expect(open).toBe(1);
    raw.link.close('done');
    await world.clock.run(1);
    expect(open).toBe(0);
  });

  test('a file that cannot be read is rejected, and costs nobody else anything', async () => {
    await using world = new World();
    const file = poolFile(1000);
    const { node, raw } = await offered(world, file);
    node.store.open = () => {
      throw new Error('input/output error');
    };
    raw.send(request(0, 0, 1000));
    await world.clock.run(1);
    expect(raw.all('reject')).toHaveLength(1);
    expect(raw.closed).toBeUndefined();
    raw.link.close('done');
  });
});

describe('hash requests of a peer', () => {
  test('are answered for the piece layer of what was offered; anything else is HASH REJECT', async () => {
    await using world = new World();
    const file = poolFile(3 * MIB);
    const node = world.node('10.0.0.1');
    node.keep(file);
    const raw = await greet(world, node);
    await want(world, raw, 0, file.entry.key);
    const piecesRoot = raw.allSaid('have')[0]?.entries[0]?.root as Uint8Array;
    const ask = { piecesRoot, baseLayer: 4, index: 0, length: 16, proofLayers: 3 };
    raw.send(encodeHashRequest(ask));
    await world.clock.run(1);
    const tree = new LayerBuilder(new Pieces(3 * MIB));
    tree.update(file.bytes);
    expect(raw.all('hashes')[0]?.hashes.slice(0, 12 * 32)).toEqual(tree.layer().slice());
    const wrong = [
      { ...ask, piecesRoot: new Uint8Array(32) },
      { ...ask, baseLayer: 0 },
      { ...ask, baseLayer: 5 },
      { ...ask, length: 3 },
      { ...ask, length: 1024 },
      { ...ask, index: 1 },
      { ...ask, index: 2 ** 31 },
      { ...ask, length: 0 },
      { ...ask, proofLayers: 2 ** 32 - 1 },
    ];
    for (const range of wrong) raw.send(encodeHashRequest(range));
    await world.clock.run(1);
    expect(raw.all('hash-reject')).toHaveLength(wrong.length);
    expect(raw.all('hashes')).toHaveLength(1);
    expect(raw.closed).toBeUndefined();
    raw.link.close('done');
  });

  test('of a file that is not offered to this peer are refused', async () => {
    await using world = new World();
    const file = poolFile(3 * MIB);
    const node = world.node('10.0.0.1');
    node.keep(file);
    const tree = new LayerBuilder(new Pieces(3 * MIB));
    tree.update(file.bytes);
    const raw = await greet(world, node);
    raw.send(
      encodeHashRequest({ piecesRoot: tree.root(), baseLayer: 4, index: 0, length: 16, proofLayers: 3 }),
    );
    await world.clock.run(1);
    expect(raw.all('hash-reject')).toHaveLength(1);
    raw.link.close('done');
  });
});

describe('answers of a peer to our wants', () => {
  /** A node that looks for `file` of this peer (its mirror takes its time). */
  async function looking(world: World, file: PoolFile) {
    const node = world.node('10.0.0.1');
    node.mirror.hangsMs = 60_000;
    node.offersAtMirror(file);
    const raw = await greet(world, node);
    const fetching = node.fetch(file);
    fetching.catch(() => {});
    await world.clock.run(5);
    const wanted = raw.allSaid('want')[0];
    expect(wanted?.keys).toEqual([file.entry.key]);
    return { node, raw, fetching, number: wanted?.first ?? -1 };
  }

  const have = (number: number, file: PoolFile, changes = {}) => ({
    kind: 'have' as const,
    entries: [{ want: number, sizeBytes: file.bytes.length, firstPiece: 40, grade: Grade.whole, ...changes }],
  });

  test('wants of one moment travel in one message, and are taken back when the file is here', async () => {
    await using world = new World();
    const node = world.node('10.0.0.1');
    const files = Array.from({ length: 10 }, (_, i) => poolFile(1000 + i, i + 1));
    for (const file of files) node.offersAtMirror(file);
    const raw = await greet(world, node);
    await world.until(Promise.all(files.map((file) => node.fetch(file))));
    await world.clock.run(5);
    expect(raw.allSaid('want').map((m) => m.keys.length)).toEqual([10]);
    expect(
      raw
        .allSaid('unwant')
        .flatMap((m) => [...m.ranges])
        .reduce((sum, r) => sum + r.count, 0),
    ).toBe(10);
    raw.link.close('done');
  });

  test('a have is followed by INTERESTED and requests in the peer’s numbers', async () => {
    await using world = new World();
    const file = poolFile(40 * KIB);
    const { raw, fetching, number } = await looking(world, file);
    raw.archive(have(number, file));
    await world.clock.run(5);
    expect(raw.all('interested')).toHaveLength(1);
    const requests = raw.all('request');
    expect(requests.every(({ index }) => index === 40)).toBe(true);
    for (const { index, begin, length } of requests)
      raw.send(encodePiece(index, begin, file.bytes.subarray(begin, begin + length)));
    expect(await world.until(fetching)).toEqual(file.bytes);
    raw.link.close('done');
  });

  test.each([
    ['the numbers of another file', 42],
    ['numbers that reach into those of another file', 38],
    ['numbers beyond 2^31', 2 ** 31 - 2],
  ])('a have with %s closes: a piece asked for twice would be waited for for ever', async (_, firstPiece) => {
    await using world = new World();
    const files = [poolFile(MIB, 1), poolFile(MIB, 2)];
    const node = world.node('10.0.0.1');
    node.mirror.hangsMs = 60_000;
    for (const file of files) node.offersAtMirror(file);
    const raw = await greet(world, node);
    for (const file of files) node.fetch(file).catch(() => {});
    await world.clock.run(5);
    const [number = -1] = raw.allSaid('want').map(({ first }) => first);
    const root = new Uint8Array(32).fill(1);
    raw.archive(have(number, files[0] as PoolFile, { root }));
    await world.clock.run(5);
    expect(raw.closed).toBeUndefined();
    raw.archive(have(number + 1, files[1] as PoolFile, { root, firstPiece }));
    await world.clock.run(5);
    expect(raw.closed).toBeDefined();
  });

  test('a have under new numbers: the file was lost and is back; seventeen times is once too often', async () => {
    await using world = new World();
    const file = poolFile(40 * KIB);
    const { raw, number } = await looking(world, file);
    for (let i = 0; i <= 16; i += 1) raw.archive(have(number, file, { firstPiece: i }));
    await world.clock.run(5);
    expect(raw.closed).toBeUndefined();
    expect(raw.all('request').at(-1)?.index).toBe(16);
    raw.archive(have(number, file, { firstPiece: 17 }));
    await world.clock.run(5);
    expect(raw.closed).toBeDefined();
  });

  test('a have of another size is no answer; the connection stays', async () => {
    await using world = new World();
    const file = poolFile(40 * KIB);
    const { raw, number } = await looking(world, file);
    raw.archive(have(number, file, { sizeBytes: 5 }));
    await world.clock.run(50);
    expect(raw.all('request')).toEqual([]);
    expect(raw.closed).toBeUndefined();
    raw.link.close('done');
  });

  test('a have without a root for a file of several pieces is no answer', async () => {
    await using world = new World();
    const file = poolFile(2 * MIB);
    const { raw, number } = await looking(world, file);
    raw.archive(have(number, file));
    await world.clock.run(50);
    expect(raw.all('request')).toEqual([]);
    expect(raw.all('hash-request')).toEqual([]);
    expect(raw.closed).toBeUndefined();
    raw.link.close('done');
  });

  test('a bitfield of a wrong length closes the connection', async () => {
    await using world = new World();
    const file = poolFile(2 * MIB);
    const { raw, number } = await looking(world, file);
    raw.archive(have(number, file, { root: new Uint8Array(32), pieces: new Uint8Array(2) }));
    await world.clock.run(50);
    expect(raw.closed).toBeDefined();
  });

  test('a have or none for a want that is over, or never was, is legal', async () => {
    await using world = new World();
    const file = poolFile(40 * KIB);
    const { raw, number } = await looking(world, file);
    raw.archive(have(number + 1, file));
    raw.archive({ kind: 'none', ranges: [{ first: 0, count: 2000 }] });
    raw.archive(have(number, file));
    await world.clock.run(5);
    expect(raw.closed).toBeUndefined();
    raw.link.close('done');
  });

  test('payload that nobody asked for is dropped, and at length closes the connection', async () => {
    await using world = new World();
    const file = poolFile(40 * KIB);
    const { node, raw } = await looking(world, file);
    const block = encodePiece(40, 0, new Uint8Array(256 * KIB));
    for (let i = 0; i < 100; i += 1) raw.send(block);
    await world.clock.run(5);
    expect(raw.closed).toBeUndefined();
    expect(node.moved.down).toBe(0);
    for (let i = 0; i < 40; i += 1) raw.send(block);
    await world.clock.run(5);
    expect(raw.closed).toBeDefined();
  });

  test('a PIECE that is longer than any may be closes the connection at its header', async () => {
    await using world = new World();
    const { raw } = await looking(world, poolFile(40 * KIB));
    raw.send(encodePieceHeader(40, 0, 256 * KIB + 1));
    await world.clock.run(5);
    expect(raw.closed).toBeDefined();
  });

  test('HAVE of a piece that the mirror does not deliver: the peer is asked', async () => {
    await using world = new World();
    const file = poolFile(40 * KIB);
    const { raw, number } = await looking(world, file);
    raw.archive(have(number, file, { pieces: Uint8Array.of(0) }));
    await world.clock.run(50);
    expect(raw.all('request')).toEqual([]);
    raw.send(encodeMessage({ type: 'have', index: 40 }));
    await world.clock.run(1_500);
    expect(raw.all('request').length).toBeGreaterThan(0);
    raw.link.close('done');
  });
});

describe('extensions', () => {
  test('ut_metadata gives the info dictionary of the swarm', async () => {
    await using world = new World();
    const raw = await greet(world, world.node('10.0.0.1'));
    raw.extension('ut_metadata', encodeMetadataMessage({ type: 'request', piece: 0 }));
    raw.extension('ut_metadata', encodeMetadataMessage({ type: 'request', piece: 1 }));
    await world.clock.run(1);
    const [data, reject] = raw.payloads('ut_metadata').map(decodeMetadataMessage);
    if (data?.type !== 'data') throw new Error('no data');
    expect(data.totalSizeBytes).toBe(raw.theirs?.metadataSizeBytes ?? -1);
    expect(parseSwarmInfo(data.bytes)).toEqual(AMD64);
    expect(reject).toEqual({ type: 'reject', piece: 1 });
    raw.link.close('done');
  });

  test('a number that was never agreed on closes the connection', async () => {
    await using world = new World();
    const raw = await greet(world, world.node('10.0.0.1'));
    raw.send(encodeExtended(99, new Uint8Array(3)));
    await world.clock.run(1);
    expect(raw.closed).toBeDefined();
  });

  test('an unknown kind of dt_archive, or an unknown message, is passed over', async () => {
    await using world = new World();
    const raw = await greet(world, world.node('10.0.0.1'));
    raw.extension('dt_archive', new TextEncoder().encode('d1:t6:futuree'));
    raw.send(encodeMessage({ type: 'unknown', id: 77, payload: Uint8Array.of(1) }));
    await world.clock.run(1);
    expect(raw.closed).toBeUndefined();
    raw.link.close('done');
  });

  test('idle connections are kept alive, and closed when nothing is heard for long', async () => {
    await using world = new World();
    const node = world.node('10.0.0.1');
    const raw = await greet(world, node);
    await world.clock.run(230_000);
    expect(raw.all('keep-alive').length).toBeGreaterThanOrEqual(2);
    expect(raw.closed).toBeUndefined();
    await world.clock.run(20_000);
    expect(raw.closed).toBeDefined();
  });
});

describe('one chunk with thousands of messages', () => {
  /** When the want at its end is answered, in milliseconds. */
  async function answeredAfterMs(host: string): Promise<number> {
    await using world = new World();
    const node = world.node('10.0.0.1');
    const file = poolFile(1000);
    node.keep(file);
    const raw = await greet(world, node, [SWARM], host);
    const id = raw.theirs?.extensions.get(ARCHIVE_EXTENSION) ?? 0;
    const words = Array.from({ length: 4_000 }, (_, i) =>
      encodeExtended(id, encodeArchiveMessage({ kind: 'unwant', ranges: [{ first: i, count: 1 }] })),
    );
    const want = encodeExtended(id, encodeArchiveMessage({ kind: 'want', first: 5, keys: [file.entry.key] }));
    raw.send(...words, want);
    raw.archive({ kind: 'unwant', ranges: [{ first: 5, count: 1 }] });
    const sentMs = world.clock.nowMs();
    let answerMs = Number.NaN;
    raw.onArchive = (message) => {
      if (message.kind === 'have') answerMs = world.clock.nowMs() - sentMs;
    };
    await world.clock.run(5_000);
    expect(raw.closed).toBeUndefined();
    raw.link.close('done');
    return answerMs;
  }

  test('of a stranger is dealt with bit by bit, to its end and in order', async () => {
    expect(await answeredAfterMs('203.0.113.9')).toBeWithin(300, 1_500);
  });

  test('of a near peer at once', async () => {
    expect(await answeredAfterMs('10.0.0.7')).toBeLessThan(50);
  });
});

describe('arbitrary bytes', () => {
  /** What a stranger might say: noise, right messages with wrong contents, cut and glued at will. */
  function babble(draw: (below: number) => number, raw: RawPeer): Uint8Array {
    const messages = everyMessage();
    const parts: Uint8Array[] = [];
    for (let i = draw(6); i >= 0; i -= 1) {
      const kind = draw(5);
      if (kind === 0) parts.push(randomBytes(draw, draw(60)));
      else if (kind === 1) parts.push(encodeMessage(messages[draw(messages.length)] as never));
      else if (kind === 2) parts.push(encodeExtended(draw(5), randomBytes(draw, draw(40))));
      else if (kind === 3) parts.push(request(draw(4), draw(3) * BLOCK_BYTES, draw(40_000)));
      else {
        const kinds = ['hello', 'want', 'unwant', 'have', 'none', 'claim'];
        const text = `d1:${'nkrhcsvq'[draw(8)]}${draw(2) ? 'i5e' : '3:abc'}1:t${kinds[draw(6)]?.length}:${kinds[draw(6)]}e`;
        parts.push(encodeExtended(1, new TextEncoder().encode(text)));
      }
    }
    const bytes = new Uint8Array(Buffer.concat(parts));
    for (let i = draw(3); i > 0 && bytes.length > 0; i -= 1) bytes[draw(bytes.length)] = draw(256);
    return raw.closed === undefined ? bytes : new Uint8Array(0);
  }

  test('never throw out of the link, and end closed or waiting (600 dialogues)', async () => {
    await using world = new World();
    const node = world.node('10.0.0.1');
    const file = poolFile(600 * KIB);
    node.keep(file);
    const draw = seeded(11);
    for (let i = 0; i < 600; i += 1) {
      const host = `10.1.${i >> 8}.${i & 255}`;
      // Some never greet, some greet and then babble.
      const raw =
        draw(4) === 0 ? await connect(world, node, host, host) : await greet(world, node, [SWARM], host);
      if (draw(2) === 0 && raw.theirs) raw.archive({ kind: 'want', first: 0, keys: [file.entry.key] });
      const queued = (raw.link as unknown as { other: { queuedBytes: number } }).other;
      for (let turn = 0; turn < 4 && raw.closed === undefined; turn += 1) {
        raw.send(babble(draw, raw));
        await world.clock.run(1);
      }
      expect(queued.queuedBytes).toBeLessThan(5 * MIB);
      raw.link.close('done');
      await world.clock.run(1);
    }
    expect(node.swarms.peers()).toEqual([]);
    // The node itself is as well as before.
    const raw = await greet(world, node);
    await want(world, raw, 0, file.entry.key);
    expect(raw.allSaid('have')).toHaveLength(1);
    raw.link.close('done');
  });
});

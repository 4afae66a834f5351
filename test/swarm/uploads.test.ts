/** What a node with a limit says to those who ask it, and how one that asks takes it. The other side is made by hand. */
import { describe, expect, test } from 'bun:test';
import { Grade } from '../../src/wire/archive-ext.ts';
import {
  type BlockRef,
  encodeCancel,
  encodeChoke,
  encodeExtended,
  encodeHave,
  encodePiece,
  encodeReject,
  encodeRequest,
  type Message,
} from '../../src/wire/message.ts';
import { readU32, writeU32 } from '../../src/wire/u32.ts';
import { type MemoryNode, PEER_PORT, type PoolFile, poolFile, SWARM } from '../fixtures/memory-node.ts';
import { RawPeer } from '../fixtures/raw-peer.ts';
import { World } from '../fixtures/world.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const PIECE = 256 * KIB;

/** A connected peer that says what a node says at first. */
async function greet(world: World, node: MemoryNode, host: string, wanted?: PoolFile): Promise<RawPeer> {
  const link = await world.until(world.network.node(host).dial({ host: node.host, port: PEER_PORT }, 1_000));
  const raw = new RawPeer(link, host);
  raw.handshake(SWARM);
  await world.clock.run(20);
  raw.extendedHandshake();
  await world.clock.run(20);
  raw.hello([SWARM], 256 * KIB);
  raw.unchoke();
  if (wanted) raw.archive({ kind: 'want', first: 0, keys: [wanted.entry.key] });
  await world.clock.run(60);
  expect(raw.closed).toBeUndefined();
  return raw;
}

const ask = (raw: RawPeer, ...pieces: readonly number[]) =>
  raw.send(...pieces.map((index) => encodeRequest({ index, begin: 0, length: PIECE })));
/** What it heard of its requests: "choke", "reject 3", "have 3". */
const heard = (raw: RawPeer) =>
  raw.heard
    .filter(({ type }) => ['choke', 'unchoke', 'reject', 'have'].includes(type))
    .map((m) => ('index' in m ? `${m.type} ${m.index}` : m.type));
const got = (raw: RawPeer) => raw.pieces.map(({ index }) => index);

describe('uploads of a node with a limit', () => {
  const LIMIT = 4 * PIECE;

  async function seed(world: World, file: PoolFile, uploadLimit = LIMIT): Promise<MemoryNode> {
    const node = world.node('198.51.100.1', { uploadLimit });
    node.keep(file);
    return node;
  }

  test('four are sent something, the fifth is choked and its requests rejected; later it has its turn', async () => {
    await using world = new World();
    const file = poolFile(20 * MIB);
    const node = await seed(world, file);
    const raws: RawPeer[] = [];
    for (let i = 1; i <= 5; i += 1) raws.push(await greet(world, node, `203.0.${i}.7`, file));
    for (const [i, raw] of raws.entries()) {
      expect(heard(raw)).toEqual(['unchoke']);
      ask(raw, ...Array.from({ length: 12 }, (_, k) => 12 * i + k));
    }
    await world.clock.run(50);
    const fifth = raws[4] as RawPeer;
    expect(heard(fifth)).toEqual([
      'unchoke',
      'choke',
      ...Array.from({ length: 12 }, (_, k) => `reject ${48 + k}`),
    ]);
    fifth.onMessage = ({ type }: Message) => {
      if (type === 'unchoke') ask(fifth, 48, 49);
    };
    await world.clock.run(8_000);
    expect(got(fifth)).toContain(48);
    expect(raws.slice(0, 4).filter((raw) => heard(raw).includes('choke'))).not.toEqual([]);
    for (const raw of raws) raw.link.close('done');
  });

  test('shut for strangers: one that is served is choked, wants are answered with none; opened again it serves', async () => {
    await using world = new World();
    const [file, other] = [poolFile(4 * MIB, 1), poolFile(2 * MIB, 2)];
    const node = await seed(world, file);
    node.keep(other);
    const raw = await greet(world, node, '203.0.1.7', file);
    ask(raw, 0, 1, 2, 3, 4, 5, 6, 7);
    await world.clock.run(10);
    node.swarms.uploads.isShut = true;
    const before = raw.pieces.length;
    raw.archive({ kind: 'want', first: 1, keys: [other.entry.key] });
    await world.clock.run(3_000);
    expect(heard(raw)).toContain('choke');
    expect(raw.pieces.length).toBe(before);
    expect(raw.said.map(({ kind }) => kind)).toContain('none');
    node.swarms.uploads.isShut = false;
    await world.clock.run(1_000);
    expect(heard(raw).at(-1)).toBe('unchoke');
    ask(raw, 7);
    await world.clock.run(1_000);
    expect(got(raw)).toContain(7);
    raw.link.close('done');
  });

  test('a piece goes to one; another that asks for it hears REJECT at once, and HAVE a second later', async () => {
    await using world = new World();
    const file = poolFile(4 * MIB);
    const node = await seed(world, file, PIECE);
    const [a, b] = [await greet(world, node, '203.0.1.7', file), await greet(world, node, '203.0.2.7', file)];
    ask(a, 0, 1, 2, 3, 4, 5);
    await world.clock.run(10);
    ask(b, 0);
    await world.clock.run(900);
    expect(got(a)).toContain(0);
    expect(heard(b)).toEqual(['unchoke', 'reject 0']);
    await world.clock.run(200);
    expect(heard(b)).toEqual(['unchoke', 'reject 0', 'have 0']);
    ask(b, 0);
    await world.clock.run(4_000);
    expect(got(b)).toEqual([0]);
    a.link.close('done');
    b.link.close('done');
  });

  test('a file that is evicted in the middle of a queue: what waits is rejected, then lt_donthave of each piece', async () => {
    await using world = new World();
    const [file, other] = [poolFile(2 * MIB, 1), poolFile(2 * MIB, 2)];
    const node = await seed(world, file, PIECE);
    node.keep(other);
    const raw = await greet(world, node, '203.0.1.7', file);
    raw.archive({ kind: 'want', first: 1, keys: [other.entry.key] });
    await world.clock.run(60);
    ask(raw, 0, 1, 8, 2, 9);
    await world.clock.run(10);
    expect(got(raw)).toEqual([0]);
    node.store.remove(file.entry.key);
    await world.clock.run(10);
    expect(raw.all('reject').map(({ index }) => index)).toEqual([1, 2]);
    expect(raw.payloads('lt_donthave').map((p) => readU32(p, 0))).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    const rejects = raw.heard.findLastIndex(({ type }) => type === 'reject');
    expect(raw.heard.findIndex((m) => m.type === 'extended' && m.payload.length === 4)).toBeGreaterThan(
      rejects,
    );
    await world.clock.run(4_000);
    expect(got(raw)).toEqual([0, 8, 9]);
    raw.link.close('done');
  });

  test('a file that is evicted while a piece of it is held back is not announced again', async () => {
    await using world = new World();
    const file = poolFile(4 * MIB);
    const node = await seed(world, file, PIECE);
    const [a, b] = [await greet(world, node, '203.0.1.7', file), await greet(world, node, '203.0.2.7', file)];
    ask(a, 0, 1, 2, 3);
    await world.clock.run(10);
    ask(b, 0);
    await world.clock.run(10);
    expect(heard(b)).toEqual(['unchoke', 'reject 0']);
    node.store.remove(file.entry.key);
    await world.clock.run(10_000);
    expect(b.all('have')).toEqual([]);
    a.link.close('done');
    b.link.close('done');
  });

  test('a flood of requests and cancels that come to nothing closes the connection', async () => {
    await using world = new World();
    const file = poolFile(4 * MIB);
    const node = await seed(world, file, PIECE);
    const raw = await greet(world, node, '203.0.1.7', file);
    const block = { index: 5, begin: 0, length: PIECE };
    ask(raw, 0, 1);
    for (let i = 0; i < 600 && raw.closed === undefined; i += 1) {
      raw.send(...Array.from({ length: 100 }, () => [encodeRequest(block), encodeCancel(block)]).flat());
      await world.clock.run(20);
    }
    expect(raw.closed).toBeDefined();
    expect(node.swarms.peers()).toEqual([]);
  });
});

describe('a node that asks one with a limit', () => {
  async function giver(world: World, file: PoolFile): Promise<{ node: MemoryNode; raw: RawPeer }> {
    const node = world.node('10.0.0.1');
    const raw = await greet(world, node, '10.0.0.9');
    void node.fetch(file).catch(() => {});
    await world.clock.run(20);
    raw.archive({
      kind: 'have',
      entries: [
        {
          want: raw.allSaid('want')[0]?.first ?? 0,
          sizeBytes: file.bytes.length,
          firstPiece: 100,
          grade: Grade.whole,
        },
      ],
    });
    await world.clock.run(30);
    return { node, raw };
  }

  const asked = (raw: RawPeer) => new Set(raw.all('request').map(({ index }) => index));
  const rejectAll = (raw: RawPeer, blocks: readonly BlockRef[]) => raw.send(...blocks.map(encodeReject));
  const answer = (raw: RawPeer, file: PoolFile) => {
    for (const { index, begin, length } of raw.all('request'))
      raw.send(encodePiece(index, begin, file.bytes.slice(begin, begin + length)));
  };

  test('REJECT: it does not ask again before HAVE', async () => {
    await using world = new World();
    const file = poolFile(100 * KIB);
    const { raw } = await giver(world, file);
    expect(asked(raw)).toEqual(new Set([100]));
    rejectAll(raw, raw.all('request'));
    raw.heard.length = 0;
    await world.clock.run(3_000);
    expect(raw.all('request')).toEqual([]);
    raw.send(encodeHave(100));
    await world.clock.run(30);
    expect(asked(raw)).toEqual(new Set([100]));
    answer(raw, file);
    raw.link.close('done');
  });

  test('CHOKE, REJECT: it asks again after UNCHOKE', async () => {
    await using world = new World();
    const file = poolFile(100 * KIB);
    const { raw } = await giver(world, file);
    const blocks = raw.all('request');
    raw.send(encodeChoke());
    rejectAll(raw, blocks);
    raw.heard.length = 0;
    await world.clock.run(3_000);
    expect(raw.all('request')).toEqual([]);
    raw.unchoke();
    await world.clock.run(30);
    expect(asked(raw)).toEqual(new Set([100]));
    raw.link.close('done');
  });

  test('REJECT after lt_donthave: it is gone, HAVE of another piece changes nothing', async () => {
    await using world = new World();
    const file = poolFile(100 * KIB);
    const { raw } = await giver(world, file);
    const lost = new Uint8Array(4);
    writeU32(lost, 0, 100);
    const id = raw.theirs?.extensions.get('lt_donthave') ?? 0;
    const blocks = raw.all('request');
    raw.send(encodeExtended(id, lost));
    rejectAll(raw, blocks);
    raw.heard.length = 0;
    await world.clock.run(3_000);
    raw.unchoke();
    await world.clock.run(1_000);
    expect(raw.all('request')).toEqual([]);
    raw.link.close('done');
  });
});

describe('upload_only (BEP 21)', () => {
  test('is said by a node that looks for nothing, and not by one that does', async () => {
    await using world = new World();
    const node = world.node('10.0.0.1');
    const idle = await greet(world, node, '10.0.0.8');
    expect(idle.theirs?.uploadOnly).toBe(true);
    void node.fetch(poolFile(MIB)).catch(() => {});
    await world.clock.run(20);
    const later = await greet(world, node, '10.0.0.9');
    expect(later.theirs?.uploadOnly).toBeUndefined();
    idle.link.close('done');
    later.link.close('done');
  });

  test('of a peer is believed until it wants something; it is asked for files all the same', async () => {
    await using world = new World();
    const node = world.node('10.0.0.1');
    const raw = await greet(world, node, '10.0.0.9');
    raw.extendedHandshake({ uploadOnly: true });
    await world.clock.run(20);
    const [peer] = node.swarms.peers();
    expect(peer?.isUploadOnly).toBe(true);
    void node.fetch(poolFile(1000)).catch(() => {});
    await world.clock.run(20);
    expect(raw.allSaid('want')).toHaveLength(1);
    raw.archive({ kind: 'want', first: 0, keys: [poolFile(2000).entry.key] });
    await world.clock.run(20);
    expect(peer?.isUploadOnly).toBe(false);
    raw.link.close('done');
  });
});

describe('requests for a few bytes', () => {
  test('again and again from the middle of a piece end the connection, of a near peer too', async () => {
    await using world = new World();
    const file = poolFile(300 * KIB);
    const node = world.node('10.0.0.1');
    node.keep(file);
    const raw = await greet(world, node, '10.0.0.9', file);
    for (let sent = 0; sent < 20_000 && raw.closed === undefined; sent += 500) {
      const requests = Array.from({ length: 500 }, () => encodeRequest({ index: 0, begin: 0, length: 1 }));
      raw.send(...requests);
      await world.clock.run(10);
    }
    expect(raw.closed).toBeDefined();
    expect(raw.pieces.length).toBeLessThan(10_000);
  });

  test('count for the limit as if they were for more', async () => {
    await using world = new World();
    const tiny = poolFile(3);
    const node = world.node('198.51.100.1', { uploadLimit: 32 * KIB });
    node.keep(tiny);
    const raw = await greet(world, node, '203.0.113.9', tiny);
    for (let second = 0; second < 5; second += 1) {
      raw.send(...Array.from({ length: 200 }, () => encodeRequest({ index: 0, begin: 0, length: 3 })));
      await world.clock.run(1_000);
    }
    // A bucket full and five seconds of it, a KiB each.
    expect(raw.pieces.length).toBeWithin(100, 16 + 5 * 32 + 2);
  });
});

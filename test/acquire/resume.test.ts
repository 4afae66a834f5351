/** What a flight that ended early has left for the next one, on a virtual clock. */
import { describe, expect, test } from 'bun:test';
import type { KeptPiece, PieceGrade, Store } from '../../src/store/store.ts';
import { LayerBuilder } from '../../src/torrent/layer-builder.ts';
import { Pieces } from '../../src/torrent/pieces.ts';
import { type PoolFile, poolFile, readAll } from '../fixtures/memory-node.ts';
import { errorOf, World } from '../fixtures/world.ts';

const MIB = 1024 * 1024;
const PIECE = 256 * 1024;
const SIZE = 8 * MIB + 99;

/** Reads for a while, then its node stops; the reader is gone. */
async function interrupted(world: World, node: ReturnType<World['node']>, file: PoolFile, ms: number) {
  const content = await world.until(node.open(file));
  await world.clock.run(ms);
  await node.acquirer[Symbol.asyncDispose]();
  content[Symbol.dispose]();
  await world.clock.run(1);
}

/** An earlier flight's partial file: these pieces of `bytes`, whose journal says of them what is true of `bytes`. */
async function leave(
  store: Store,
  file: PoolFile,
  indices: readonly number[],
  grade: PieceGrade,
  bytes = file.bytes,
): Promise<void> {
  const pieces = new Pieces(bytes.length);
  const layer = layerOf(bytes);
  await using partial = store.createPartial(file.entry.key, bytes.length, pieces);
  for (const index of indices) {
    const from = pieces.offset(index);
    partial.write(from, bytes.subarray(from, from + pieces.size(index)));
    partial.note({ index, hash: layer.slice(index * 32, index * 32 + 32), grade });
  }
}

function layerOf(bytes: Uint8Array): Uint8Array {
  const tree = new LayerBuilder(new Pieces(bytes.length));
  tree.update(bytes);
  return tree.layer();
}

function rootOf(bytes: Uint8Array): Uint8Array {
  const tree = new LayerBuilder(new Pieces(bytes.length));
  tree.update(bytes);
  return tree.root();
}

function spoilt(file: PoolFile, index: number): Uint8Array {
  const bytes = new Uint8Array(file.bytes);
  bytes[index * PIECE + 5] = ~(bytes[index * PIECE + 5] ?? 0);
  return bytes;
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

describe('a flight after one that ended early', () => {
  test('asks the mirror for the rest only, one piece more at most', async () => {
    await using world = new World();
    const a = world.node('10.0.0.1');
    a.mirror.bytesPerSecond = MIB;
    const file = poolFile(SIZE);
    a.offersAtMirror(file);
    await interrupted(world, a, file, 3_000);
    expect(a.mirror.sentBytes).toBeWithin(2.5 * MIB, 4 * MIB);
    expect(await world.until(a.fetch(file))).toEqual(file.bytes);
    expect(a.mirror.requests).toHaveLength(2);
    expect((a.mirror.requests[1]?.range?.from ?? 1) % PIECE).toBe(0);
    expect(a.mirror.sentBytes).toBeLessThan(SIZE + 2 * PIECE);
    expect(a.landed).toEqual([file.entry.key]);
  });

  test('nobody waiting for it any more leaves the pieces, too', async () => {
    await using world = new World();
    const a = world.node('10.0.0.1');
    a.mirror.bytesPerSecond = MIB / 8;
    const file = poolFile(SIZE);
    a.offersAtMirror(file);
    const content = await world.until(a.open(file));
    await world.clock.run(8_000);
    content[Symbol.dispose]();
    await world.clock.run(20_000);
    expect(a.acquirer.transfers()).toEqual([]);
    const before = a.mirror.sentBytes;
    expect(before).toBeWithin(2 * MIB, 4 * MIB);
    expect(await world.until(a.fetch(file))).toEqual(file.bytes);
    expect(a.mirror.sentBytes).toBeLessThan(SIZE + 2 * PIECE);
  });

  test('takes up its pieces though readers of the earlier one are not done yet', async () => {
    await using world = new World();
    const a = world.node('10.0.0.1');
    a.mirror.bytesPerSecond = MIB;
    const file = poolFile(SIZE);
    a.offersAtMirror(file);
    using _slow = await world.until(a.open(file));
    await world.clock.run(3_000);
    await a.acquirer[Symbol.asyncDispose]();
    expect(await world.until(a.fetch(file))).toEqual(file.bytes);
    expect(a.mirror.sentBytes).toBeLessThan(SIZE + 2 * PIECE);
  });

  test('what the mirror gave is shown at once, under the date and name it had: who resumes goes on', async () => {
    await using world = new World();
    const a = world.node('10.0.0.1', { swarms: [] });
    a.mirror.bytesPerSecond = MIB;
    const file = poolFile(SIZE, 1, []);
    a.offersAtMirror(file);
    await interrupted(world, a, file, 3_000);
    a.mirror.hangsMs = 5_000;
    const before = world.clock.nowMs();
    using content = await world.until(a.open(file));
    expect(world.clock.nowMs() - before).toBeLessThan(1_000);
    expect(content.available).toBeGreaterThan(2 * MIB);
    expect(content.lastModifiedMs).toBe(Date.parse(a.mirror.lastModified as string));
    expect(content.etag).toBe(`"${file.entry.key}"`);
    expect(await world.until(readAll(content))).toEqual(file.bytes);
  });

  test('what peers gave is not asked for again', async () => {
    await using world = new World();
    const giver = world.node('10.0.0.1', { uploadLimit: MIB });
    const a = world.node('10.0.0.2');
    a.mirror.dead = true;
    const file = poolFile(SIZE);
    giver.keep(file);
    a.meet(giver);
    await world.clock.run(1_000);
    await interrupted(world, a, file, 4_000);
    expect(giver.moved.up).toBeWithin(2 * MIB, 7 * MIB);
    const before = world.clock.nowMs();
    using content = await world.until(a.open(file));
    // Under the root that a trusted peer states, it may be seen before the whole holds.
    expect(world.clock.nowMs() - before).toBeLessThan(1_000);
    expect(content.available).toBeWithin(2 * MIB, 7 * MIB);
    expect(await world.until(readAll(content))).toEqual(file.bytes);
    expect(giver.moved.up).toBeLessThan(SIZE + 12 * PIECE);
    expect(a.moved.fromMirror).toBe(0);
  });

  test('of which all pieces are here needs nobody', async () => {
    await using world = new World();
    const a = world.node('10.0.0.1');
    a.mirror.dead = true;
    const file = poolFile(SIZE);
    await leave(a.store, file, range(0, 33), 'mirror');
    expect(await world.until(a.fetch(file))).toEqual(file.bytes);
    expect(a.mirror.requests).toEqual([]);
    expect(a.landed).toEqual([file.entry.key]);
    expect(a.store.layer(file.entry.key)).toEqual(layerOf(file.bytes));
  });

  test('gives on what is kept while the rest still comes', async () => {
    await using world = new World();
    const [a, b] = [world.node('10.0.0.1'), world.node('10.0.0.2')];
    const file = poolFile(SIZE);
    await leave(a.store, file, range(0, 33), 'mirror');
    a.mirror.bytesPerSecond = 1000;
    b.mirror.dead = true;
    a.offersAtMirror(file);
    // All but the last.
    const last = a.store.createPartial(file.entry.key, SIZE, new Pieces(SIZE));
    last.forget(32);
    await last[Symbol.asyncDispose]();
    b.meet(a);
    await world.clock.run(1_000);
    const got = Promise.all([a.fetch(file), b.fetch(file)]);
    expect(await world.until(got)).toEqual([file.bytes, file.bytes]);
  });
});

describe('what is kept of a file', () => {
  test('a piece whose bytes have changed since is fetched anew, and no other', async () => {
    await using world = new World();
    const a = world.node('10.0.0.1');
    const file = poolFile(SIZE);
    a.offersAtMirror(file);
    await leave(a.store, file, range(0, 20), 'mirror');
    const partial = a.store.createPartial(file.entry.key, SIZE, new Pieces(SIZE));
    partial.write(7 * PIECE, spoilt(file, 7).subarray(7 * PIECE, 8 * PIECE));
    await partial[Symbol.asyncDispose]();
    expect(await world.until(a.fetch(file))).toEqual(file.bytes);
    expect(a.mirror.sentBytes).toBe(SIZE - 19 * PIECE);
  });

  test.each(['mirror', 'peer'] as const)(
    'false bytes that fit their hash, from a %s: dropped when the whole is wrong; the file is right, nobody is banned',
    async (grade) => {
      await using world = new World();
      const a = world.node('10.0.0.1');
      const file = poolFile(SIZE);
      a.offersAtMirror(file);
      await leave(a.store, file, range(0, 20), grade, spoilt(file, 7));
      const first = a.fetch(file);
      // Who has seen the mirror's false bytes must not see an end; a peer's were not shown.
      if (grade === 'mirror') await world.until(errorOf(first));
      else expect(await world.until(first)).toEqual(file.bytes);
      expect(await world.until(a.fetch(file))).toEqual(file.bytes);
      expect(a.swarms.banned()).toEqual([]);
      expect(a.mirror.sentBytes).toBeLessThan(SIZE + PIECE);
    },
  );

  test('a peer’s pieces are not shown before the whole holds, nor when no peer states a root', async () => {
    await using world = new World();
    const a = world.node('10.0.0.1');
    a.mirror.latencyMs = 2_000;
    const file = poolFile(SIZE);
    a.offersAtMirror(file);
    await leave(a.store, file, range(0, 30), 'peer');
    const before = world.clock.nowMs();
    using content = await world.until(a.open(file));
    expect(world.clock.nowMs() - before).toBeGreaterThan(1_999);
    expect(await world.until(readAll(content))).toEqual(file.bytes);
    expect(a.mirror.sentBytes).toBeLessThan(4 * PIECE);
  });

  test('what held under a signed root is shown at once while the root is signed, and only then', async () => {
    for (const isSigned of [true, false]) {
      await using world = new World();
      const a = world.node('10.0.0.1');
      a.mirror.latencyMs = 2_000;
      const plain = poolFile(SIZE);
      const file = isSigned ? { ...plain, entry: { ...plain.entry, root: rootOf(plain.bytes) } } : plain;
      a.offersAtMirror(file);
      await leave(a.store, file, range(0, 30), 'signed');
      const before = world.clock.nowMs();
      using content = await world.until(a.open(file));
      expect(world.clock.nowMs() - before < 1_999).toBe(isSigned);
      expect(await world.until(readAll(content))).toEqual(file.bytes);
    }
  });

  test('is nothing when the mirror’s file was wrong', async () => {
    await using world = new World();
    const a = world.node('10.0.0.1');
    const file = poolFile(SIZE);
    a.mirror.files.set(file.at.host + file.at.path, spoilt(file, 3));
    await world.until(errorOf(a.fetch(file)));
    await world.clock.run(1);
    a.offersAtMirror(file);
    const before = a.mirror.sentBytes;
    expect(await world.until(a.fetch(file))).toEqual(file.bytes);
    expect(a.mirror.sentBytes - before).toBe(SIZE);
  });

  test('on a disk that does not answer is not waited for', async () => {
    await using world = new World();
    const a = world.node('10.0.0.1');
    const file = poolFile(SIZE);
    a.offersAtMirror(file);
    await leave(a.store, file, range(0, 30), 'mirror');
    const stuck = Promise.withResolvers<Uint8Array>();
    a.hasher.pieces = () => stuck.promise;
    const before = world.clock.nowMs();
    expect(await world.until(a.fetch(file))).toEqual(file.bytes);
    expect(world.clock.nowMs() - before).toBeWithin(3_000, 5_000);
    expect(a.mirror.sentBytes).toBe(SIZE);
    stuck.reject(new Error('I/O error'));
    await world.clock.run(1);
  });
});

test('pieces are noted with what they rest on, and the date with them', async () => {
  await using world = new World();
  const a = world.node('10.0.0.1');
  a.mirror.bytesPerSecond = MIB;
  const file = poolFile(SIZE);
  a.offersAtMirror(file);
  await interrupted(world, a, file, 1_000);
  await using partial = a.store.createPartial(file.entry.key, SIZE, new Pieces(SIZE));
  const { pieces, lastModifiedMs } = partial.kept;
  const layer = layerOf(file.bytes);
  expect(pieces.length).toBeGreaterThan(2);
  expect(pieces).toEqual(
    pieces.map(
      ({ index }): KeptPiece => ({
        index,
        hash: layer.slice(index * 32, index * 32 + 32),
        grade: 'mirror',
      }),
    ),
  );
  expect(lastModifiedMs).toBe(Date.parse(a.mirror.lastModified as string));
});

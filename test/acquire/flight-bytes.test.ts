import { describe, expect, test } from 'bun:test';
import { openFlightBytes } from '../../src/acquire/flight-bytes.ts';
import { NoRoomError } from '../../src/lib/errors.ts';
import { MemoryStore } from '../../src/store/memory-store.ts';
import { Pieces } from '../../src/torrent/pieces.ts';
import { InlineHasher } from '../fixtures/inline-hasher.ts';
import { poolFile } from '../fixtures/memory-node.ts';

const MIB = 1024 * 1024;

function open(size: number, store = new MemoryStore()) {
  const file = poolFile(size);
  const hasher = new InlineHasher();
  const bytes = openFlightBytes(store, hasher, file.entry.key, new Pieces(size));
  return { file, hasher, store, bytes };
}

/** A store whose disk takes only the first `limit` bytes of a file. */
function fullDisk(limit: number): MemoryStore {
  const store = new MemoryStore();
  const { createPartial } = store;
  store.createPartial = (...args) => {
    const partial = createPartial.apply(store, args);
    const { write } = partial;
    partial.write = (offset, chunk) => {
      if (offset + chunk.length > limit) throw new Error('no space left on device');
      write.call(partial, offset, chunk);
    };
    return partial;
  };
  return store;
}

describe('openFlightBytes()', () => {
  test.each([
    ['one piece, in memory', 1000, false],
    ['several, in a partial file of the store', 3 * MIB, true],
  ])('%s: what is written is read, and its digest is the key', async (_how, size, partial) => {
    const { file, hasher, bytes } = open(size);
    expect(bytes.partial !== undefined).toBe(partial);
    const half = size / 2;
    bytes.write(half, file.bytes.subarray(half));
    bytes.write(0, file.bytes.subarray(0, half));
    bytes.grown(size);
    expect(bytes.read(half - 10, 20)).toEqual(file.bytes.slice(half - 10, half + 10));
    expect(bytes.read(size - 5, 100)).toEqual(file.bytes.slice(size - 5));
    const target = new Uint8Array(10);
    expect(bytes.readInto(size - 5, target)).toBe(5);
    expect(target.slice(0, 5)).toEqual(file.bytes.slice(size - 5));
    expect(await bytes.digest()).toBe(file.entry.key);
    await bytes.close();
    await bytes.close();
    expect(hasher.open).toBe(0);
  });

  test('after restart() all of it is hashed anew, also when it had been hashed in part', async () => {
    const { file, hasher, bytes } = open(6 * MIB);
    bytes.write(0, new Uint8Array(6 * MIB));
    bytes.grown(5 * MIB);
    const restarting = bytes.restart();
    // What grows meanwhile belongs to the new hash already.
    bytes.write(0, file.bytes);
    bytes.grown(6 * MIB);
    await restarting;
    expect(await bytes.digest()).toBe(file.entry.key);
    await bytes.close();
    expect(hasher.open).toBe(0);
  });

  test('a partial file that is not committed is gone when it is closed', async () => {
    const { bytes, store } = open(3 * MIB);
    await bytes.close();
    expect(store.totals()).toMatchObject({ files: 0, bytes: 0 });
  });

  test('where the store can’t take it, a file of bearable size flies in memory', async () => {
    const store = fullDisk(0);
    store.createPartial = () => {
      throw new Error('no space left on device');
    };
    const { file, bytes } = open(3 * MIB, store);
    expect(bytes.partial).toBeUndefined();
    bytes.write(0, file.bytes);
    expect(await bytes.digest()).toBe(file.entry.key);
    const size = 65 * MIB;
    expect(() => openFlightBytes(store, new InlineHasher(), file.entry.key, new Pieces(size))).toThrow(
      NoRoomError,
    );
  });

  test('files that fly in memory take 256 MiB together, and give it back', async () => {
    const store = fullDisk(0);
    store.createPartial = () => {
      throw new Error('no space left on device');
    };
    const { key } = poolFile(10).entry;
    const one = () => openFlightBytes(store, new InlineHasher(), key, new Pieces(64 * MIB));
    const four = [one(), one(), one(), one()];
    expect(one).toThrow(NoRoomError);
    await four[0]?.close();
    await four[0]?.close();
    const fifth = one();
    expect(one).toThrow(NoRoomError);
    for (const bytes of [...four, fifth]) await bytes.close();
    await one().close();
  });

  test('where the disk fills up on the way, what is there moves into memory', async () => {
    const { file, hasher, bytes } = open(3 * MIB, fullDisk(MIB));
    for (let at = 0; at < file.bytes.length; at += MIB / 4) {
      bytes.write(at, file.bytes.subarray(at, at + MIB / 4));
      bytes.grown(at + MIB / 4);
      expect(bytes.read(0, at + MIB / 4)).toEqual(file.bytes.slice(0, at + MIB / 4));
    }
    expect(bytes.partial).toBeUndefined();
    expect(await bytes.digest()).toBe(file.entry.key);
    await bytes.restart();
    expect(await bytes.digest()).toBe(file.entry.key);
    await bytes.close();
    expect(hasher.open).toBe(0);
  });
});

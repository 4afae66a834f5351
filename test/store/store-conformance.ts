/** What every Store keeps: run by each implementation's test. */
import { describe, expect, test } from 'bun:test';
import { fstatSync, readSync } from 'node:fs';
import { type Sha256, sha256Of } from '../../src/lib/sha256.ts';
import type { CommitDetails, Store } from '../../src/store/store.ts';

/** Hands a fresh store of that limit to `use`, and takes everything away afterwards. */
export type WithStore = (limitBytes: number, use: (store: Store) => Promise<void>) => Promise<void>;

export const MiB = 1 << 20;
const DETAILS: CommitDetails = {
  lastModifiedMs: 1_700_000_000_500,
  name: 'ftp.de.debian.org/debian/a.deb',
  swarms: ['aa'],
};

/** Bytes that differ by seed. */
export function sample(size: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i += 97) bytes[i] = (seed * 31 + i) & 0xff;
  if (size > 4) new DataView(bytes.buffer).setUint32(0, seed);
  return bytes;
}

export async function put(
  store: Store,
  bytes: Uint8Array,
  details: CommitDetails = DETAILS,
): Promise<Sha256> {
  const key = sha256Of(bytes);
  await using partial = store.createPartial(key, bytes.length);
  partial.write(0, bytes);
  partial.commit(details);
  return key;
}

export function readAll(fd: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let done = 0;
  for (let read = 1; read > 0 && done < size; done += read)
    read = readSync(fd, bytes, done, size - done, done);
  return bytes.subarray(0, done);
}

/** What a reader gets for a key; undefined when the store hasn't it. */
export function contents(store: Store, key: Sha256): Uint8Array | undefined {
  using open = store.open(key);
  return open && readAll(open.fd, fstatSync(open.fd).size);
}

export function storeConformance(name: string, withStore: WithStore): void {
  describe(`${name} as a Store`, () => {
    test('gives back what was committed, with its details', () =>
      withStore(10 * MiB, async (store) => {
        const bytes = sample(100_000);
        const key = await put(store, bytes);
        const stored = {
          key,
          sizeBytes: 100_000,
          lastModifiedMs: 1_700_000_000_000,
          name: DETAILS.name,
          swarms: ['aa'],
        };
        expect(store.stat(key)).toEqual(stored);
        expect(contents(store, key)).toEqual(bytes);
        expect([...store.list()]).toEqual([stored]);
        expect(store.totals()).toEqual({ files: 1, bytes: 100_000, limitBytes: 10 * MiB });
      }));

    test('knows nothing of a key that it never got', () =>
      withStore(MiB, async (store) => {
        const key = sha256Of(sample(10));
        expect(store.stat(key)).toBeUndefined();
        expect(store.open(key)).toBeUndefined();
        expect(store.layer(key)).toBeUndefined();
        store.share(key, ['aa']);
        store.setLayer(key, new Uint8Array(32));
        store.remove(key);
        expect(store.layer(key)).toBeUndefined();
        expect(store.totals().files).toBe(0);
      }));

    test('takes bytes in any order and shows none before commit', () =>
      withStore(MiB, async (store) => {
        const bytes = sample(50_000, 2);
        const key = sha256Of(bytes);
        await using partial = store.createPartial(key, bytes.length);
        partial.write(40_000, bytes.subarray(40_000));
        partial.write(0, bytes.subarray(0, 40_000));
        expect(store.stat(key)).toBeUndefined();
        expect(store.open(key)).toBeUndefined();
        expect([...store.list()]).toEqual([]);
        expect(readAll(partial.fd, bytes.length)).toEqual(bytes);
        partial.commit(DETAILS);
        expect(contents(store, key)).toEqual(bytes);
        expect(readAll(partial.fd, bytes.length)).toEqual(bytes);
      }));

    test('stores an empty file', () =>
      withStore(MiB, async (store) => {
        const key = await put(store, new Uint8Array());
        expect(store.stat(key)?.sizeBytes).toBe(0);
        expect(contents(store, key)).toEqual(new Uint8Array());
      }));

    test('forgets a partial that is not committed', () =>
      withStore(MiB, async (store) => {
        const bytes = sample(1000);
        const key = sha256Of(bytes);
        {
          await using partial = store.createPartial(key, 1000);
          partial.write(0, bytes);
        }
        expect(store.stat(key)).toBeUndefined();
        expect(store.totals()).toEqual({ files: 0, bytes: 0, limitBytes: MiB });
      }));

    test('refuses bytes outside the file, and a commit while bytes are missing', () =>
      withStore(MiB, async (store) => {
        await using partial = store.createPartial(sha256Of(sample(10)), 10);
        expect(() => partial.write(5, new Uint8Array(6))).toThrow(RangeError);
        expect(() => partial.write(-1, new Uint8Array(1))).toThrow(RangeError);
        expect(() => partial.write(0.5, new Uint8Array(1))).toThrow(RangeError);
        partial.write(0, new Uint8Array(9));
        expect(() => partial.commit(DETAILS)).toThrow('missing');
        expect(store.totals().files).toBe(0);
      }));

    test('refuses a second commit and one after the end', () =>
      withStore(MiB, async (store) => {
        const bytes = sample(10);
        const partial = store.createPartial(sha256Of(bytes), 10);
        partial.write(0, bytes);
        partial.commit(DETAILS);
        expect(() => partial.commit(DETAILS)).toThrow();
        await partial[Symbol.asyncDispose]();
        const ended = store.createPartial(sha256Of(bytes), 10);
        await ended[Symbol.asyncDispose]();
        await ended[Symbol.asyncDispose]();
        expect(() => ended.commit(DETAILS)).toThrow();
        expect(store.totals().files).toBe(1);
      }));

    test('takes two flights for one key: counted once, swarms of both', () =>
      withStore(MiB, async (store) => {
        const bytes = sample(1000);
        const key = sha256Of(bytes);
        await using a = store.createPartial(key, 1000);
        await using b = store.createPartial(key, 1000);
        a.write(0, bytes);
        b.write(0, bytes);
        a.commit({ ...DETAILS, swarms: ['aa'] });
        using open = store.open(key);
        b.commit({ ...DETAILS, swarms: ['bb'] });
        expect(store.totals()).toEqual({ files: 1, bytes: 1000, limitBytes: MiB });
        expect([...(store.stat(key)?.swarms ?? [])].sort()).toEqual(['aa', 'bb']);
        expect(readAll(open?.fd as number, 1000)).toEqual(bytes);
        expect(contents(store, key)).toEqual(bytes);
      }));

    test('keeps layers, given at commit or later', () =>
      withStore(MiB, async (store) => {
        const layer = sample(64, 5);
        const early = await put(store, sample(10, 1), { ...DETAILS, layer });
        const late = await put(store, sample(10, 2));
        expect(store.layer(early)).toEqual(layer);
        expect(store.layer(late)).toBeUndefined();
        store.setLayer(late, layer);
        expect(store.layer(late)).toEqual(layer);
      }));

    test('adds swarms once', () =>
      withStore(MiB, async (store) => {
        const key = await put(store, sample(10), { ...DETAILS, swarms: [] });
        expect(store.stat(key)?.swarms).toEqual([]);
        store.share(key, ['aa']);
        store.share(key, ['aa', 'bb']);
        expect(store.stat(key)?.swarms).toEqual(['aa', 'bb']);
      }));

    test('removes; those that have it open read on; says so once', () =>
      withStore(MiB, async (store) => {
        const gone: Sha256[] = [];
        store.onGone((key) => gone.push(key));
        const bytes = sample(1000);
        const key = await put(store, bytes);
        using open = store.open(key);
        store.remove(key);
        store.remove(key);
        expect(gone).toEqual([key]);
        expect(store.stat(key)).toBeUndefined();
        expect(store.totals().bytes).toBe(0);
        expect(readAll(open?.fd as number, 1000)).toEqual(bytes);
        await put(store, bytes);
        expect(contents(store, key)).toEqual(bytes);
      }));

    test('evicts the least recently used first', () =>
      withStore(3000, async (store) => {
        const gone: Sha256[] = [];
        store.onGone((key) => gone.push(key));
        const a = await put(store, sample(1000, 1));
        const b = await put(store, sample(1000, 2));
        const c = await put(store, sample(1000, 3));
        contents(store, a);
        const d = await put(store, sample(1000, 4));
        expect(gone).toEqual([b]);
        for (const key of [a, c, d]) expect(contents(store, key)?.length).toBe(1000);
        expect(store.totals().bytes).toBe(3000);
      }));

    test('never evicts what is open, even over the limit', () =>
      withStore(2000, async (store) => {
        const a = await put(store, sample(1000, 1));
        const b = await put(store, sample(1000, 2));
        const opens = [store.open(a), store.open(a), store.open(b)];
        opens.pop()?.[Symbol.dispose]();
        opens.pop()?.[Symbol.dispose]();
        const c = await put(store, sample(1500, 3));
        expect(store.stat(a)).toBeDefined();
        expect(store.stat(b)).toBeUndefined();
        expect(store.stat(c)).toBeDefined();
        for (const open of opens) open?.[Symbol.dispose]();
        await put(store, sample(100, 4));
        expect(store.stat(a)).toBeUndefined();
      }));

    test('counts what is on its way in when it makes room', () =>
      withStore(2000, async (store) => {
        const a = await put(store, sample(1000, 1));
        await using first = store.createPartial(sha256Of(sample(1000, 2)), 1000);
        expect(store.stat(a)).toBeDefined();
        await using second = store.createPartial(sha256Of(sample(1000, 3)), 1000);
        expect(store.stat(a)).toBeUndefined();
        expect([first.sizeBytes, second.sizeBytes]).toEqual([1000, 1000]);
      }));

    test('a file larger than the limit is taken, and is the first to go', () =>
      withStore(2000, async (store) => {
        const huge = await put(store, sample(5000, 1));
        expect(contents(store, huge)?.length).toBe(5000);
        const small = await put(store, sample(500, 2));
        expect(store.stat(huge)).toBeUndefined();
        expect(store.stat(small)).toBeDefined();
      }));
  });
}

/** What every Store keeps: run by each implementation's test. */
import { describe, expect, test } from 'bun:test';
import { fstatSync, readSync } from 'node:fs';
import { type Sha256, sha256Of } from '../../src/lib/sha256.ts';
import type { CommitDetails, KeptPiece, Store } from '../../src/store/store.ts';

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

    test('keeps a resumable partial with the pieces that were noted, and takes it up once', () =>
      withStore(MiB, async (store) => {
        const bytes = sample(1000);
        const key = sha256Of(bytes);
        const resume = { pieceLength: 300 };
        {
          await using partial = store.createPartial(key, 1000, resume);
          expect(partial.kept).toEqual({ pieces: [] });
          partial.write(0, bytes);
          for (const index of [2, 0, 1, 3]) partial.note(piece(index));
          partial.note(piece(2, 'signed'));
          partial.forget(1);
          partial.dated(1_700_000_000_000);
        }
        expect(store.stat(key)).toBeUndefined();
        expect(store.totals()).toMatchObject({ files: 0, bytes: 0 });
        const kept = { pieces: [piece(0), piece(2, 'signed'), piece(3)], lastModifiedMs: 1_700_000_000_000 };
        {
          await using again = store.createPartial(key, 1000, resume);
          await using beside = store.createPartial(key, 1000, resume);
          expect(again.kept).toEqual(kept);
          expect(beside.kept).toEqual({ pieces: [] });
          expect(readAll(again.fd, 1000)).toEqual(bytes);
        }
        {
          // Left alone, it is kept on.
          await using third = store.createPartial(key, 1000, resume);
          expect(third.kept).toEqual(kept);
          third.forget(0);
          third.write(0, bytes);
          third.commit(DETAILS);
        }
        expect(contents(store, key)).toEqual(bytes);
        await using fresh = store.createPartial(key, 1000, resume);
        expect(fresh.kept).toEqual({ pieces: [] });
      }));

    test('what is released may be taken up while it is still read; it takes no more', () =>
      withStore(MiB, async (store) => {
        const bytes = sample(1000);
        const key = sha256Of(bytes);
        const resume = { pieceLength: 300 };
        await using first = store.createPartial(key, 1000, resume);
        first.write(0, bytes);
        first.note(piece(0));
        first.release();
        first.release();
        expect(() => first.write(0, bytes)).toThrow('ended');
        expect(() => first.commit(DETAILS)).toThrow('ended');
        first.forget(0);
        {
          await using second = store.createPartial(key, 1000, resume);
          expect(second.kept.pieces).toEqual([piece(0)]);
          await first[Symbol.asyncDispose]();
          second.note(piece(1));
        }
        await using third = store.createPartial(key, 1000, resume);
        expect(third.kept.pieces).toEqual([piece(0), piece(1)]);
        third.write(0, bytes);
        third.commit(DETAILS);
        expect(contents(store, key)).toEqual(bytes);
      }));

    test('keeps nothing of a partial that is discarded, has no pieces, or was not to be resumed', () =>
      withStore(MiB, async (store) => {
        const bytes = sample(1000);
        const key = sha256Of(bytes);
        const resume = { pieceLength: 300 };
        for (const end of ['discarded', 'no pieces', 'not resumable']) {
          {
            await using partial = store.createPartial(
              key,
              1000,
              end === 'not resumable' ? undefined : resume,
            );
            partial.write(0, bytes);
            if (end !== 'no pieces') partial.note(piece(0));
            if (end === 'discarded') partial.discard();
          }
          await using partial = store.createPartial(key, 1000, resume);
          expect(partial.kept).toEqual({ pieces: [] });
        }
      }));

    test('keeps nothing of a file of another size', () =>
      withStore(MiB, async (store) => {
        const key = sha256Of(sample(10));
        {
          await using partial = store.createPartial(key, 1000, { pieceLength: 300 });
          partial.write(0, sample(1000));
          partial.note(piece(0));
        }
        await using other = store.createPartial(key, 2000, { pieceLength: 300 });
        expect(other.kept).toEqual({ pieces: [] });
      }));

    test('what is kept goes before any file, the oldest first, but not what is being resumed', () =>
      withStore(200_000, async (store) => {
        const file = await put(store, sample(50_000, 1));
        const leave = async (seed: number) => {
          const bytes = sample(50_000, seed);
          await using partial = store.createPartial(sha256Of(bytes), bytes.length, { pieceLength: 50_000 });
          partial.write(0, bytes);
          partial.note(piece(0));
        };
        const keptOf = async (seed: number) => {
          const key = sha256Of(sample(50_000, seed));
          await using partial = store.createPartial(key, 50_000, { pieceLength: 50_000 });
          return partial.kept.pieces.length;
        };
        await leave(2);
        await leave(3);
        expect(await keptOf(2)).toBe(1);
        expect(await keptOf(3)).toBe(1);
        // 150,000 are taken, 2 was left before 3.
        await put(store, sample(90_000, 4));
        expect(store.stat(file)).toBeDefined();
        expect(await keptOf(3)).toBe(1);
        // That of 2 is gone; opening it anew takes the room of 3.
        expect(await keptOf(2)).toBe(0);
        expect(await keptOf(3)).toBe(0);
        expect(store.stat(file)).toBeDefined();
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

/** A piece as it might be noted. */
export function piece(index: number, grade: KeptPiece['grade'] = 'mirror'): KeptPiece {
  return { index, hash: new Uint8Array(32).fill(index + 1), grade };
}

import { describe, expect, test } from 'bun:test';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CacheCare } from '../../src/acquire/cache-care.ts';
import { Hasher } from '../../src/acquire/hasher.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { DiskStore } from '../../src/store/disk-store.ts';
import type { StoredFile } from '../../src/store/store.ts';
import { tempDir } from '../fixtures/temp-dir.ts';
import { put, sample } from '../store/store-conformance.ts';

const { signal } = new AbortController();

/** A store with three files, the second of which is wrong on the disk though its size isn't. */
async function scene(
  use: (parts: { store: DiskStore; hasher: Hasher; keys: readonly string[] }) => Promise<void>,
) {
  using dir = tempDir('care');
  // Each is used at another moment, though they come within one millisecond.
  let wallMs = 1000;
  const clock = { ...systemClock, wallMs: () => (wallMs += 1000) };
  await using store = new DiskStore({ cacheDir: dir.path, clock });
  await using hasher = new Hasher();
  const keys: string[] = [];
  for (const seed of [1, 2, 3])
    keys.push(await put(store, sample(1000, seed), { name: `file ${seed}`, swarms: [] }));
  await store.settled();
  const path = readdirSync(dir.path, { recursive: true }).find((each) =>
    String(each).endsWith(keys[1] as string),
  );
  writeFileSync(join(dir.path, String(path)), sample(1000, 9));
  await use({ store, hasher, keys });
}

describe('CacheCare', () => {
  test('verify() removes what is not what its name says, and says so', () =>
    scene(async ({ store, hasher, keys }) => {
      const outcome = await new CacheCare({ store, hasher }).verify(signal);
      expect(outcome).toMatchObject({
        running: false,
        files: 3,
        doneFiles: 3,
        doneBytes: 3000,
        wrongFiles: 1,
      });
      expect(outcome.wrong).toEqual([{ key: keys[1] as never, name: 'file 2', repaired: false }]);
      expect(store.totals().files).toBe(2);
    }));

  test('verify() has it fetched again where that can be done', () =>
    scene(async ({ store, hasher, keys }) => {
      const refetch = async ({ name }: StoredFile) => {
        expect(store.totals().files).toBe(2);
        await put(store, sample(1000, 2), { name, swarms: [] });
      };
      const { wrong } = await new CacheCare({ store, hasher, refetch }).verify(signal);
      expect(wrong).toEqual([{ key: keys[1] as never, name: 'file 2', repaired: true }]);
      expect(store.totals().files).toBe(3);
    }));

  test('a second verify() meanwhile is refused', () =>
    scene(async ({ store, hasher }) => {
      const care = new CacheCare({ store, hasher });
      const first = care.verify(signal);
      expect(() => care.verify(signal)).toThrow('being done already');
      await first;
      expect((await care.verify(signal)).wrongFiles).toBe(0);
    }));

  test('prune() leaves no more than it is told, the least recently used go', () =>
    scene(async ({ store, hasher, keys }) => {
      const care = new CacheCare({ store, hasher });
      expect(care.prune(1500)).toEqual({ files: 2, bytes: 2000 });
      expect(care.list().map(({ key }) => String(key))).toEqual([keys[2] as string]);
      expect(care.prune(0)).toEqual({ files: 1, bytes: 1000 });
    }));
});

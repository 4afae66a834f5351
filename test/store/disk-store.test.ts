import { describe, expect, test } from 'bun:test';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from '../../src/lib/errors.ts';
import { setLogLevel } from '../../src/lib/log.ts';
import { type Sha256, sha256Of } from '../../src/lib/sha256.ts';
import { DiskStore, type DiskStoreOptions } from '../../src/store/disk-store.ts';
import { contents, piece, put, sample, storeConformance } from './store-conformance.ts';

setLogLevel('error');

storeConformance('DiskStore', (limitBytes, use) =>
  withDir(async (cacheDir) => {
    await using store = new DiskStore({ cacheDir, limitBytes });
    await use(store);
    await store.settled();
    // Nothing but what may be resumed.
    for (const name of readdirSync(join(cacheDir, 'partial')))
      expect(name).toMatch(/^[0-9a-f]{64}(\.journal)?$/);
  }),
);

describe('DiskStore over restarts', () => {
  test('keeps files, details, layers and totals', () =>
    withDir(async (cacheDir) => {
      const bytes = sample(70_000);
      const layer = sample(64);
      let key: Sha256;
      {
        await using store = new DiskStore({ cacheDir });
        key = await put(store, bytes, { name: 'a', swarms: ['aa', 'bb'], lastModifiedMs: 5000, layer });
      }
      await using store = new DiskStore({ cacheDir });
      expect(store.stat(key)).toEqual({
        key,
        sizeBytes: 70_000,
        lastModifiedMs: 5000,
        name: 'a',
        swarms: ['aa', 'bb'],
      });
      expect(store.layer(key)).toEqual(layer);
      expect(contents(store, key)).toEqual(bytes);
      expect(store.totals().bytes).toBe(70_000);
    }));

  test('keeps the order of use', () =>
    withDir(async (cacheDir) => {
      const keys: Sha256[] = [];
      let wallMs = 1000;
      const clock = { nowMs: () => 0, wallMs: () => (wallMs += 1000), after: () => () => {} };
      {
        await using store = new DiskStore({ cacheDir, limitBytes: 3000, clock });
        for (const seed of [1, 2, 3]) keys.push(await put(store, sample(1000, seed)));
        contents(store, keys[0] as Sha256);
      }
      await using store = new DiskStore({ cacheDir, limitBytes: 3000, clock });
      await put(store, sample(1000, 4));
      expect(keys.map((key) => store.stat(key) !== undefined)).toEqual([true, false, true]);
    }));

  test('setLimits() lets go of what is too much at once', () =>
    withDir(async (cacheDir) => {
      await using store = new DiskStore({ cacheDir, limitBytes: 3000 });
      for (const seed of [1, 2, 3]) await put(store, sample(1000, seed));
      store.setLimits({ limitBytes: 2000, minFreeBytes: 0 });
      expect(store.totals()).toEqual({ files: 2, bytes: 2000, limitBytes: 2000 });
    }));

  test('leaves free of the disk what is to stay so: files go for it, and none comes in', () =>
    withDir(async (cacheDir) => {
      await using store = new DiskStore({ cacheDir });
      await put(store, sample(1000, 1));
      store.setLimits({ limitBytes: 1e9, minFreeBytes: Number.MAX_SAFE_INTEGER });
      expect(store.totals().files).toBe(0);
      expect(() => store.createPartial(sha256Of(sample(10)), 10)).toThrow('are to stay so');
    }));

  test('sweeps partial files of earlier runs, not its own', () =>
    withDir(async (cacheDir) => {
      mkdirSync(join(cacheDir, 'partial'), { recursive: true });
      writeFileSync(join(cacheDir, 'partial', 'left-over'), 'half');
      await using store = new DiskStore({ cacheDir });
      const bytes = sample(10);
      await using partial = store.createPartial(sha256Of(bytes), 10);
      await store.settled();
      expect(readdirSync(join(cacheDir, 'partial')).length).toBe(1);
      partial.write(0, bytes);
      partial.commit({ name: '', swarms: [] });
      expect(readdirSync(join(cacheDir, 'partial'))).toEqual([]);
    }));

  test('lets list() be read while files go', () =>
    withDir(async (cacheDir) => {
      await using store = new DiskStore({ cacheDir });
      for (let seed = 1; seed <= 5; seed++) await put(store, sample(10, seed));
      let seen = 0;
      for (const { key } of store.list()) {
        store.remove(key);
        seen += 1;
      }
      expect(seen).toBe(5);
      expect(store.totals()).toMatchObject({ files: 0, bytes: 0 });
    }));
});

describe('DiskStore and partial files over restarts', () => {
  const bytes = sample(1000);
  const key = sha256Of(bytes);
  const resume = { pieceLength: 300 };
  const partialsIn = (cacheDir: string) => readdirSync(join(cacheDir, 'partial')).sort();

  /** What a process that was killed leaves: the partial file is never closed. */
  async function killed(cacheDir: string, bootId = 'one'): Promise<string> {
    const image = `${cacheDir}-image`;
    await using store = new DiskStore({ cacheDir, bootId });
    await using partial = store.createPartial(key, 1000, resume);
    partial.write(0, bytes);
    for (const index of [0, 1, 3]) partial.note(piece(index));
    Bun.spawnSync(['cp', '-a', cacheDir, image]);
    rmSync(join(image, 'lock.sqlite'));
    return image;
  }

  test('keeps those with a journal, closed in order or not, until the file is whole', () =>
    withDir(async (dir) => {
      for (const cacheDir of [join(dir, 'closed'), await killed(join(dir, 'killed'))]) {
        if (cacheDir.endsWith('closed')) await killed(cacheDir);
        await using store = new DiskStore({ cacheDir });
        await store.settled();
        expect(partialsIn(cacheDir)).toEqual([key, `${key}.journal`]);
        await using partial = store.createPartial(key, 1000, resume);
        expect(partial.kept.pieces).toEqual([piece(0), piece(1), piece(3)]);
        partial.commit({ name: '', swarms: [] });
        expect(partialsIn(cacheDir)).toEqual([]);
        expect(contents(store, key)).toEqual(bytes);
      }
    }));

  test('a piece that lies beyond the end of the file is not kept, nor one of a file that is too long', () =>
    withDir(async (dir) => {
      const cacheDir = await killed(join(dir, 'a'));
      truncateSync(join(cacheDir, 'partial', key), 400);
      {
        await using store = new DiskStore({ cacheDir });
        await using partial = store.createPartial(key, 1000, resume);
        expect(partial.kept.pieces).toEqual([piece(0)]);
      }
      truncateSync(join(cacheDir, 'partial', key), 1001);
      await using store = new DiskStore({ cacheDir });
      await using partial = store.createPartial(key, 1000, resume);
      expect(partial.kept.pieces).toEqual([]);
    }));

  test.each(['file', 'journal'])('one without its %s is swept', (what) =>
    withDir(async (dir) => {
      const cacheDir = await killed(join(dir, 'a'));
      rmSync(join(cacheDir, 'partial', what === 'file' ? key : `${key}.journal`));
      await using store = new DiskStore({ cacheDir });
      await store.settled();
      expect(partialsIn(cacheDir)).toEqual([]);
      await using partial = store.createPartial(key, 1000, resume);
      expect(partial.kept.pieces).toEqual([]);
    }),
  );

  test('a journal that is garbage costs the pieces and nothing else', () =>
    withDir(async (dir) => {
      const cacheDir = await killed(join(dir, 'a'));
      writeFileSync(join(cacheDir, 'partial', `${key}.journal`), sample(5000));
      await using store = new DiskStore({ cacheDir });
      await using partial = store.createPartial(key, 1000, resume);
      expect(partial.kept.pieces).toEqual([]);
      partial.write(0, bytes);
      partial.commit({ name: '', swarms: [] });
      expect(contents(store, key)).toEqual(bytes);
    }));

  test('what is being resumed stays when room is made for the rest of it', () =>
    withDir(async (cacheDir) => {
      await using store = new DiskStore({ cacheDir, limitBytes: 200_000 });
      const half = { pieceLength: 50_000 };
      {
        await using partial = store.createPartial(key, 100_000, half);
        partial.write(0, sample(50_000));
        partial.note(piece(0));
      }
      const file = await put(store, sample(130_000));
      await using partial = store.createPartial(key, 100_000, half);
      expect(partial.kept.pieces).toEqual([piece(0)]);
      expect(store.stat(file)).toBeUndefined();
    }));

  test('keeps none that has lain for more than a week, and 64 at most', () =>
    withDir(async (dir) => {
      const cacheDir = join(dir, 'a');
      const keys = Array.from({ length: 70 }, (_, seed) => sha256Of(sample(10, seed)));
      {
        await using store = new DiskStore({ cacheDir });
        for (const other of keys) {
          await using partial = store.createPartial(other, 1000, resume);
          partial.write(0, bytes);
          partial.note(piece(0));
        }
      }
      expect(partialsIn(cacheDir)).toHaveLength(2 * 64);
      {
        await using store = new DiskStore({ cacheDir });
        await store.settled();
        expect(partialsIn(cacheDir)).toHaveLength(2 * 64);
        await using oldest = store.createPartial(keys[0] as Sha256, 1000, resume);
        await using latest = store.createPartial(keys[69] as Sha256, 1000, resume);
        expect([oldest, latest].map(({ kept }) => kept.pieces.length)).toEqual([0, 1]);
      }
      const clock = {
        nowMs: () => 0,
        wallMs: () => Date.now() + 8 * 24 * 3600 * 1000,
        after: () => () => {},
      };
      await using store = new DiskStore({ cacheDir, clock });
      await store.settled();
      expect(partialsIn(cacheDir)).toEqual([]);
    }));
});

describe('DiskStore and files that are not what their row says', () => {
  test('drops a row whose file is missing, cut or replaced by a folder, when it is opened', () =>
    withDir(async (cacheDir) => {
      await using store = new DiskStore({ cacheDir });
      const gone: Sha256[] = [];
      store.onGone((key) => gone.push(key));
      const keys = [
        await put(store, sample(100, 1)),
        await put(store, sample(100, 2)),
        await put(store, sample(100, 3)),
      ];
      rmSync(pathOf(cacheDir, keys[0] as Sha256));
      truncateSync(pathOf(cacheDir, keys[1] as Sha256), 50);
      for (const key of keys.slice(0, 2)) expect(store.open(key)).toBeUndefined();
      expect(contents(store, keys[2] as Sha256)).toEqual(sample(100, 3));
      expect(gone).toEqual(keys.slice(0, 2));
      expect(store.totals().files).toBe(1);
    }));

  test('after a power cut shows no file that is not whole, by stat() or open(), and keeps the whole ones', () =>
    withDir(async (cacheDir) => {
      const [whole, cut, torn] = [sample(5000, 1), sample(5000, 2), sample(5000, 3)].map(sha256Of) as [
        Sha256,
        Sha256,
        Sha256,
      ];
      const image = await unsynced(cacheDir, [sample(5000, 1), sample(5000, 2), sample(5000, 3)]);
      truncateSync(pathOf(image, cut), 0);
      writeFileSync(pathOf(image, torn), new Uint8Array(5000));
      await using store = new DiskStore({ cacheDir: image, bootId: 'after' });
      expect(store.stat(cut)).toBeUndefined();
      expect(store.open(torn)).toBeUndefined();
      expect(contents(store, whole)).toEqual(sample(5000, 1));
      await store.settled();
      expect([...store.list()].map(({ key }) => key)).toEqual([whole]);
      expect(store.totals()).toMatchObject({ files: 1, bytes: 5000 });
    }));

  test('settles suspects by itself, and list() shows none before', () =>
    withDir(async (cacheDir) => {
      const image = await unsynced(cacheDir, [sample(5000, 1), sample(5000, 2)]);
      writeFileSync(pathOf(image, sha256Of(sample(5000, 2))), new Uint8Array(5000));
      await using store = new DiskStore({ cacheDir: image, bootId: 'after' });
      expect([...store.list()]).toEqual([]);
      await store.settled();
      expect([...store.list()].map(({ key }) => key)).toEqual([sha256Of(sample(5000, 1))]);
      expect(existsSync(pathOf(image, sha256Of(sample(5000, 2))))).toBe(false);
    }));

  test('believes after a power cut what had been synced, without hashing', () =>
    withDir(async (cacheDir) => {
      const key = sha256Of(sample(5000));
      {
        await using store = new DiskStore({ cacheDir, bootId: 'before' });
        await put(store, sample(5000));
        await store.settled();
      }
      // Of the right size, so that only a hash could tell: it shows that none was made.
      writeFileSync(pathOf(cacheDir, key), new Uint8Array(5000));
      await using store = new DiskStore({ cacheDir, bootId: 'after' });
      expect(store.stat(key)?.sizeBytes).toBe(5000);
    }));
});

describe('DiskStore and its database', () => {
  test('moves a damaged one aside and takes up the files that are whole, as private', () =>
    withDir(async (cacheDir) => {
      const bytes = sample(3000);
      const key = sha256Of(bytes);
      {
        await using store = new DiskStore({ cacheDir });
        await put(store, bytes);
        await put(store, sample(3000, 2));
      }
      const other = sha256Of(sample(3000, 2));
      writeFileSync(join(cacheDir, 'store.sqlite'), 'this was a database once'.repeat(1000));
      writeFileSync(pathOf(cacheDir, other), 'not what its name says');
      writeFileSync(join(cacheDir, 'files', key.slice(0, 2), 'README'), 'no key');
      await using store = new DiskStore({ cacheDir });
      await store.settled();
      expect(contents(store, key)).toEqual(bytes);
      expect(store.stat(key)?.swarms).toEqual([]);
      expect(store.stat(other)).toBeUndefined();
      expect(existsSync(pathOf(cacheDir, other))).toBe(false);
      expect(readdirSync(join(cacheDir, 'files', key.slice(0, 2)))).toEqual([key]);
      expect(readdirSync(cacheDir).some((name) => name.includes('.damaged-'))).toBe(true);
    }));

  test('refuses a folder that another store uses, names it, and takes it when that is gone', () =>
    withDir(async (cacheDir) => {
      {
        await using _first = new DiskStore({ cacheDir });
        expect(() => new DiskStore({ cacheDir })).toThrow(ConfigError);
        expect(() => new DiskStore({ cacheDir })).toThrow(cacheDir);
      }
      await using second = new DiskStore({ cacheDir });
      expect(second.totals().files).toBe(0);
    }));

  test('refuses a folder that can not be made', () =>
    withDir(async (cacheDir) => {
      writeFileSync(join(cacheDir, 'file'), '');
      expect(() => new DiskStore({ cacheDir: join(cacheDir, 'file') })).toThrow();
    }));
});

describe('DiskStore and a disk that refuses', () => {
  test('a failed write is thrown, nothing is left, and the store goes on', () =>
    withDir(async (cacheDir) => {
      // RLIMIT_FSIZE with its signal ignored makes write(2) fail as a full disk does. 1 MiB is enough for the database.
      const script = join(import.meta.dir, 'fill-child.ts');
      const child = Bun.spawn(
        ['sh', '-c', `trap '' XFSZ; ulimit -f 2048; exec "$0" "$1" "$2"`, process.execPath, script, cacheDir],
        {
          stdout: 'pipe',
          stderr: 'inherit',
        },
      );
      expect(JSON.parse(await new Response(child.stdout).text())).toEqual({
        write: 'EFBIG',
        commit: true,
        files: 1,
        partials: [],
      });
    }));
});

function pathOf(cacheDir: string, key: Sha256): string {
  return join(cacheDir, 'files', key.slice(0, 2), key);
}

/** A copy of a store's folder as it was before anything had been synced, made in boot "before". */
async function unsynced(parent: string, files: readonly Uint8Array[]): Promise<string> {
  const options: DiskStoreOptions = { cacheDir: join(parent, 'original'), bootId: 'before' };
  await using store = new DiskStore(options);
  const image = join(parent, 'image');
  const partials = files.map((bytes) => {
    const partial = store.createPartial(sha256Of(bytes), bytes.length);
    partial.write(0, bytes);
    return partial;
  });
  // Without an await between commits and copy, no sync can be noted.
  for (const partial of partials) partial.commit({ name: 'x', swarms: [] });
  Bun.spawnSync(['cp', '-a', options.cacheDir, image]);
  for (const partial of partials) await partial[Symbol.asyncDispose]();
  rmSync(join(image, 'lock.sqlite'));
  return image;
}

async function withDir(use: (dir: string) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'debtorrent-store-'));
  try {
    await use(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

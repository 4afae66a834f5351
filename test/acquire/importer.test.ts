import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Importer } from '../../src/acquire/importer.ts';
import type { Entry } from '../../src/archive/entry.ts';
import { type Sha256, sha256Of } from '../../src/lib/sha256.ts';
import { DiskStore } from '../../src/store/disk-store.ts';
import { InlineHasher } from '../fixtures/inline-hasher.ts';
import { type TempDir, tempDir } from '../fixtures/temp-dir.ts';
import { errorOf } from '../fixtures/world.ts';
import { contents, sample } from '../store/store-conformance.ts';

const DATE_MS = 1_700_000_000_000;

let directory: TempDir;
let archives: string;
let store: DiskStore;
let known: Map<Sha256, Entry>;
let landed: Sha256[];

beforeEach(() => {
  directory = tempDir('importer');
  archives = join(directory.path, 'archives');
  mkdirSync(join(archives, 'partial'), { recursive: true });
  store = new DiskStore({ cacheDir: join(directory.path, 'cache'), limitBytes: 1 << 20 });
  known = new Map();
  landed = [];
});
afterEach(async () => {
  await store[Symbol.asyncDispose]();
  directory[Symbol.dispose]();
});

/** A package in apt's archives; the catalogue knows it unless told. */
function deb(name: string, bytes: Uint8Array, isKnown = true): Sha256 {
  const path = join(archives, name);
  writeFileSync(path, bytes, { mode: 0o644 });
  utimesSync(path, DATE_MS / 1000, DATE_MS / 1000);
  const key = sha256Of(bytes);
  if (isKnown) known.set(key, { key, sizeBytes: bytes.length, swarms: ['aa'] });
  return key;
}

const importer = (hasher: Pick<InlineHasher, 'whole'> = new InlineHasher()) =>
  new Importer({ store, hasher, byKey: (key) => known.get(key), landed: (key) => landed.push(key) });
const run = (mayCopy = true, hasher?: Pick<InlineHasher, 'whole'>) =>
  importer(hasher).run({ directory: archives, mayCopy });
const inode = (path: string) => statSync(path).ino;
const stored = (key: Sha256) => join(directory.path, 'cache/files', key.slice(0, 2), key);

describe('Importer.run()', () => {
  test('takes in what the catalogue knows, by hard link, with its date and swarms', async () => {
    const bytes = sample(300_000);
    const key = deb('hello_1%3a2.10-3_amd64.deb', bytes);
    const outcome = await run();
    expect(outcome).toMatchObject({ running: false, files: 1, doneFiles: 1, doneBytes: 300_000 });
    expect(outcome).toMatchObject({ added: 1, addedBytes: 300_000, linked: 1, unknown: 0, refused: [] });
    expect(contents(store, key)).toEqual(bytes);
    expect(store.stat(key)).toMatchObject({
      lastModifiedMs: DATE_MS,
      swarms: ['aa'],
      name: 'hello_1%3a2.10-3_amd64.deb',
    });
    expect(inode(stored(key))).toBe(inode(join(archives, 'hello_1%3a2.10-3_amd64.deb')));
    expect(landed).toEqual([key]);
  });

  test('what others may write to is copied, or left where nothing may be copied', async () => {
    const key = deb('shared_1_all.deb', sample(5000));
    chmodSync(join(archives, 'shared_1_all.deb'), 0o664);
    expect((await run(false)).refused).toEqual([
      "shared_1_all.deb: it can't be linked: others may write to it",
    ]);
    expect(store.stat(key)).toBeUndefined();
    expect(await run()).toMatchObject({ added: 1, linked: 0, refused: [] });
    expect(inode(stored(key))).not.toBe(inode(join(archives, 'shared_1_all.deb')));
    appendFileSync(join(archives, 'shared_1_all.deb'), 'x');
    expect(contents(store, key)).toEqual(sample(5000));
  });

  test('what no index names stays out; what is here already is not taken in again', async () => {
    const strange = deb('private_1_amd64.deb', sample(100, 2), false);
    deb('hello_1_amd64.deb', sample(100, 3));
    expect(await run()).toMatchObject({ files: 2, added: 1, unknown: 1, present: 0 });
    expect(await run()).toMatchObject({ files: 2, added: 0, unknown: 1, present: 1 });
    expect(store.stat(strange)).toBeUndefined();
    expect(store.totals().files).toBe(1);
  });

  test('a file that is written to meanwhile is not taken in', async () => {
    const key = deb('hello_1_amd64.deb', sample(100));
    const hasher = new InlineHasher();
    const outcome = await run(true, {
      whole(fd) {
        const whole = hasher.whole(fd);
        const finish = whole.finish.bind(whole);
        whole.finish = async (sizeBytes) => {
          const digest = await finish(sizeBytes);
          appendFileSync(join(archives, 'hello_1_amd64.deb'), 'x');
          return digest;
        };
        return whole;
      },
    });
    expect(outcome.refused).toEqual(['hello_1_amd64.deb: it changed meanwhile']);
    expect(store.stat(key)).toBeUndefined();
  });

  test('nothing is evicted for it', async () => {
    const first = deb('a_1_amd64.deb', sample(900_000, 1));
    deb('b_1_amd64.deb', sample(900_000, 2));
    expect(await run()).toMatchObject({ added: 1, refused: ['b_1_amd64.deb: the cache is full'] });
    expect(store.stat(first)).toBeDefined();
  });

  test('only packages are looked at: no folders, links or other files', async () => {
    deb('hello_1_amd64.deb', sample(10));
    writeFileSync(join(archives, 'lock'), '');
    mkdirSync(join(archives, 'odd.deb'));
    symlinkSync('/etc/hostname', join(archives, 'link.deb'));
    expect(await run()).toMatchObject({ files: 1, added: 1 });
  });

  test('is one at a time, and says what it can’t read', async () => {
    deb('hello_1_amd64.deb', sample(10));
    const one = importer();
    const first = one.run({ directory: archives, mayCopy: true });
    expect(() => one.run({ directory: archives, mayCopy: true })).toThrow(/another import is running/);
    await first;
    expect(() => one.run({ directory: join(directory.path, 'none'), mayCopy: true })).toThrow(
      /^could not import .*none: ENOENT/,
    );
    expect(
      await errorOf(
        Promise.resolve()
          .then(() => one.run({ directory: archives, mayCopy: true }))
          .then(() => {
            throw new Error('done');
          }),
      ),
    ).toMatchObject({ message: 'done' });
  });
});

import { afterEach, describe, expect, test } from 'bun:test';
import {
  linkSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type Sha256, sha256Of } from '../../src/lib/sha256.ts';
import { openTreeIndex } from '../../src/store/open-index.ts';
import { TreeStore } from '../../src/store/tree-store.ts';
import { type TempDir, tempDir } from '../fixtures/temp-dir.ts';
import { VirtualClock } from '../fixtures/virtual-clock.ts';

const SWARM = 'ab'.repeat(20);
const BYTES = new TextEncoder().encode('the bytes of a package');
const KEY = sha256Of(BYTES);

/** Its calendar can be set. */
class SetClock extends VirtualClock {
  wall = Date.now();

  override wallMs(): number {
    return this.wall;
  }
}

class Ground implements AsyncDisposable {
  readonly directory: TempDir = tempDir('tree-store');
  readonly root = this.directory.path;
  readonly clock = new SetClock();
  readonly lost: string[] = [];
  readonly gone: Sha256[] = [];
  store: TreeStore;

  constructor() {
    this.store = this.#open();
  }

  #open(bootId = 'boot'): TreeStore {
    const store = new TreeStore({
      root: this.root,
      index: openTreeIndex({ path: `${this.root}/.index.sqlite`, root: this.root, bootId }),
      clock: this.clock,
      lost: (path) => this.lost.push(path),
      coming: () => undefined,
    });
    store.onGone((key) => this.gone.push(key));
    return store;
  }

  /** As after a restart. */
  async reopen(bootId?: string): Promise<void> {
    await this.store[Symbol.asyncDispose]();
    this.store = this.#open(bootId);
  }

  path(name: string): string {
    return join(this.root, name);
  }

  write(name: string, bytes: Uint8Array = BYTES): void {
    writeFileSync(this.path(name), bytes);
  }

  /** The file system's clock goes in steps: what is written from now on has a later time than that file. */
  tick(name: string): void {
    const { ctimeNs } = statSync(this.path(name), { bigint: true });
    const probe = this.path('.probe');
    do writeFileSync(probe, '');
    while (statSync(probe, { bigint: true }).ctimeNs <= ctimeNs);
  }

  verified(name: string, key = KEY, swarms: readonly string[] = [SWARM]): void {
    this.store.verified(name, statSync(this.path(name), { bigint: true }), { key, swarms });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store[Symbol.asyncDispose]();
    this.directory[Symbol.dispose]();
  }
}

const grounds: Ground[] = [];
afterEach(async () => {
  for (const ground of grounds.splice(0)) await ground[Symbol.asyncDispose]();
});

function ground(): Ground {
  const made = new Ground();
  grounds.push(made);
  return made;
}

describe('TreeStore', () => {
  test('has a file once it was verified, by its key, and gives its bytes', () => {
    const it = ground();
    it.write('a.deb');
    expect(it.store.stat(KEY)).toBeUndefined();
    it.verified('a.deb');
    expect(it.store.stat(KEY)).toMatchObject({
      key: KEY,
      sizeBytes: BYTES.length,
      name: 'a.deb',
      swarms: [SWARM],
    });
    using open = it.store.open(KEY);
    const read = new Uint8Array(BYTES.length);
    expect(readSync(open?.fd ?? -1, read, 0, read.length, 0)).toBe(BYTES.length);
    expect(read).toEqual(BYTES);
    expect(open?.stillHolds?.()).toBe(true);
    expect(it.store.totals()).toEqual({ files: 1, bytes: BYTES.length, limitBytes: BYTES.length });
    expect([...it.store.list()].map(({ name }) => name)).toEqual(['a.deb']);
  });

  test('takes nothing in', () => {
    expect(() => ground().store.createPartial()).toThrow('not written to');
  });

  test('knows over a restart what it knew, and of another root nothing', async () => {
    const it = ground();
    it.write('a.deb');
    it.verified('a.deb');
    it.store.setLayer(KEY, new Uint8Array(64).fill(7));
    await it.reopen();
    expect(it.store.stat(KEY)).toBeDefined();
    expect(it.store.layer(KEY)).toEqual(new Uint8Array(64).fill(7));
    using other = openTreeIndex({ path: `${it.root}/.index.sqlite`, root: '/elsewhere', bootId: 'boot' });
    expect(other.files).toBe(0);
  });

  test('believes a file that was young when it was verified in the same boot only', async () => {
    const it = ground();
    it.write('young.deb');
    it.write('old.deb', new Uint8Array(3));
    it.clock.wall = statSync(it.path('old.deb')).ctimeMs + 3_600_000;
    it.verified('old.deb', sha256Of(new Uint8Array(3)));
    it.clock.wall = statSync(it.path('young.deb')).ctimeMs + 10_000;
    it.verified('young.deb');
    await it.reopen();
    expect(it.store.totals().files).toBe(2);
    await it.reopen('another boot');
    expect(it.store.stat(KEY)).toBeUndefined();
    expect(it.store.totals().files).toBe(1);
  });

  test('a file that has another stamp is no longer had, and is told of', async () => {
    for (const change of ['bytes', 'times', 'removed'] as const) {
      const it = ground();
      it.write('a.deb');
      it.verified('a.deb');
      it.tick('a.deb');
      if (change === 'bytes') it.write('a.deb', BYTES.with(0, 1));
      if (change === 'times') utimesSync(it.path('a.deb'), new Date(0), new Date(0));
      if (change === 'removed') rmSync(it.path('a.deb'));
      expect(it.store.stat(KEY)).toBeUndefined();
      expect(it.lost).toEqual(['a.deb']);
      await it.clock.run(0);
      expect(it.gone).toEqual([KEY]);
      expect(it.store.totals().files).toBe(0);
    }
  });

  test('a file that was written to and given its old date back is found out by its change time', () => {
    const it = ground();
    it.write('a.deb');
    const { mtime, atime } = statSync(it.path('a.deb'));
    it.verified('a.deb');
    it.tick('a.deb');
    it.write('a.deb', BYTES.with(0, 1));
    utimesSync(it.path('a.deb'), atime, mtime);
    expect(it.store.open(KEY)).toBeUndefined();
  });

  test('changed in place while it is open: what is read after that does not hold, and it is gone at once', async () => {
    const it = ground();
    it.write('a.deb');
    it.verified('a.deb');
    using open = it.store.open(KEY);
    it.tick('a.deb');
    it.write('a.deb', BYTES.with(0, 1));
    expect(open?.stillHolds?.()).toBe(false);
    expect(it.gone).toEqual([]);
    await it.clock.run(0);
    expect(it.gone).toEqual([KEY]);
    expect(it.lost).toEqual(['a.deb']);
  });

  test.each(['replaced by rename', 'removed'])(
    '%s while it is open: it holds, and is gone with the last who reads it',
    async (how) => {
      const it = ground();
      it.write('a.deb');
      it.verified('a.deb');
      const open = it.store.open(KEY);
      it.write('new', BYTES.with(0, 1));
      if (how === 'removed') rmSync(it.path('a.deb'));
      else renameSync(it.path('new'), it.path('a.deb'));
      expect(open?.stillHolds?.()).toBe(true);
      // Nobody new gets it.
      expect(it.store.open(KEY)).toBeUndefined();
      await it.clock.run(0);
      expect(it.gone).toEqual([]);
      expect(open?.stillHolds?.()).toBe(true);
      open?.[Symbol.dispose]();
      await it.clock.run(0);
      expect(it.gone).toEqual([KEY]);
    },
  );

  test('one content under two paths counts once, and stays while one of them is left', async () => {
    const it = ground();
    it.write('a.deb');
    linkSync(it.path('a.deb'), it.path('b.deb'));
    it.verified('a.deb');
    it.verified('b.deb');
    expect(it.store.totals().files).toBe(1);
    it.write('c.deb');
    it.verified('c.deb');
    rmSync(it.path('a.deb'));
    rmSync(it.path('b.deb'));
    expect(it.store.stat(KEY)?.name).toBe('c.deb');
    await it.clock.run(0);
    expect(it.gone).toEqual([]);
  });

  test('without swarms a file is remembered and not had', () => {
    const it = ground();
    it.write('a.deb');
    it.verified('a.deb', KEY, []);
    expect(it.store.stat(KEY)).toBeUndefined();
    expect(it.store.totals().files).toBe(0);
  });

  test('a link in the place of a verified file is no file of it', () => {
    const it = ground();
    it.write('a.deb');
    it.verified('a.deb');
    it.write('secret', BYTES.with(0, 1));
    rmSync(it.path('a.deb'));
    symlinkSync(it.path('secret'), it.path('a.deb'));
    expect(it.store.open(KEY)).toBeUndefined();
  });

  test('a damaged database is moved aside, and everything found out anew', async () => {
    const it = ground();
    const path = `${it.root}/other.sqlite`;
    writeFileSync(path, Buffer.alloc(5000, 'no database'));
    using index = openTreeIndex({ path, root: it.root, bootId: 'boot' });
    expect(index.files).toBe(0);
  });
});

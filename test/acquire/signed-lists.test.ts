import { describe, expect, test } from 'bun:test';
import { RootTable } from '../../src/acquire/root-table.ts';
import { SignedLists } from '../../src/acquire/signed-lists.ts';
import type { ListedBeside } from '../../src/archive/catalogue.ts';
import { type Sha256, sha256FromBytes, sha256Of } from '../../src/lib/sha256.ts';
import { encodeDtorrent } from '../../src/torrent/dtorrent.ts';
import { FileTableBuilder } from '../../src/torrent/file-table-builder.ts';
import { VirtualClock } from '../fixtures/virtual-clock.ts';

const key = (seed: number) => new Uint8Array(32).fill(seed);
const keyOf = (seed: number) => sha256FromBytes(key(seed));

function dtorrent(files: Readonly<Record<number, number>>, trackers: string[][] = []): Uint8Array {
  const builder = new FileTableBuilder();
  for (const [file, root] of Object.entries(files)) {
    builder.add(`pool/${file}`, 1_000_000, key(Number(file)));
    if (root > 0) builder.setRoot(`pool/${file}`, key(root));
  }
  const identity = { origin: 'Example', codename: 'stable', architecture: 'amd64' };
  return encodeDtorrent({
    identity,
    trackers,
    webSeeds: [],
    createdBy: undefined,
    createdAtMs: undefined,
    files: builder.build(),
  });
}

class World {
  readonly clock = new VirtualClock();
  readonly contents = new Map<Sha256, Uint8Array>();
  readonly asked: string[] = [];
  listed: ListedBeside[] = [];
  changes = 0;
  readonly lists = new SignedLists({
    listed: () => this.listed,
    fetch: async (at, entry) => {
      this.asked.push(at.path);
      const bytes = this.contents.get(entry.key);
      if (!bytes) throw new Error('the mirror answered 404');
      return bytes;
    },
    clock: this.clock,
    changed: () => {
      this.changes += 1;
    },
  });

  /** A file that the Release in `directory` lists now, in place of what it listed there. */
  list(directory: string, bytes: Uint8Array, isThere = true): void {
    const path = `/${directory}/Packages.dtorrent`;
    const entry = { key: sha256Of(bytes), sizeBytes: bytes.length, swarms: ['ab'.repeat(20)] };
    this.listed = this.listed.filter(({ at }) => at.path !== path);
    this.listed.push({ at: { scheme: 'http', host: 'a.example', path }, entry, directory });
    if (isThere) this.contents.set(entry.key, bytes);
  }

  async update(): Promise<void> {
    this.lists.update();
    for (let i = 0; i < 20; i++) await Promise.resolve();
  }
}

describe('SignedLists', () => {
  test('states roots of the archive that lists them, and trackers for its swarms', async () => {
    const world = new World();
    world.list('one', dtorrent({ 1: 101, 2: 0 }, [['http://t.example/announce']]));
    world.list('two', dtorrent({ 1: 201 }));
    await world.update();
    expect(world.lists.rootOf('one', keyOf(1))).toEqual(key(101));
    expect(world.lists.rootOf('two', keyOf(1))).toEqual(key(201));
    expect(world.lists.rootOf('one', keyOf(2))).toBeUndefined();
    expect(world.lists.rootOf('three', keyOf(1))).toBeUndefined();
    expect(world.lists.trackers()).toEqual([
      { tiers: [['http://t.example/announce']], swarms: new Set(['ab'.repeat(20)]) },
    ]);
    expect(world.changes).toBe(2);
  });

  test('fetches each content once, a new one when the Release says so, and forgets what is listed no more', async () => {
    const world = new World();
    world.list('one', dtorrent({ 1: 101 }));
    await world.update();
    await world.update();
    expect(world.asked).toEqual(['/one/Packages.dtorrent']);
    world.list('one', dtorrent({ 1: 102 }), false);
    await world.update();
    // The new one can't be had yet.
    expect(world.lists.rootOf('one', keyOf(1))).toEqual(key(101));
    world.list('one', dtorrent({ 1: 103 }));
    await world.update();
    expect(world.lists.rootOf('one', keyOf(1))).toEqual(key(103));
    world.listed = [];
    await world.update();
    expect(world.lists.rootOf('one', keyOf(1))).toBeUndefined();
  });

  test('what can not be had or read is tried again after ten minutes, not before', async () => {
    const world = new World();
    const late = dtorrent({ 1: 101 });
    world.list('one', late, false);
    world.list('two', Buffer.from('nonsense'));
    await world.update();
    await world.update();
    expect(world.asked).toHaveLength(2);
    world.contents.set(sha256Of(late), late);
    await world.clock.run(599_000);
    expect(world.asked).toHaveLength(2);
    await world.clock.run(2_000);
    for (let i = 0; i < 20; i++) await Promise.resolve();
    expect(world.asked).toHaveLength(4);
    expect(world.lists.rootOf('one', keyOf(1))).toEqual(key(101));
  });

  test('one that is too long is not asked for', async () => {
    const world = new World();
    world.list('one', dtorrent({ 1: 101 }));
    const [listed] = world.listed as [ListedBeside];
    world.listed = [{ ...listed, entry: { ...listed.entry, sizeBytes: 2 ** 30 } }];
    await world.update();
    expect(world.asked).toEqual([]);
  });
});

test('RootTable finds each of many, and nothing else', () => {
  const builder = new FileTableBuilder();
  for (let i = 0; i < 500; i++) {
    const content = Uint8Array.fromHex(sha256Of(Buffer.from(`${i}`)));
    builder.add(`f${i}`, 1, content);
    if (i % 3 === 0) builder.setRoot(`f${i}`, Uint8Array.fromHex(sha256Of(content)));
  }
  const files = builder.build();
  const roots = new RootTable(files);
  expect(roots.count).toBe(167);
  for (const { key: content, root } of files) expect(roots.find(content)).toEqual(root);
  expect(roots.find(keyOf(9))).toBeUndefined();
});

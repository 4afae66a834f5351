import { describe, expect, test } from 'bun:test';
import { MemoryStore } from '../../src/store/memory-store.ts';
import { Library, type Servable } from '../../src/swarm/library.ts';
import { LayerBuilder } from '../../src/torrent/layer-builder.ts';
import { Pieces } from '../../src/torrent/pieces.ts';
import { InlineHasher } from '../fixtures/inline-hasher.ts';
import { type PoolFile, poolFile, SWARM } from '../fixtures/memory-node.ts';
import { VirtualClock } from '../fixtures/virtual-clock.ts';
import { errorOf } from '../fixtures/world.ts';

const MIB = 1024 * 1024;
const inSwarm = (infoHash: string) => infoHash === SWARM;

function scene() {
  const clock = new VirtualClock();
  const store = new MemoryStore({ clock });
  const hasher = new InlineHasher();
  let computed = 0;
  let running = 0;
  let most = 0;
  const library = new Library(
    store,
    async (fd, pieces) => {
      computed += 1;
      running += 1;
      most = Math.max(most, running);
      await clock.sleep(50);
      running -= 1;
      return await hasher.layer(fd, pieces);
    },
    clock,
  );
  const keep = ({ bytes, entry }: PoolFile) => {
    const partial = store.createPartial(entry.key, bytes.length);
    partial.write(0, bytes);
    partial.commit({ name: 'x', swarms: entry.swarms });
    void partial[Symbol.asyncDispose]();
  };
  return { clock, store, library, keep, counts: () => ({ computed, most }) };
}

describe('Library.find()', () => {
  test('a file of one piece is served as it is', () => {
    const { library, keep } = scene();
    const file = poolFile(1000);
    keep(file);
    const found = library.find(file.entry.key, inSwarm) as Servable;
    expect(found).toMatchObject({ whole: true, tree: undefined });
    expect(found.hasPiece(0)).toBe(true);
    expect(found.hasPiece(1)).toBe(false);
    const target = new Uint8Array(10);
    expect(found.read(500, target)).toBe(true);
    expect(target).toEqual(file.bytes.slice(500, 510));
    expect(found.read(995, target)).toBe(false);
    found.rest();
  });

  test('not one of another swarm, nor a private one, nor one that is not there', () => {
    const { library, keep } = scene();
    const [other, priv] = [poolFile(10, 1, ['elsewhere']), poolFile(10, 2, [])];
    keep(other);
    keep(priv);
    for (const { entry } of [other, priv, poolFile(10, 3)])
      expect(library.find(entry.key, inSwarm)).toBeUndefined();
  });

  test('the layer of a larger file is computed once, kept, and right', async () => {
    const { clock, store, library, keep, counts } = scene();
    const file = poolFile(2 * MIB);
    keep(file);
    const [first, second] = await clock.until(
      Promise.all([library.find(file.entry.key, inSwarm), library.find(file.entry.key, inSwarm)]),
    );
    const tree = new LayerBuilder(new Pieces(2 * MIB));
    tree.update(file.bytes);
    expect(first?.tree).toEqual({ root: tree.root(), layer: tree.layer() });
    expect(second?.tree).toEqual(first?.tree);
    expect(counts().computed).toBe(1);
    expect(store.layer(file.entry.key)).toEqual(tree.layer());
    expect(library.find(file.entry.key, inSwarm)).not.toBeInstanceOf(Promise);
  });

  test('asking again, and for others, costs neither a look at the layer nor another copy of it', async () => {
    const { clock, store, library, keep } = scene();
    const file = poolFile(2 * MIB);
    keep(file);
    await clock.until(Promise.resolve(library.find(file.entry.key, inSwarm)));
    store.layer = () => {
      throw new Error('read again');
    };
    const [first, second] = [1, 2].map(() => library.find(file.entry.key, inSwarm) as Servable);
    expect(first?.tree?.layer).toHaveLength(8 * 32);
    expect(second?.tree).toBe(first?.tree as NonNullable<Servable['tree']>);
  });

  test('many at once are computed one after the other: files are held open one at a time', async () => {
    const { clock, library, keep, counts } = scene();
    const files = Array.from({ length: 5 }, (_, i) => poolFile(600 * 1024, i + 1));
    for (const file of files) keep(file);
    const found = files.map(({ entry }) => library.find(entry.key, inSwarm));
    expect((await clock.until(Promise.all(found))).every((s) => s?.tree)).toBe(true);
    expect(counts()).toEqual({ computed: 5, most: 1 });
  });

  test('one that cannot be read does not keep the next from being computed', async () => {
    const { clock, store, library, keep } = scene();
    const [bad, good] = [poolFile(MIB, 1), poolFile(MIB, 2)];
    keep(bad);
    keep(good);
    const { open } = store;
    store.open = (key) => {
      if (key === bad.entry.key) throw new Error('input/output error');
      return open.call(store, key);
    };
    const [first, second] = [library.find(bad.entry.key, inSwarm), library.find(good.entry.key, inSwarm)];
    (first as Promise<unknown>).catch(() => {});
    expect(await clock.until(Promise.resolve(second))).toBeDefined();
    expect((await errorOf(first as Promise<unknown>)).message).toBe('input/output error');
  });

  test('one that is evicted while it waits is simply not there', async () => {
    const { clock, store, library, keep } = scene();
    const file = poolFile(MIB);
    keep(file);
    const found = library.find(file.entry.key, inSwarm);
    store.remove(file.entry.key);
    expect(await clock.until(Promise.resolve(found))).toBeUndefined();
  });

  test('a growing file is found in its swarms until it is taken back', () => {
    const { library } = scene();
    const file = poolFile(MIB);
    const growing = {
      key: file.entry.key,
      pieces: new Pieces(MIB),
      swarms: [SWARM],
    } as unknown as Servable;
    library.grow(growing);
    expect(library.find(file.entry.key, inSwarm)).toBe(growing);
    expect(library.find(file.entry.key, () => false)).toBeUndefined();
    library.ungrow(file.entry.key);
    expect(library.find(file.entry.key, inSwarm)).toBeUndefined();
  });
});

test('a file of more than 2^40 bytes is kept for APT, and offered to nobody', () => {
  const { store, library, keep } = scene();
  const file = poolFile(1000);
  keep(file);
  const { stat } = store;
  for (const [sizeBytes, isFound] of [
    [2 ** 40, true],
    [2 ** 40 + 1, false],
  ] as const) {
    store.stat = (key) => {
      const found = stat.call(store, key);
      return found && { ...found, sizeBytes };
    };
    store.layer = () => new Uint8Array(2048 * 32);
    expect(library.find(file.entry.key, inSwarm) !== undefined).toBe(isFound);
  }
  const key = poolFile(1000, 2).entry.key;
  library.grow({ key, pieces: new Pieces(2 ** 40 + 1), swarms: [SWARM] } as unknown as Servable);
  expect(library.find(key, inSwarm)).toBeUndefined();
});

describe('Library.prepare()', () => {
  test('computes layers when it is quiet, and leaves no timer', async () => {
    const { clock, store, library, keep } = scene();
    const files = [poolFile(MIB, 1), poolFile(MIB, 2)];
    for (const file of files) {
      keep(file);
      library.prepare(file.entry.key);
      await clock.run(900);
    }
    expect(files.map(({ entry }) => store.layer(entry.key))).toEqual([undefined, undefined]);
    await clock.run(1_000);
    for (const { entry } of files) expect(store.layer(entry.key)).toBeDefined();
    expect(clock.pending).toBe(0);
  });
});

/** A torrent as a view of the store: what is here, what comes, what goes, and what only looks like it. */
import { describe, expect, test } from 'bun:test';
import { type Sha256, sha256Of } from '../../src/lib/sha256.ts';
import { TokenBucket } from '../../src/lib/token-bucket.ts';
import { Content } from '../../src/standard/content.ts';
import { StandardSwarms } from '../../src/standard/standard-swarms.ts';
import { StoreStorage } from '../../src/standard/store-storage.ts';
import { MemoryStore } from '../../src/store/memory-store.ts';
import type { StoredFile } from '../../src/store/store.ts';
import { PieceHasher } from '../../src/torrent/merkle.ts';
import { Pieces } from '../../src/torrent/pieces.ts';
import { MemoryNetwork } from '../fixtures/memory-network.ts';
import { VirtualClock } from '../fixtures/virtual-clock.ts';
import { type Made, MemoryStorage, made } from './made.ts';

const SIZES = { 'a/a.deb': 70_000, 'a/b.deb': 33_000, 'c/c.deb': 1 };
const SWARMS = ['ab'.repeat(20)];

function keep(store: MemoryStore, name: string, bytes: Uint8Array, swarms = SWARMS): StoredFile {
  const partial = store.createPartial(sha256Of(bytes), bytes.length);
  partial.write(0, bytes);
  const file = partial.commit({ name, swarms });
  void partial[Symbol.asyncDispose]();
  return file;
}

function view(what: Made, store: MemoryStore, clock = new VirtualClock()): StoreStorage {
  const layout = Content.layoutOf(what.metainfo);
  const storage = new StoreStorage({ store, layout, hashes: what.metainfo, clock });
  for (const file of store.list()) storage.came(file);
  return storage;
}

function bytesOf({ files }: Made, path: string): Uint8Array {
  return files.get(path) as Uint8Array;
}

const MIRROR = 'ftp.de.debian.org/debian';

describe('StoreStorage', () => {
  test.each(['v1', 'v2', 'hybrid'] as const)(
    '%s: the pieces of stored files are here, others are not',
    async (kind) => {
      await using store = new MemoryStore();
      const what = made({ kind, sizes: SIZES });
      keep(store, `${MIRROR}/made/a/a.deb`, bytesOf(what, 'made/a/a.deb'));
      const storage = view(what, store);
      expect([...storage.sure()]).toEqual([0, 1, 2]);
      const into = new Uint8Array(32_768);
      expect(storage.read(32_768, into)).toBe(true);
      expect(into).toEqual(what.space.slice(32_768, 65_536));
      expect(storage.read(3 * 32_768, new Uint8Array(100))).toBe(false);
      await storage.close();
    },
  );

  test('what comes and goes is told piece by piece', async () => {
    await using store = new MemoryStore();
    const what = made({ kind: 'hybrid', sizes: SIZES });
    const storage = view(what, store);
    const file = keep(store, `${MIRROR}/made/a/b.deb`, bytesOf(what, 'made/a/b.deb'));
    expect(storage.came(file)).toEqual([3, 4]);
    expect(storage.came(file)).toEqual([]);
    expect(storage.gone(file.key)).toEqual([3, 4]);
    expect(storage.gone(file.key)).toEqual([]);
    await storage.close();
  });

  test('a piece of several files is here when all of them are', async () => {
    await using store = new MemoryStore();
    const what = made({ kind: 'v1', sizes: SIZES, isPacked: true });
    const storage = view(what, store);
    const put = (path: string) => storage.came(keep(store, path, bytesOf(what, path)));
    expect(put('made/a/a.deb')).toEqual([0, 1]);
    expect(put('made/c/c.deb')).toEqual([]);
    expect(put('made/a/b.deb')).toEqual([2, 3]);
    const into = new Uint8Array(32_768);
    expect(storage.read(2 * 32_768, into)).toBe(true);
    expect(into).toEqual(what.space.slice(2 * 32_768, 3 * 32_768));
    await storage.close();
  });

  test('what may be offered nowhere is not here', async () => {
    await using store = new MemoryStore();
    const what = made({ kind: 'v2', sizes: SIZES });
    keep(store, `${MIRROR}/made/a/a.deb`, bytesOf(what, 'made/a/a.deb'), []);
    expect([...view(what, store).sure()]).toEqual([]);
  });

  test.each(['v1', 'hybrid'] as const)(
    '%s: a file of the same name and size but other bytes is never given',
    async (kind) => {
      await using store = new MemoryStore();
      const what = made({ kind, sizes: SIZES });
      keep(store, `${MIRROR}/made/a/a.deb`, new Uint8Array(70_000).fill(7));
      const storage = view(what, store);
      expect(storage.read(0, new Uint8Array(16_384))).toBe(false);
      expect([...storage.sure()]).not.toContain(0);
      await storage.close();
    },
  );

  test('a file by another name is found by its root', async () => {
    await using store = new MemoryStore();
    const what = made({ kind: 'v2', sizes: { 'a/a.deb': 900_000 } });
    const bytes = bytesOf(what, 'made/a/a.deb');
    const file = keep(store, 'elsewhere/other.deb', bytes);
    expect([...view(what, store).sure()]).toEqual([]);
    const pieces = new Pieces(bytes.length);
    const hasher = new PieceHasher(pieces);
    const layer = [...new Array(pieces.count).keys()].map((index) =>
      hasher.hash(bytes.subarray(pieces.offset(index), pieces.offset(index) + pieces.size(index))),
    );
    store.setLayer(file.key, Buffer.concat(layer));
    expect([...view(what, store).sure()]).toHaveLength(28);
  });

  test('holds no file open for long, nor after its end', async () => {
    const clock = new VirtualClock();
    const what = made({ kind: 'v2', sizes: SIZES });
    const bytes = bytesOf(what, 'made/a/a.deb');
    await using store = new MemoryStore({ limitBytes: bytes.length });
    keep(store, 'made/a/a.deb', bytes);
    const storage = view(what, store, clock);
    expect(storage.read(0, new Uint8Array(16_384))).toBe(true);
    await clock.run(60_000);
    expect(clock.pending).toBe(0);
    expect(storage.read(0, new Uint8Array(16_384))).toBe(true);
    await storage.close();
    expect(clock.pending).toBe(0);
  });
});

describe('Torrent over a store', () => {
  test('is no download, gives what there is, tells what comes and what goes', async () => {
    const clock = new VirtualClock();
    const network = new MemoryNetwork(clock);
    await using store = new MemoryStore();
    const what = made({ kind: 'hybrid', sizes: SIZES });
    const { metainfo } = what;
    const node = (host: string, id: number) => {
      const bucket = new TokenBucket(0, clock.nowMs());
      const swarms = new StandardSwarms({
        clock,
        ...network.node(host),
        peerId: new Uint8Array(20).fill(id),
        client: `test ${host}`,
        uploadBuckets: { lan: bucket, wan: bucket },
        downloadBucket: bucket,
        draw: () => 0.5,
      });
      swarms.listen({ host, port: 6881 });
      return swarms;
    };
    const giver = node('10.0.0.1', 1);
    const taker = node('10.0.0.2', 2);
    const { infoHashV1, infoHashV2 } = metainfo;
    const storage = view(what, store, clock);
    const given = giver.add({ infoHashV1, infoHashV2, metainfo, storage: () => storage });
    const taken = taker.add({
      infoHashV1,
      infoHashV2,
      metainfo,
      storage: () => new MemoryStorage(what, false),
    });
    taken.found({ host: '10.0.0.1', port: 6881 });
    await clock.run(5_000);
    expect(given.status()).toMatchObject({ phase: 'seeding', haveBytes: 0, peers: 1 });

    const come = (path: string): Sha256 => {
      const file = keep(store, path, bytesOf(what, path));
      for (const piece of storage.came(file)) given.pieceCame(piece);
      return file.key;
    };
    const key = come('made/a/a.deb');
    await clock.run(5_000);
    expect(taken.status()).toMatchObject({ phase: 'fetching', haveBytes: 70_000 });
    expect(given.status()).toMatchObject({ phase: 'seeding', haveBytes: 70_000, uploaded: 70_000 });

    for (const piece of storage.gone(key)) given.pieceGone(piece);
    await clock.run(1_000);
    expect(given.status()).toMatchObject({ phase: 'seeding', haveBytes: 0 });
    // What the giver lost and the taker has isn't asked back.
    expect(given.status().fromPeers).toBe(0);

    come('made/a/b.deb');
    come('made/c/c.deb');
    await clock.run(5_000);
    expect(taken.status()).toMatchObject({ phase: 'seeding', haveBytes: 103_001 });
    for (const swarms of [giver, taker]) await swarms[Symbol.asyncDispose]();
    await clock.run(1_000);
    expect(network.openEnds).toBe(0);
    expect(clock.pending).toBe(0);
  });
});

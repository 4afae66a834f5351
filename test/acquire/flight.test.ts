import { describe, expect, test } from 'bun:test';
import { NoRoomError, RefusedError, UnavailableError, WrongFileError } from '../../src/lib/errors.ts';
import { sha256Of } from '../../src/lib/sha256.ts';
import { MemoryStore } from '../../src/store/memory-store.ts';
import { poolFile, readAll } from '../fixtures/memory-node.ts';
import { errorOf, World } from '../fixtures/world.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

describe('a flight with the mirror only', () => {
  test.each([0, 1, 100, 512 * KIB, 512 * KIB + 1, 3 * MIB + 5])(
    'brings a file of %p bytes, once',
    async (size) => {
      await using world = new World();
      const a = world.node('10.0.0.1');
      const file = poolFile(size);
      a.offersAtMirror(file);
      expect(await world.until(a.fetch(file))).toEqual(file.bytes);
      expect(a.landed).toEqual([file.entry.key]);
      expect(a.mirror.requests).toHaveLength(size === 0 ? 0 : 1);
      expect(a.mirror.requests[0]?.range).toBeUndefined();
      expect(a.moved.fromMirror).toBe(size);
      expect(await world.until(a.fetch(file))).toEqual(file.bytes);
      expect(a.mirror.sentBytes).toBe(size);
    },
  );

  test('shows a large file while it comes, all but its last piece', async () => {
    await using world = new World();
    const a = world.node('10.0.0.1');
    a.mirror.bytesPerSecond = MIB;
    const file = poolFile(3 * MIB);
    a.offersAtMirror(file);
    using content = await world.until(a.open(file));
    expect(content.origin).toBe('flight');
    expect(content.available).toBeWithin(1, 200 * KIB);
    await world.clock.run(1_500);
    expect(content.available).toBeWithin(1 * MIB, 2 * MIB);
    expect(content.lastModifiedMs).toBe(Date.parse(a.mirror.lastModified as string));
    expect(await world.until(readAll(content))).toEqual(file.bytes);
  });

  test('the last piece waits for the whole', async () => {
    await using world = new World();
    const a = world.node('10.0.0.1');
    const file = poolFile(3 * MIB);
    const wrong = new Uint8Array(file.bytes);
    wrong[0] = ~(wrong[0] ?? 0);
    a.mirror.files.set(file.at.host + file.at.path, wrong);
    using content = await world.until(a.open(file));
    let most = 0;
    const watch = async () => {
      const { signal } = new AbortController();
      for (;;) most = await content.waitBeyond(most, signal);
    };
    const error = await world.until(errorOf(watch()));
    expect(error).toBeInstanceOf(WrongFileError);
    expect(error.message).toContain("the mirror's file does not match the index");
    expect(most).toBe(3 * MIB - 256 * KIB);
    expect(a.landed).toEqual([]);
    expect(a.store.stat(file.entry.key)).toBeUndefined();
    expect(a.swarms.banned()).toEqual([]);
  });

  test('wrong bytes of a small file: nothing is shown, the error is clear', async () => {
    await using world = new World();
    const a = world.node('10.0.0.1');
    const file = poolFile(1000);
    a.mirror.files.set(file.at.host + file.at.path, new Uint8Array(1000));
    const error = await world.until(errorOf(a.open(file)));
    expect(error).toBeInstanceOf(WrongFileError);
    expect(error.message).toContain('does not match the index');
  });

  test('a small file from a slow mirror: before apt loses patience what has come is shown, under its own date', async () => {
    await using world = new World();
    const a = world.node('10.0.0.1');
    a.mirror.bytesPerSecond = 5_000;
    a.mirror.chunkBytes = 1_000;
    const file = poolFile(200_000);
    a.offersAtMirror(file);
    const opening = a.open(file);
    await world.clock.run(7_000);
    expect(await Promise.race([opening, 'nothing'])).toBe('nothing');
    await world.clock.run(3_000);
    using content = await world.until(opening);
    expect(content.available).toBeWithin(40_000, 60_000);
    expect(content.etag).toBeUndefined();
    expect(content.lastModifiedMs).toBe(Date.parse(a.mirror.lastModified as string) - 1_000);
    expect(await world.until(readAll(content))).toEqual(file.bytes);
    expect(a.mirror.requests).toHaveLength(1);
    using whole = await world.until(a.open(file));
    expect(whole.lastModifiedMs).toBe(Date.parse(a.mirror.lastModified as string));
  });

  test('a small file from a quick mirror is shown only as a whole, under the mirror’s date', async () => {
    await using world = new World();
    const a = world.node('10.0.0.1');
    const file = poolFile(200_000);
    a.offersAtMirror(file);
    using content = await world.until(a.open(file));
    expect(content.available).toBe(200_000);
    expect(content.lastModifiedMs).toBe(Date.parse(a.mirror.lastModified as string));
  });

  test('wrong bytes of a small file from a slow mirror: its end is never shown', async () => {
    await using world = new World();
    const a = world.node('10.0.0.1');
    a.mirror.bytesPerSecond = 5_000;
    a.mirror.chunkBytes = 1_000;
    const file = poolFile(100_000);
    a.mirror.files.set(file.at.host + file.at.path, new Uint8Array(100_000));
    using content = await world.until(a.open(file));
    let most = 0;
    const watch = async () => {
      const { signal } = new AbortController();
      for (;;) most = await content.waitBeyond(most, signal);
    };
    expect(await world.until(errorOf(watch()))).toBeInstanceOf(WrongFileError);
    expect(most).toBe(99_000);
    expect(a.landed).toEqual([]);
  });

  test('a slow transfer of a small file that breaks off is begun anew, and shows nothing twice', async () => {
    await using world = new World();
    const a = world.node('10.0.0.1');
    a.mirror.bytesPerSecond = 5_000;
    a.mirror.chunkBytes = 1_000;
    a.mirror.cutAfterBytes = 60_000;
    a.mirror.ignoresRange = true;
    const file = poolFile(100_000);
    a.offersAtMirror(file);
    using content = await world.until(a.open(file));
    await world.clock.run(20_000);
    expect(content.available).toBe(60_000);
    a.mirror.cutAfterBytes = Number.POSITIVE_INFINITY;
    expect(await world.until(readAll(content))).toEqual(file.bytes);
  });

  test('404 of the mirror is what the reader gets', async () => {
    await using world = new World();
    const a = world.node('10.0.0.1');
    const error = await world.until(errorOf(a.open(poolFile(1000))));
    expect(error).toBeInstanceOf(RefusedError);
    expect((error as RefusedError).status).toBe(404);
  });

  test('a mirror that is down is told in seconds', async () => {
    await using world = new World();
    const a = world.node('10.0.0.1');
    a.mirror.dead = true;
    const before = world.clock.nowMs();
    expect(await world.until(errorOf(a.open(poolFile(MIB))))).toBeInstanceOf(UnavailableError);
    expect(world.clock.nowMs() - before).toBeLessThan(5_000);
  });

  test('a transfer that breaks off again and again is continued by Range; the reader notices nothing', async () => {
    await using world = new World();
    const a = world.node('10.0.0.1');
    const file = poolFile(2 * MIB);
    a.offersAtMirror(file);
    a.mirror.cutAfterBytes = 300_000;
    expect(await world.until(a.fetch(file))).toEqual(file.bytes);
    expect(a.mirror.requests.slice(1).every(({ range }) => (range?.from ?? 0) > 0)).toBe(true);
    expect(a.moved.fromMirror).toBe(2 * MIB);
  });

  test('ten readers share one flight; the mirror is asked once, and late ones get all of it', async () => {
    await using world = new World();
    const a = world.node('10.0.0.1');
    a.mirror.bytesPerSecond = MIB;
    const file = poolFile(3 * MIB);
    a.offersAtMirror(file);
    const readers: Promise<Uint8Array>[] = [];
    for (let i = 0; i < 10; i += 1) {
      readers.push(a.fetch(file));
      await world.clock.run(200);
    }
    for (const bytes of await world.until(Promise.all(readers))) expect(bytes).toEqual(file.bytes);
    expect(a.mirror.requests).toHaveLength(1);
    expect(a.moved.fromMirror).toBe(3 * MIB);
  });

  test('a flight that nobody reads any more ends after a while, and not before', async () => {
    await using world = new World();
    const a = world.node('10.0.0.1');
    a.mirror.bytesPerSecond = 64 * KIB;
    const file = poolFile(4 * MIB);
    a.offersAtMirror(file);
    const content = await world.until(a.open(file));
    content[Symbol.dispose]();
    await world.clock.run(14_000);
    expect(a.acquirer.transfers()).toHaveLength(1);
    await world.clock.run(2_000);
    expect(a.acquirer.transfers()).toEqual([]);
    const sent = a.mirror.sentBytes;
    await world.clock.run(5_000);
    expect(a.mirror.sentBytes).toBe(sent);
  });

  test('a reader that comes back in time finds its flight where it was', async () => {
    await using world = new World();
    const a = world.node('10.0.0.1');
    a.mirror.bytesPerSecond = 512 * KIB;
    const file = poolFile(4 * MIB);
    a.offersAtMirror(file);
    (await world.until(a.open(file)))[Symbol.dispose]();
    await world.clock.run(4_000);
    expect(await world.until(a.fetch(file))).toEqual(file.bytes);
    expect(a.mirror.requests).toHaveLength(1);
  });

  test('a reader that gives up while it waits leaves nothing behind', async () => {
    await using world = new World();
    const a = world.node('10.0.0.1');
    a.mirror.latencyMs = 5_000;
    const file = poolFile(MIB);
    a.offersAtMirror(file);
    const abort = new AbortController();
    const opening = a.open(file, abort.signal);
    await world.clock.run(100);
    abort.abort(new Error('gone'));
    expect((await world.until(errorOf(opening))).message).toBe('gone');
  });

  test('a store that has no room still serves a verified file', async () => {
    await using world = new World();
    const store = new MemoryStore({ clock: world.clock });
    store.createPartial = () => {
      throw new Error('no space left on device');
    };
    const a = world.node('10.0.0.1', { store });
    for (const size of [1000, 3 * MIB]) {
      const file = poolFile(size, size);
      a.offersAtMirror(file);
      expect(await world.until(a.fetch(file))).toEqual(file.bytes);
      expect(store.stat(file.entry.key)).toBeUndefined();
    }
  });

  test('a disk that fills up on the way still serves a verified file', async () => {
    await using world = new World();
    const store = new MemoryStore({ clock: world.clock });
    const { createPartial } = store;
    store.createPartial = (...args) => {
      const partial = createPartial.apply(store, args);
      const { write } = partial;
      partial.write = (offset, bytes) => {
        if (offset > MIB) throw new Error('no space left on device');
        write.call(partial, offset, bytes);
      };
      return partial;
    };
    const a = world.node('10.0.0.1', { store });
    const file = poolFile(3 * MIB);
    a.offersAtMirror(file);
    expect(await world.until(a.fetch(file))).toEqual(file.bytes);
  });

  test('a file too large for memory that the disk does not take on the way: who reads is told, who asks next hears at once, for a while', async () => {
    await using world = new World();
    const store = new MemoryStore({ clock: world.clock });
    const { createPartial } = store;
    let isFull = true;
    store.createPartial = (...args) => {
      const partial = createPartial.apply(store, args);
      const { write } = partial;
      partial.write = (offset, bytes) => {
        if (isFull && offset > MIB) throw new Error('no space left on device');
        write.call(partial, offset, bytes);
      };
      return partial;
    };
    const a = world.node('10.0.0.1', { store });
    const bytes = new Uint8Array(65 * MIB);
    const at = {
      scheme: 'http',
      host: 'ftp.de.debian.org',
      path: '/debian/pool/main/f/file/file_1.deb',
    } as const;
    const file = { bytes, at, entry: { key: sha256Of(bytes), sizeBytes: bytes.length, swarms: [] } };
    a.offersAtMirror(file);
    expect(await world.until(errorOf(a.fetch(file)))).toBeInstanceOf(NoRoomError);
    const before = a.mirror.requests.length;
    expect(await world.until(errorOf(a.fetch(file)))).toBeInstanceOf(NoRoomError);
    expect(a.mirror.requests).toHaveLength(before);
    isFull = false;
    await world.clock.run(10 * 60_000);
    using content = await world.until(a.open(file));
    expect(content.sizeBytes).toBe(bytes.length);
  });

  test('keeps to the download limit', async () => {
    await using world = new World();
    const a = world.node('10.0.0.1', { downloadLimit: 256 * KIB });
    const file = poolFile(2 * MIB);
    a.offersAtMirror(file);
    const before = world.clock.nowMs();
    expect(await world.until(a.fetch(file))).toEqual(file.bytes);
    expect(world.clock.nowMs() - before).toBeWithin(7_000, 9_000);
  });
});

describe('a flight with peers', () => {
  test.each([100, 512 * KIB, 512 * KIB + 1, 5 * MIB + 17])(
    'brings %p bytes from a peer, the mirror being dead',
    async (size) => {
      await using world = new World();
      const [a, b] = [world.node('10.0.0.1', { latencyMs: 1 }), world.node('10.0.0.2', { latencyMs: 1 })];
      const file = poolFile(size);
      a.keep(file);
      b.mirror.dead = true;
      b.meet(a);
      await world.clock.run(100);
      expect(await world.until(b.fetch(file))).toEqual(file.bytes);
      expect(b.moved).toEqual({ up: 0, down: size, lan: size, fromMirror: 0 });
      expect(a.moved.up).toBe(size);
      expect(b.mirror.requests).toEqual([]);
      expect(b.store.stat(file.entry.key)?.swarms).toEqual(file.entry.swarms);
    },
  );

  test('a file that goes to the first asker before it is connected', async () => {
    await using world = new World();
    const [a, b] = [world.node('10.0.0.1', { latencyMs: 5 }), world.node('10.0.0.2', { latencyMs: 5 })];
    const file = poolFile(MIB);
    a.keep(file);
    b.offersAtMirror(file);
    b.meet(a);
    expect(await world.until(b.fetch(file))).toEqual(file.bytes);
    expect(b.moved.fromMirror).toBe(0);
  });

  test('asks nobody but the mirror, at once, when no peer has it', async () => {
    await using world = new World();
    const [a, b] = [world.node('10.0.0.1', { latencyMs: 2 }), world.node('10.0.0.2', { latencyMs: 2 })];
    const file = poolFile(MIB);
    b.offersAtMirror(file);
    b.meet(a);
    await world.clock.run(200);
    const before = world.clock.nowMs();
    expect(await world.until(b.fetch(file))).toEqual(file.bytes);
    expect((b.mirror.requests[0]?.atMs ?? 0) - before).toBeLessThan(20);
    expect(b.moved.down).toBe(0);
  });

  test('waits a moment, and no longer, for a peer that never answers', async () => {
    await using world = new World();
    const [a, b] = [world.node('10.0.0.1'), world.node('10.0.0.2')];
    b.meet(a);
    await world.clock.run(200);
    world.network.mute('10.0.0.1');
    for (let i = 0; i < 3; i += 1) {
      const file = poolFile(300 * KIB, i + 1);
      b.offersAtMirror(file);
      const before = world.clock.nowMs();
      expect(await world.until(b.fetch(file))).toEqual(file.bytes);
      expect((b.mirror.requests[i]?.atMs ?? 0) - before).toBeLessThan(300);
    }
  });

  test('two peers share the work', async () => {
    await using world = new World();
    const rate = { bytesPerSecond: 4 * MIB, latencyMs: 1 };
    const [a, b, c] = [
      world.node('10.0.0.1', rate),
      world.node('10.0.0.2', rate),
      world.node('10.0.0.3', rate),
    ];
    const file = poolFile(16 * MIB);
    a.keep(file);
    b.keep(file);
    c.mirror.dead = true;
    c.meet(a, b);
    await world.clock.run(200);
    const before = world.clock.nowMs();
    expect(await world.until(c.fetch(file))).toEqual(file.bytes);
    expect(world.clock.nowMs() - before).toBeLessThan(3_000);
    expect(a.moved.up).toBeWithin(5 * MIB, 11 * MIB);
    expect(a.moved.up + b.moved.up).toBeWithin(16 * MIB, 17 * MIB);
  });

  test('on a fast link pieces are planned for in bursts, and the link never runs dry', async () => {
    await using world = new World();
    const rate = { bytesPerSecond: 128 * MIB, latencyMs: 1 };
    const [a, b] = [world.node('10.0.0.1', rate), world.node('10.0.0.2', rate)];
    const file = poolFile(64 * MIB);
    a.keep(file);
    b.mirror.dead = true;
    b.meet(a);
    await world.clock.run(200);
    // Asked once a plan.
    let plans = 0;
    const { swarms } = b;
    const answersUntilMs = swarms.answersUntilMs.bind(swarms);
    swarms.answersUntilMs = (want) => {
      plans += 1;
      return answersUntilMs(want);
    };
    const before = world.clock.nowMs();
    using content = await world.until(b.open(file));
    while (b.landed.length === 0) await world.clock.run(5);
    expect(content.available).toBe(file.bytes.length);
    expect(world.clock.nowMs() - before).toBeLessThan(530);
    // Of 256 pieces; in the first quarter of a second the rate is not known.
    expect(plans).toBeLessThan(225);
  });

  test('the mirror rests while peers suffice', async () => {
    await using world = new World();
    const [a, b] = [world.node('10.0.0.1', { latencyMs: 1 }), world.node('10.0.0.2', { latencyMs: 1 })];
    const file = poolFile(8 * MIB);
    a.keep(file);
    b.offersAtMirror(file);
    b.meet(a);
    await world.clock.run(200);
    expect(await world.until(b.fetch(file))).toEqual(file.bytes);
    expect(b.mirror.requests).toEqual([]);
  });

  test('a peer that dies in the middle: the mirror goes on, the reader notices nothing', async () => {
    await using world = new World();
    const a = world.node('10.0.0.1', { bytesPerSecond: 4 * MIB, latencyMs: 1 });
    const b = world.node('10.0.0.2', { latencyMs: 1 });
    const file = poolFile(12 * MIB);
    a.keep(file);
    b.offersAtMirror(file);
    b.mirror.bytesPerSecond = 4 * MIB;
    b.meet(a);
    await world.clock.run(200);
    const fetching = b.fetch(file);
    await world.clock.run(1_200);
    world.network.switchOff('10.0.0.1');
    expect(await world.until(fetching)).toEqual(file.bytes);
    expect(b.moved.down).toBeGreaterThan(3 * MIB);
    expect(b.moved.fromMirror).toBeWithin(4 * MIB, 9 * MIB);
  });

  test('a peer that falls silent in the middle: the mirror goes on within seconds', async () => {
    await using world = new World();
    const a = world.node('10.0.0.1', { bytesPerSecond: 4 * MIB, latencyMs: 1 });
    const b = world.node('10.0.0.2', { latencyMs: 1 });
    const file = poolFile(12 * MIB);
    a.keep(file);
    b.offersAtMirror(file);
    b.mirror.bytesPerSecond = 4 * MIB;
    b.meet(a);
    await world.clock.run(200);
    const before = world.clock.nowMs();
    const fetching = b.fetch(file);
    await world.clock.run(1_000);
    world.network.mute('10.0.0.1');
    expect(await world.until(fetching)).toEqual(file.bytes);
    expect(world.clock.nowMs() - before).toBeLessThan(6_500);
  });

  test('a peer that falls silent: another that has it takes over, the mirror being dead', async () => {
    await using world = new World();
    const rate = { bytesPerSecond: 4 * MIB, latencyMs: 1 };
    const [a, b, c] = [
      world.node('10.0.0.1', rate),
      world.node('10.0.0.2', rate),
      world.node('10.0.0.3', rate),
    ];
    const file = poolFile(12 * MIB);
    a.keep(file);
    b.keep(file);
    c.mirror.dead = true;
    c.meet(a, b);
    await world.clock.run(200);
    const before = world.clock.nowMs();
    const fetching = c.fetch(file);
    await world.clock.run(500);
    world.network.mute('10.0.0.1');
    expect(await world.until(fetching)).toEqual(file.bytes);
    expect(world.clock.nowMs() - before).toBeLessThan(8_000);
  });

  test('peers that only pretend to have it cost seconds, not the file', async () => {
    await using world = new World();
    const peers = Array.from({ length: 4 }, (_, i) => world.node(`10.0.1.${i + 1}`, { latencyMs: 1 }));
    const b = world.node('10.0.0.2', { latencyMs: 1 });
    const file = poolFile(8 * MIB);
    for (const a of peers) a.keep(file);
    b.offersAtMirror(file);
    b.meet(...peers);
    await world.clock.run(200);
    const before = world.clock.nowMs();
    const fetching = b.fetch(file);
    await world.clock.run(20);
    for (const { host } of peers) world.network.mute(host);
    expect(await world.until(fetching)).toEqual(file.bytes);
    expect(world.clock.nowMs() - before).toBeLessThan(4_000);
  });

  test('a peer slower than the mirror helps, and does not hold it up', async () => {
    await using world = new World();
    const a = world.node('10.0.0.1', { bytesPerSecond: 300 * KIB, latencyMs: 1 });
    const b = world.node('10.0.0.2', { latencyMs: 1 });
    const file = poolFile(8 * MIB);
    a.keep(file);
    b.offersAtMirror(file);
    b.mirror.bytesPerSecond = 4 * MIB;
    b.meet(a);
    await world.clock.run(200);
    const before = world.clock.nowMs();
    expect(await world.until(b.fetch(file))).toEqual(file.bytes);
    expect(world.clock.nowMs() - before).toBeLessThan(3_500);
    expect(b.mirror.requests.length).toBeLessThan(5);
  });

  test('the same for a small file', async () => {
    await using world = new World();
    const a = world.node('10.0.0.1', { bytesPerSecond: 50 * KIB, latencyMs: 1 });
    const b = world.node('10.0.0.2', { latencyMs: 1 });
    const file = poolFile(400 * KIB);
    a.keep(file);
    b.offersAtMirror(file);
    b.meet(a);
    await world.clock.run(200);
    const before = world.clock.nowMs();
    expect(await world.until(b.fetch(file))).toEqual(file.bytes);
    expect(world.clock.nowMs() - before).toBeLessThan(1_500);
    expect(b.mirror.requests.length).toBeLessThan(3);
  });

  test('ten files asked for in order come in order, and none waits for the mirror', async () => {
    await using world = new World();
    const a = world.node('10.0.0.1', { bytesPerSecond: 20 * MIB, latencyMs: 1 });
    const b = world.node('10.0.0.2', { latencyMs: 1 });
    const files = Array.from({ length: 10 }, (_, i) => poolFile(400 * KIB, i + 1));
    for (const file of files) {
      a.keep(file);
      b.offersAtMirror(file);
    }
    b.meet(a);
    await world.clock.run(200);
    const before = world.clock.nowMs();
    const done: number[] = [];
    await world.until(Promise.all(files.map((file, i) => b.fetch(file).then(() => done.push(i)))));
    expect(done).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(b.mirror.requests).toEqual([]);
    expect(world.clock.nowMs() - before).toBeLessThan(350);
  });

  test('a small file does not wait for the end of a large one from the same peer', async () => {
    await using world = new World();
    const a = world.node('10.0.0.1', { bytesPerSecond: 8 * MIB, latencyMs: 1 });
    const b = world.node('10.0.0.2', { latencyMs: 1 });
    const [large, small] = [poolFile(40 * MIB, 1), poolFile(100 * KIB, 2)];
    a.keep(large);
    a.keep(small);
    b.mirror.dead = true;
    b.meet(a);
    await world.clock.run(200);
    const fetching = b.fetch(large);
    await world.clock.run(1_000);
    const before = world.clock.nowMs();
    expect(await world.until(b.fetch(small))).toEqual(small.bytes);
    expect(world.clock.nowMs() - before).toBeLessThan(1_000);
    expect(await world.until(fetching)).toEqual(large.bytes);
  });

  test('a third node gets pieces from the second while that one is still downloading', async () => {
    await using world = new World();
    const a = world.node('10.0.0.1', { bytesPerSecond: MIB, latencyMs: 1 });
    const b = world.node('10.0.0.2', { latencyMs: 1 });
    const c = world.node('10.0.0.3', { latencyMs: 1 });
    const file = poolFile(6 * MIB);
    a.keep(file);
    b.mirror.dead = true;
    c.mirror.dead = true;
    b.meet(a);
    await world.clock.run(200);
    // First and third hear of each other from the second, and don't reach each other.
    for (const { host } of [a, c]) world.network.deaf.add(host);
    c.meet(b);
    await world.clock.run(200);
    const first = b.fetch(file);
    await world.clock.run(1_000);
    const second = c.fetch(file);
    await world.clock.run(2_000);
    expect(b.store.stat(file.entry.key)).toBeUndefined();
    expect(c.moved.down).toBeGreaterThan(MIB);
    expect(await world.until(second)).toEqual(file.bytes);
    expect(await world.until(first)).toEqual(file.bytes);
    expect(c.swarms.peers().map(({ address }) => address)).toEqual(['10.0.0.2']);
    expect(a.moved.up).toBe(6 * MIB);
  });

  test('a file that is evicted while it is given: the rest comes from the mirror', async () => {
    await using world = new World();
    const a = world.node('10.0.0.1', { bytesPerSecond: 2 * MIB, latencyMs: 1 });
    const b = world.node('10.0.0.2', { latencyMs: 1 });
    const file = poolFile(8 * MIB);
    a.keep(file);
    b.offersAtMirror(file);
    b.mirror.bytesPerSecond = 2 * MIB;
    b.meet(a);
    await world.clock.run(200);
    const fetching = b.fetch(file);
    await world.clock.run(1_000);
    a.store.remove(file.entry.key);
    expect(await world.until(fetching)).toEqual(file.bytes);
    expect(b.swarms.peers()).toHaveLength(1);
    expect(b.swarms.banned()).toEqual([]);
  });

  test('a file that comes back to a peer that had evicted it can be had there again', async () => {
    await using world = new World();
    const a = world.node('10.0.0.1', { bytesPerSecond: 2 * MIB, latencyMs: 1 });
    const b = world.node('10.0.0.2', { latencyMs: 1 });
    const file = poolFile(8 * MIB);
    a.keep(file);
    a.offersAtMirror(file);
    b.mirror.dead = true;
    b.meet(a);
    await world.clock.run(200);
    const fetching = b.fetch(file);
    await world.clock.run(1_000);
    a.store.remove(file.entry.key);
    await world.clock.run(1_000);
    await world.until(a.fetch(file));
    expect(await world.until(fetching)).toEqual(file.bytes);
    expect(b.swarms.peers()).toHaveLength(1);
  });

  test('a private file is neither looked for nor given', async () => {
    await using world = new World();
    const [a, b] = [world.node('10.0.0.1'), world.node('10.0.0.2')];
    const file = poolFile(MIB, 1, []);
    a.keep(file);
    b.offersAtMirror(file);
    b.meet(a);
    await world.clock.run(200);
    const sent = a.swarms.peers()[0]?.link as unknown as { sentBytes: number };
    const before = sent.sentBytes;
    expect(await world.until(b.fetch(file))).toEqual(file.bytes);
    expect(b.moved.down).toBe(0);
    expect(sent.sentBytes).toBe(before);
    const shared = { ...file, entry: { ...file.entry, swarms: poolFile(1).entry.swarms } };
    const c = world.node('10.0.0.3');
    c.mirror.dead = true;
    c.meet(a);
    await world.clock.run(200);
    expect(await world.until(errorOf(c.open(shared)))).toBeInstanceOf(UnavailableError);
  });

  test('keeps to limits of upload and download', async () => {
    await using world = new World();
    const a = world.node('10.0.0.1', { uploadLimit: MIB, latencyMs: 1 });
    const b = world.node('10.0.0.2', { latencyMs: 1 });
    const c = world.node('10.0.0.3', { latencyMs: 1, downloadLimit: MIB });
    const file = poolFile(4 * MIB);
    a.keep(file);
    b.mirror.dead = true;
    c.mirror.dead = true;
    b.meet(a);
    c.meet(b);
    await world.clock.run(200);
    for (const node of [b, c]) {
      const before = world.clock.nowMs();
      expect(await world.until(node.fetch(file))).toEqual(file.bytes);
      expect(world.clock.nowMs() - before).toBeWithin(3_000, 5_000);
    }
  });

  test('carries another date than the mirror’s while a peer’s word stands for it, the mirror’s afterwards', async () => {
    await using world = new World();
    const a = world.node('10.0.0.1', { bytesPerSecond: 4 * MIB, latencyMs: 1 });
    const b = world.node('10.0.0.2', { latencyMs: 1 });
    const file = poolFile(4 * MIB);
    a.keep(file);
    b.offersAtMirror(file);
    b.meet(a);
    await world.clock.run(200);
    using content = await world.until(b.open(file));
    expect(content.etag).toBeUndefined();
    expect(content.lastModifiedMs % 1000).toBe(0);
    await world.until(readAll(content));
    using again = await world.until(b.open(file));
    expect(again.etag).toBe(`"${file.entry.key}"`);
    expect(content.lastModifiedMs).not.toBe(again.lastModifiedMs);
  });
});

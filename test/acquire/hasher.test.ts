import { afterEach, describe, expect, test } from 'bun:test';
import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { HashOrder } from '../../src/acquire/hash-worker.ts';
import { Hasher } from '../../src/acquire/hasher.ts';
import { sha256Of } from '../../src/lib/sha256.ts';
import { LayerBuilder } from '../../src/torrent/layer-builder.ts';
import { Pieces } from '../../src/torrent/pieces.ts';
import { poolFile } from '../fixtures/memory-node.ts';
import { type TempDir, tempDir } from '../fixtures/temp-dir.ts';
import { errorOf } from '../fixtures/world.ts';

const MIB = 1024 * 1024;
const SIZE = 9 * MIB + 77;
const { bytes: BYTES } = poolFile(SIZE);
const KEY = sha256Of(BYTES);

const dirs: TempDir[] = [];
const fds: number[] = [];
afterEach(() => {
  for (const fd of fds.splice(0)) closeSync(fd);
  for (const dir of dirs.splice(0)) dir[Symbol.dispose]();
});

function file(content: Uint8Array = new Uint8Array(0)): number {
  const dir = tempDir('hasher');
  dirs.push(dir);
  const fd = openSync(join(dir.path, 'file'), 'w+');
  fds.push(fd);
  if (content.length > 0) writeSync(fd, content, 0, content.length, 0);
  return fd;
}

describe('Hasher', () => {
  test('the whole SHA-256 of a file that grows, told of at any step', async () => {
    await using hasher = new Hasher();
    for (const step of [100_000, 3 * MIB, SIZE]) {
      const fd = file();
      const whole = hasher.whole(fd);
      for (let at = 0; at < SIZE; at += step) {
        writeSync(fd, BYTES, at, Math.min(step, SIZE - at), at);
        whole.grow(Math.min(SIZE, at + step));
      }
      expect(await whole.finish(SIZE)).toBe(KEY);
    }
  });

  test('whole SHA-256 and piece layer of many files by one order, and nothing for one that is too short', async () => {
    await using hasher = new Hasher();
    const small = new TextEncoder().encode('small');
    const fds = [file(small), file(BYTES), file(new Uint8Array(0)), file(small)];
    const sizes = [small.length, SIZE, 0, 100];
    const found = await hasher.files(fds.map((fd, i) => ({ fd, sizeBytes: sizes[i] as number })));
    const builder = new LayerBuilder(new Pieces(SIZE));
    builder.update(BYTES);
    expect(found).toEqual([
      { key: sha256Of(small), layer: new Uint8Array(0) },
      { key: KEY, layer: builder.layer() },
      { key: sha256Of(new Uint8Array(0)), layer: new Uint8Array(0) },
      undefined,
    ]);
  });

  test('the thread is woken seldom: at first each MiB, then each eighth of what it knows of', async () => {
    const told: number[] = [];
    class Told extends Hasher {
      override order(order: HashOrder): void {
        if (order.op === 'grow') told.push(order.to);
      }
    }
    await using hasher = new Told();
    const whole = hasher.whole(0);
    for (let to = 0; to <= 1024 * MIB; to += MIB / 4) whole.grow(to);
    expect(told.slice(0, 3)).toEqual([MIB, 2 * MIB, 3 * MIB]);
    const steps = told.map((to, at) => to - (told[at - 1] ?? 0));
    expect(Math.max(...steps)).toBe(8 * MIB);
    expect(told.length).toBeLessThan(160);
  });

  test('finish() without grow(), and of an empty file', async () => {
    await using hasher = new Hasher();
    expect(await hasher.whole(file(BYTES)).finish(SIZE)).toBe(KEY);
    expect(await hasher.whole(file()).finish(0)).toBe(sha256Of(new Uint8Array(0)));
  });

  test('single pieces, in the order asked; zeros for one that is not there as a whole', async () => {
    await using hasher = new Hasher();
    const pieces = new Pieces(SIZE);
    const layer = await hasher.layer(file(BYTES), pieces);
    const cut = file(BYTES.subarray(0, pieces.offset(5) + 1));
    const hashes = await hasher.pieces(cut, pieces, [4, 0, 5, 36]);
    const hashAt = (index: number) => layer.slice(index * 32, index * 32 + 32);
    expect(hashes).toEqual(new Uint8Array([...hashAt(4), ...hashAt(0), ...new Uint8Array(64)]));
    expect(await hasher.pieces(file(BYTES), pieces, [36])).toEqual(hashAt(36));
    expect(await errorOf(hasher.pieces(-1, pieces, [0]))).toBeInstanceOf(Error);
  });

  test('many files at once', async () => {
    await using hasher = new Hasher();
    const files = Array.from({ length: 8 }, (_, i) => poolFile(700_000 + i, i + 1).bytes);
    const digests = await Promise.all(
      files.map((content) => hasher.whole(file(content)).finish(content.length)),
    );
    expect(digests).toEqual(files.map(sha256Of));
  });

  test('a layer is that of LayerBuilder', async () => {
    await using hasher = new Hasher();
    const pieces = new Pieces(SIZE);
    const builder = new LayerBuilder(pieces);
    builder.update(BYTES);
    expect(await hasher.layer(file(BYTES), pieces)).toEqual(builder.layer());
  });

  test('a file that is shorter than was said rejects, for both', async () => {
    await using hasher = new Hasher();
    const fd = file(BYTES.subarray(0, MIB));
    expect((await errorOf(hasher.whole(fd).finish(SIZE))).message).toContain('the file ends at');
    expect((await errorOf(hasher.layer(fd, new Pieces(SIZE)))).message).toContain('the file ends at');
  });

  test('one that failed before anybody waited for it rejects, too, and does not hang', async () => {
    await using hasher = new Hasher();
    const whole = hasher.whole(file(BYTES.subarray(0, MIB)));
    whole.grow(SIZE);
    // An answer to another order: by then the thread has tried to read.
    await hasher.layer(file(BYTES), new Pieces(SIZE));
    expect((await errorOf(whole.finish(SIZE))).message).toContain('could not hash file');
  });

  test('abandon() is answered when nothing is read any more; finish() that it overtakes rejects', async () => {
    await using hasher = new Hasher();
    const whole = hasher.whole(file(BYTES));
    const finishing = whole.finish(SIZE);
    const abandoned = whole.abandon();
    expect(await errorOf(finishing)).toBeInstanceOf(Error);
    await abandoned;
    await hasher.whole(file(BYTES)).abandon();
  });

  test('when it is stopped everybody who waits is told, and no thread is started again', async () => {
    const hasher = new Hasher();
    const whole = hasher.whole(file(BYTES));
    const finishing = whole.finish(SIZE);
    finishing.catch(() => {});
    const layer = hasher.layer(file(BYTES), new Pieces(SIZE));
    layer.catch(() => {});
    await hasher[Symbol.asyncDispose]();
    expect((await errorOf(finishing)).message).toContain('stopping');
    expect((await errorOf(layer)).message).toContain('stopping');
    expect((await errorOf(hasher.layer(0, new Pieces(SIZE)))).message).toContain('stopping');
    await whole.abandon();
    hasher.whole(0).grow(SIZE);
  });
});

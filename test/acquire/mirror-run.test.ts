import { describe, expect, test } from 'bun:test';
import { type MirrorRunOptions, runMirror } from '../../src/acquire/mirror-run.ts';
import { RefusedError, UnavailableError, WrongFileError } from '../../src/lib/errors.ts';
import { TokenBucket } from '../../src/lib/token-bucket.ts';
import { MemoryMirror } from '../fixtures/memory-mirror.ts';
import { poolFile } from '../fixtures/memory-node.ts';
import { VirtualClock } from '../fixtures/virtual-clock.ts';
import { errorOf } from '../fixtures/world.ts';

const SIZE = 1_000_000;
const FILE = poolFile(SIZE);

/** A mirror that has the file, and what a run of it gave. */
function scene(set: Partial<MemoryMirror> = {}) {
  const clock = new VirtualClock();
  const mirror = Object.assign(new MemoryMirror(clock), set);
  mirror.files.set(FILE.at.host + FILE.at.path, FILE.bytes);
  const got = new Uint8Array(SIZE);
  const given: [number, number][] = [];
  const dates: number[] = [];
  const run = (changes: Partial<MirrorRunOptions> = {}) =>
    runMirror({
      mirror,
      clock,
      at: FILE.at,
      sizeBytes: SIZE,
      from: 0,
      to: SIZE,
      bucket: new TokenBucket(0, clock.nowMs()),
      signal: new AbortController().signal,
      dated: (ms) => dates.push(ms),
      bytes: (offset, chunk) => {
        given.push([offset, offset + chunk.length]);
        got.set(chunk.subarray(0, SIZE - offset), offset);
        return true;
      },
      ...changes,
    });
  /** Bytes [from, to) came, each once and in order. */
  const cameInOrder = (from: number, to: number) => {
    let at = from;
    for (const [start, end] of given) {
      expect(start).toBe(at);
      at = end;
    }
    expect(at).toBeGreaterThanOrEqual(to);
    expect(got.slice(from, to)).toEqual(FILE.bytes.slice(from, to));
  };
  return { clock, mirror, run, given, dates, cameInOrder };
}

describe('runMirror()', () => {
  test('the whole file is one plain request, and its date is told before the first bytes', async () => {
    const { clock, mirror, run, dates, cameInOrder } = scene();
    await clock.until(run());
    cameInOrder(0, SIZE);
    expect(mirror.requests.map(({ range }) => range)).toEqual([undefined]);
    expect(dates).toEqual([Date.parse(mirror.lastModified as string)]);
  });

  test('a part is asked for by Range, to the end with an open one', async () => {
    const { clock, mirror, run, cameInOrder } = scene();
    await clock.until(run({ from: 300_000, to: 500_000 }));
    cameInOrder(300_000, 500_000);
    expect(mirror.requests[0]?.range).toEqual({ from: 300_000, to: 500_000 });
    const rest = scene();
    await rest.clock.until(rest.run({ from: 600_000 }));
    rest.cameInOrder(600_000, SIZE);
    expect(rest.mirror.requests[0]?.range).toEqual({ from: 600_000 });
  });

  test('what breaks off is continued at the byte reached', async () => {
    const { clock, mirror, run, cameInOrder } = scene({ cutAfterBytes: 150_000 });
    await clock.until(run());
    cameInOrder(0, SIZE);
    expect(mirror.requests.map(({ range }) => range?.from ?? 0)).toEqual([
      0, 150_000, 300_000, 450_000, 600_000, 750_000, 900_000,
    ]);
  });

  test('a mirror that knows no Range sends all of it again: what is here already is passed over', async () => {
    const { clock, mirror, run, cameInOrder } = scene({ ignoresRange: true });
    mirror.cutAfterBytes = 400_000;
    const running = run();
    await clock.run(90);
    mirror.cutAfterBytes = Number.POSITIVE_INFINITY;
    await clock.until(running);
    cameInOrder(0, SIZE);
    const part = scene({ ignoresRange: true });
    await part.clock.until(part.run({ from: 700_001, to: 800_000 }));
    part.cameInOrder(700_001, 800_000);
  });

  test('gives up after three breaks without a byte in between', async () => {
    const { clock, mirror, run } = scene({ cutAfterBytes: 0 });
    const error = await clock.until(errorOf(run()));
    expect(error).toBeInstanceOf(UnavailableError);
    expect(mirror.requests).toHaveLength(3);
    const dead = scene({ dead: true });
    expect(await dead.clock.until(errorOf(dead.run()))).toBeInstanceOf(UnavailableError);
    expect(dead.mirror.requests).toHaveLength(3);
  });

  test.each([404, 403, 410])('%p is the answer, and is not asked for twice', async (status) => {
    const { clock, mirror, run, given } = scene({ status });
    const error = await clock.until(errorOf(run()));
    expect(error).toBeInstanceOf(RefusedError);
    expect((error as RefusedError).status).toBe(status);
    expect(mirror.requests).toHaveLength(1);
    expect(given).toEqual([]);
  });

  test.each([500, 503, 429, 408, 304, 204])('%p is tried again, and is no answer', async (status) => {
    const { clock, mirror, run, given } = scene({ status });
    const error = await clock.until(errorOf(run()));
    expect(error).toBeInstanceOf(UnavailableError);
    expect(error.message).toContain(String(status));
    expect(mirror.requests).toHaveLength(3);
    expect(given).toEqual([]);
  });

  test.each([
    ['a whole file', 0, SIZE],
    ['a part', 100, 200_000],
  ])(
    'another length than the index says (%s) is told in words, and not a byte of it is taken',
    async (_what, from, to) => {
      const { clock, mirror, run, given } = scene({ saysLength: 999 });
      const error = await clock.until(errorOf(run({ from, to })));
      expect(error).toBeInstanceOf(WrongFileError);
      expect(mirror.requests).toHaveLength(1);
      expect(error.message).toContain('the mirror has 999 bytes, the index says 1000000');
      expect(given).toEqual([]);
    },
  );

  test('more bytes than the index says are an error', async () => {
    const { clock, run } = scene({ surplusBytes: 5, chunkBytes: SIZE + 5, saysLength: SIZE });
    expect((await clock.until(errorOf(run()))).message).toContain('more bytes than the index says');
  });

  test('the answer to another Range than was asked for is not taken', async () => {
    const { clock, mirror, run, given } = scene();
    const { request } = mirror;
    mirror.request = async (asked) => {
      const answer = await request.call(mirror, asked);
      answer.headers.set('content-range', `bytes 0-99/${SIZE}`);
      return answer;
    };
    expect((await clock.until(errorOf(run({ from: 500, to: 600 })))).message).toContain('another range');
    expect(given).toEqual([]);
  });

  test('stops where the receiver has had enough, and asks for no more', async () => {
    const { clock, mirror, run } = scene();
    let calls = 0;
    await clock.until(
      run({
        bytes: () => {
          calls += 1;
          return calls < 3;
        },
      }),
    );
    expect(calls).toBe(3);
    expect(mirror.sentBytes).toBeLessThan(4 * 65_536);
    expect(clock.pending).toBe(0);
  });

  test('an abort ends it at once with its reason, in every state', async () => {
    for (const afterMs of [1, 25, 60]) {
      const { clock, mirror, run } = scene({ cutAfterBytes: 100_000 });
      const abort = new AbortController();
      const running = errorOf(run({ signal: abort.signal }));
      await clock.run(afterMs);
      abort.abort(new Error('enough'));
      expect((await clock.until(running)).message).toBe('enough');
      const asked = mirror.requests.length;
      await clock.run(5_000);
      expect(mirror.requests).toHaveLength(asked);
    }
  });

  test('keeps to the limit', async () => {
    const { clock, run } = scene();
    const before = clock.nowMs();
    await clock.until(run({ bucket: new TokenBucket(200_000, before) }));
    expect(clock.nowMs() - before).toBeWithin(4_400, 5_500);
  });

  test('a date that is none is left out', async () => {
    const { clock, run, dates } = scene({ lastModified: 'yesterday' });
    await clock.until(run());
    expect(dates).toEqual([]);
  });
});

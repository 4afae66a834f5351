import { describe, expect, test } from 'bun:test';
import { TokenBucket } from '../../src/lib/token-bucket.ts';
import { HOLD_MS } from '../../src/swarm/held-back.ts';
import { UploadPool } from '../../src/swarm/upload-pool.ts';
import { VirtualClock } from '../fixtures/virtual-clock.ts';
import { FakeTaker, PIECE, servableOf } from './upload-takers.ts';

const BLOCK = PIECE / 4;
const FILE = servableOf('file', 100);

function scene(bytesPerSecond: number, spent = bytesPerSecond > 0) {
  const clock = new VirtualClock();
  const bucket = new TokenBucket(bytesPerSecond, clock.nowMs());
  if (spent) bucket.take(bucket.capacityBytes, clock.nowMs());
  const pool = new UploadPool<FakeTaker>(clock, bucket);
  const order: string[] = [];
  const join = (name: string, more: ConstructorParameters<typeof FakeTaker>[1] = {}) => {
    const taker = new FakeTaker(name, more);
    taker.give(FILE);
    taker.onSent = ({ number }) => order.push(`${name}${number}`);
    taker.onChoked = () => pool.cancelled(taker);
    pool.join(taker);
    return taker;
  };
  /** Asks for whole pieces, in four blocks each. What is rejected at once is told as such. */
  const ask = (taker: FakeTaker, ...pieces: readonly number[]) => {
    const given = taker.numbers.of(0);
    if (!given) throw new Error('nothing was given');
    for (const index of pieces) {
      for (let begin = 0; begin < PIECE; begin += BLOCK) {
        const block = { index, begin, length: BLOCK };
        if (pool.request(taker, block, given)) pool.pump();
        else taker.reject([block]);
      }
    }
  };
  return { clock, bucket, pool, join, ask, order };
}

const four = (word: string) => Array<string>(4).fill(word);

describe('UploadPool without a limit', () => {
  test('sends at once what is asked for, to everyone, whoever had it before', async () => {
    const { join, ask, clock } = scene(0);
    const [a, b] = [join('a'), join('b')];
    ask(a, 1, 2);
    ask(b, 1, 2);
    await clock.run(0);
    expect(a.sentPieces).toEqual([1, 1, 1, 1, 2, 2, 2, 2]);
    expect(b.sentPieces).toEqual([1, 1, 1, 1, 2, 2, 2, 2]);
    expect([...a.words, ...b.words]).toEqual([]);
  });

  test('waits for a full socket, and for nobody else', async () => {
    const { join, ask, pool } = scene(0);
    const [a, b] = [join('a'), join('b')];
    a.isWritable = false;
    ask(a, 1);
    ask(b, 1);
    expect(a.sentPieces).toEqual([]);
    expect(b.sentPieces).toEqual([1, 1, 1, 1]);
    a.isWritable = true;
    pool.pump();
    expect(a.sentPieces).toEqual([1, 1, 1, 1]);
  });

  test('pieces go out whole, peers in turn', () => {
    const { join, ask, pool, order } = scene(0);
    const [a, b] = [join('a'), join('b')];
    a.isWritable = false;
    b.isWritable = false;
    ask(a, 1, 2);
    ask(b, 3, 4);
    a.isWritable = true;
    b.isWritable = true;
    pool.pump();
    expect(order).toEqual([...four('a1'), ...four('b3'), ...four('a2'), ...four('b4')]);
  });

  test('the event loop has its turn after 2 MiB', async () => {
    const { join, ask, pool, clock } = scene(0);
    const a = join('a');
    a.isWritable = false;
    ask(a, ...Array.from({ length: 40 }, (_, i) => i));
    a.isWritable = true;
    pool.pump();
    expect(a.sentPieces).toHaveLength(32);
    await clock.run(1);
    expect(a.sentPieces).toHaveLength(160);
  });

  test('more than 1,024 that wait are rejected by whole pieces, and may be asked for again a second later', async () => {
    const { join, ask, clock, pool } = scene(0);
    const big = servableOf('big', 1_000);
    const a = join('a');
    a.numbers.takeBack(a.numbers.of(0) as never);
    const given = a.give(big, 0);
    a.isWritable = false;
    ask(a, ...Array.from({ length: 257 }, (_, i) => given.first + i));
    expect(a.words).toEqual(four(`reject ${given.first + 256}`));
    a.isWritable = true;
    pool.pump();
    await clock.run(HOLD_MS + 10);
    expect(a.words.at(-1)).toBe(`have ${given.first + 256}`);
  });
});

describe('UploadPool with a limit', () => {
  test('keeps to it, all peers together', async () => {
    const { join, ask, clock } = scene(4 * PIECE);
    const takers = ['a', 'b', 'c', 'd'].map((name) => join(name));
    takers.forEach((taker, i) => {
      ask(taker, ...Array.from({ length: 20 }, (_, k) => 20 * i + k));
    });
    await clock.run(10_000);
    const sent = takers.map(({ sentPieces }) => sentPieces.length);
    // Ten seconds at 16 blocks a second, less what the bucket owed at first.
    expect(sent.reduce((a, b) => a + b)).toBeWithin(150, 165);
    for (const blocks of sent) expect(blocks).toBeWithin(36, 45);
  });

  test('rateChanged(): what waits goes out at the new rate, and as many have slots as it can serve', async () => {
    const { join, ask, clock, bucket, pool } = scene(PIECE / 4);
    const a = join('a');
    ask(a, ...Array.from({ length: 40 }, (_, i) => i));
    await clock.run(1_000);
    expect(a.sentPieces.length).toBeLessThan(4);
    bucket.setRate(0, clock.nowMs());
    pool.rateChanged();
    await clock.run(10);
    expect(a.sentPieces).toHaveLength(160);
    pool.stop();
  });

  test('a piece goes to one; those that wait for it are told at once, and once more when they may ask again', async () => {
    const { join, ask, clock } = scene(2 * PIECE);
    const [a, b] = [join('a'), join('b')];
    ask(a, 1, 2, 3, 4, 5, 6, 7, 8);
    ask(b, 1);
    await clock.run(900);
    expect(a.sentPieces.slice(0, 4)).toEqual([1, 1, 1, 1]);
    expect(b.words).toEqual(four('reject 1'));
    await clock.run(1_300);
    expect(b.words).toEqual([...four('reject 1'), 'have 1']);
    ask(b, 1);
    await clock.run(3_500);
    expect(b.sentPieces).toEqual([1, 1, 1, 1]);
  });

  test('one that comes a moment later is told at once, too', async () => {
    const { join, ask, clock } = scene(2 * PIECE);
    const [a, b] = [join('a'), join('b')];
    ask(a, 1, 2, 3, 4);
    await clock.run(700);
    ask(b, 1, 9);
    expect(b.words).toEqual(four('reject 1'));
    await clock.run(700);
    expect(b.sentPieces).toContain(9);
  });

  test('but not when the piece was given long ago, or to one that is gone', async () => {
    const { join, ask, clock, pool } = scene(2 * PIECE);
    const [a, b, c] = [join('a'), join('b'), join('c')];
    ask(a, 1);
    await clock.run(3_000);
    // Keeps the bucket empty.
    ask(c, 20, 21, 22, 23, 24, 25, 26, 27);
    await clock.run(200);
    ask(b, 1);
    expect(b.words).toEqual([]);
    ask(a, 30);
    await clock.run(4_000);
    expect(b.sentPieces).toEqual([1, 1, 1, 1]);
    ask(c, 40, 41, 42, 43);
    a.isGone = true;
    pool.leave(a);
    ask(b, 30);
    expect(b.words).toEqual([]);
  });

  test('with rate to spare nobody is sent away', async () => {
    const { join, ask, clock } = scene(40 * PIECE, false);
    const [a, b] = [join('a'), join('b')];
    ask(a, 1);
    ask(b, 1);
    await clock.run(1);
    expect(b.sentPieces).toEqual([1, 1, 1, 1]);
  });

  test('and who was is called back as soon as there is', async () => {
    const { join, ask, clock } = scene(8 * PIECE);
    const [a, b] = [join('a'), join('b')];
    ask(a, 1);
    ask(b, 1);
    await clock.run(150);
    expect(b.words).toEqual(four('reject 1'));
    await clock.run(500);
    expect(b.words.at(-1)).toBe('have 1');
  });

  test('a near peer is not sent to strangers', async () => {
    const { join, ask, clock } = scene(2 * PIECE);
    const [far, near] = [join('far'), join('near', { isNear: true })];
    ask(far, 1, 2);
    await clock.run(200);
    ask(near, 1);
    expect(near.words).toEqual([]);
    await clock.run(1_500);
    expect(near.sentPieces).toEqual([1, 1, 1, 1]);
  });

  test('eight that want the same hundred pieces get them all between them before anyone gets a copy', async () => {
    const { join, clock, pool } = scene(10 * PIECE);
    const takers = Array.from({ length: 8 }, (_, i) => join(`${i}`));
    const had = new Set<number>();
    let copies = 0;
    /** Asks for the next ones that nobody has, as a peer would that hears what others got. */
    const askOn = (taker: FakeTaker) => {
      const given = taker.numbers.of(0);
      for (let index = 0; index < 100 && taker.queue.length < 4; index += 1) {
        if (had.has(index) || taker.held.has(index) || taker.queue.get(index) || !given) continue;
        const block = { index, begin: 0, length: PIECE };
        if (pool.request(taker, block, given)) pool.pump();
      }
    };
    for (const taker of takers) {
      taker.onSent = ({ number }) => {
        if (had.has(number)) copies += 1;
        had.add(number);
      };
    }
    for (let step = 0; step < 60; step += 1) {
      for (const taker of takers) askOn(taker);
      await clock.run(200);
    }
    expect(had.size).toBe(100);
    expect(copies).toBe(0);
  });

  test('who is too much is choked and has its turn: of 30 at 4 slots all are sent something', async () => {
    const { join, ask, clock } = scene(4 * PIECE);
    const takers = Array.from({ length: 30 }, (_, i) => join(`${i}`));
    for (let step = 0; step < 400; step += 1) {
      takers.forEach((taker, i) => {
        if (!taker.isChoked && taker.queue.length === 0) ask(taker, 3 * i + (step % 3));
      });
      await clock.run(250);
    }
    for (const taker of takers) expect(taker.sentPieces.length).toBeGreaterThan(3);
    expect(takers.filter(({ told }) => told.includes('choke')).length).toBeGreaterThan(20);
  });

  test('leaves no timer when it stops', async () => {
    const { join, ask, pool, clock } = scene(PIECE);
    const [a, b] = [join('a'), join('b')];
    ask(a, 1, 2, 3);
    ask(b, 1, 2, 3);
    await clock.run(300);
    pool.stop();
    const before = a.told.length + b.told.length;
    await clock.run(10_000);
    expect(a.told.length + b.told.length).toBe(before);
  });
});

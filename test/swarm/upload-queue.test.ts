import { describe, expect, test } from 'bun:test';
import { REQUEST_QUEUE, UploadQueue } from '../../src/swarm/upload-queue.ts';
import type { BlockRef } from '../../src/wire/message.ts';
import { seeded } from '../wire/samples.ts';
import { FakeTaker, PIECE, servableOf } from './upload-takers.ts';

const BLOCK = 16 * 1024;

function scene() {
  const given = new FakeTaker('a').give(servableOf('file', 40));
  const other = { ...given, want: 1, first: 40 };
  const queue = new UploadQueue();
  const block = (index: number, at = 0, length = BLOCK): BlockRef => ({ index, begin: at * BLOCK, length });
  const add = (index: number, at = 0, length = BLOCK) =>
    queue.add(block(index, at, length), index < 40 ? given : other, 0);
  const numbers = () => [...queue.pieces()].map(({ number }) => number);
  return { given, other, queue, block, add, numbers };
}

describe('UploadQueue', () => {
  test('keeps pieces in the order of asking, and the blocks of each in theirs', () => {
    const { queue, add, numbers } = scene();
    add(7);
    add(3);
    add(7, 1);
    expect(numbers()).toEqual([7, 3]);
    expect(queue.length).toBe(3);
    const seven = queue.get(7);
    if (!seven) throw new Error('nothing waits');
    expect(queue.take(seven)?.begin).toBe(0);
    expect(queue.take(seven)?.begin).toBe(BLOCK);
    expect(queue.take(seven)).toBeUndefined();
    expect(numbers()).toEqual([3]);
  });

  test('a piece that was begun stays the current one until its last byte, also while no block of it waits', () => {
    const { queue, add, numbers } = scene();
    add(2, 0, PIECE / 2);
    const request = queue.get(2);
    if (!request) throw new Error('nothing waits');
    queue.begin(request);
    queue.take(request);
    expect(numbers()).toEqual([]);
    expect(queue.current).toBe(request);
    add(2, 8, PIECE / 2);
    expect(queue.get(2)).toBe(request);
    queue.take(request);
    expect(queue.current).toBeUndefined();
    expect(queue.length).toBe(0);
  });

  test('cancel() takes out that block and no other', () => {
    const { queue, add, block, numbers } = scene();
    add(1);
    add(1, 1);
    expect(queue.cancel(block(1, 2))).toBe(false);
    expect(queue.cancel(block(1, 0, BLOCK - 1))).toBe(false);
    expect(queue.cancel(block(9))).toBe(false);
    expect(queue.cancel(block(1))).toBe(true);
    expect(queue.cancel(block(1))).toBe(false);
    expect(queue.length).toBe(1);
    expect(queue.cancel(block(1, 1))).toBe(true);
    expect(numbers()).toEqual([]);
  });

  test('what was sent can no longer be cancelled', () => {
    const { queue, add, block } = scene();
    add(1);
    add(1, 1);
    const request = queue.get(1);
    if (request) queue.take(request);
    expect(queue.cancel(block(1))).toBe(false);
    expect(queue.cancel(block(1, 1))).toBe(true);
  });

  test('dropFile() takes out all of one file, also what is under way', () => {
    const { queue, add, given, numbers } = scene();
    add(1);
    add(41);
    add(1, 1);
    add(5);
    const request = queue.get(1);
    if (!request) throw new Error('nothing waits');
    queue.begin(request);
    queue.take(request);
    expect(queue.dropFile(given).map(({ index }) => index)).toEqual([1, 5]);
    expect(queue.current).toBeUndefined();
    expect(numbers()).toEqual([41]);
    expect(queue.length).toBe(1);
  });

  test('is full at the number that the extended handshake says', () => {
    const { queue, add } = scene();
    for (let i = 0; i < REQUEST_QUEUE; i += 1) {
      expect(queue.isFull).toBe(false);
      add(i % 40, i % 16);
    }
    expect(queue.isFull).toBe(true);
    expect(queue.dropAll()).toHaveLength(REQUEST_QUEUE);
    expect(queue.length).toBe(0);
  });

  test('whatever happens to it, it counts what waits, and gives each block once (300 stories)', () => {
    for (let seed = 1; seed <= 300; seed += 1) {
      const pick = seeded(seed);
      const { queue, block, given, other } = scene();
      const waiting: BlockRef[] = [];
      const gone = (one: BlockRef) => {
        const at = waiting.indexOf(one);
        expect(at).toBeGreaterThanOrEqual(0);
        waiting.splice(at, 1);
      };
      for (let step = 0; step < 60; step += 1) {
        const requests = [...queue.pieces()];
        const request = requests[pick(requests.length)];
        switch (pick(8)) {
          case 0:
            if (request) queue.begin(request);
            break;
          case 1: {
            const taken = request && queue.take(request);
            if (taken) gone(taken);
            break;
          }
          case 2: {
            const one = waiting[pick(waiting.length)];
            if (!one) break;
            expect(queue.cancel(one)).toBe(true);
            const same = waiting.find(
              (b) => b.index === one.index && b.begin === one.begin && b.length === one.length,
            );
            if (same) gone(same);
            break;
          }
          case 3:
            if (pick(4) === 0 && request) for (const one of queue.drop(request)) gone(one);
            break;
          case 4:
            if (pick(8) === 0) for (const one of queue.dropFile(pick(2) === 0 ? given : other)) gone(one);
            break;
          default: {
            const one = block(pick(80), pick(16));
            waiting.push(one);
            queue.add(one, one.index < 40 ? given : other, step);
          }
        }
        expect(queue.length).toBe(waiting.length);
      }
      const left = queue.dropAll();
      expect(left).toHaveLength(waiting.length);
      for (const one of left) gone(one);
    }
  });
});

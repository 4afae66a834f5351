import { expect, test } from 'bun:test';
import { Slots } from '../../src/mirror/slots.ts';

const { signal } = new AbortController();
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

test('Slots.take() lets so many of a host run and the others wait in their order', async () => {
  const slots = new Slots({ perHost: 2, total: 10 });
  const order: string[] = [];
  const take = async (name: string) => {
    const release = await slots.take('a', signal);
    order.push(name);
    return release;
  };
  const [first, , third, fourth] = [take('1'), take('2'), take('3'), take('4')];
  await settled();
  expect(order).toEqual(['1', '2']);
  const release = await first;
  release();
  release();
  await third;
  expect(order).toEqual(['1', '2', '3']);
  (await third)();
  await fourth;
  expect(order).toEqual(['1', '2', '3', '4']);
});

test('Slots.take() does not let a full host hold up another', async () => {
  const slots = new Slots({ perHost: 1, total: 2 });
  const a = await slots.take('a', signal);
  const waiting = slots.take('a', signal);
  const b = await slots.take('b', signal);
  const c = slots.take('c', signal);
  b();
  (await c)();
  a();
  (await waiting)();
});

test('Slots.take() rejects when aborted, and the place in the queue is gone', async () => {
  const slots = new Slots({ perHost: 1, total: 2 });
  const held = await slots.take('a', signal);
  const leaver = new AbortController();
  const left = slots.take('a', leaver.signal);
  const next = slots.take('a', signal);
  leaver.abort(new Error('left'));
  await expect(left).rejects.toThrow('left');
  held();
  (await next)();
  await expect(slots.take('a', leaver.signal)).rejects.toThrow('left');
});

import { expect, test } from 'bun:test';
import { Neighbours } from '../../src/discovery/neighbours.ts';

const A = 'aa'.repeat(20);
const B = 'bb'.repeat(20);
const always = () => true;

test('what a neighbour says is news the first time, for a new swarm, and every half minute', () => {
  const neighbours = new Neighbours();
  const say = (infoHashes: readonly string[], nowMs: number) =>
    neighbours.heard('10.0.0.7', { port: 1, cookie: 'x', infoHashes }, nowMs, always);
  expect(say([A], 0)).toEqual({ fresh: [A], isNews: true });
  expect(say([A], 1_000)).toEqual({ fresh: [], isNews: false });
  expect(say([A, B], 2_000)).toEqual({ fresh: [B], isNews: true });
  expect(say([A, B], 32_000)).toEqual({ fresh: [], isNews: true });
  expect(neighbours.in(B, 32_000)).toMatchObject([{ at: { host: '10.0.0.7', port: 1 }, cookie: 'x' }]);
});

test('another cookie is a program started again, but not within ten seconds', () => {
  const neighbours = new Neighbours();
  const say = (cookie: string, nowMs: number) =>
    neighbours.heard('10.0.0.7', { port: 1, cookie, infoHashes: [A] }, nowMs, always)?.fresh;
  expect(say('x', 0)).toEqual([A]);
  expect(say('y', 9_000)).toEqual([]);
  expect(say('y', 10_000)).toEqual([A]);
  expect(neighbours.count(10_000)).toBe(1);
});

test('64 swarms of a neighbour are remembered, and 256 neighbours, those heard last', () => {
  const neighbours = new Neighbours();
  const many = Array.from({ length: 70 }, (_, i) => i.toString(16).padStart(40, '0'));
  const heard = neighbours.heard('10.0.0.7', { port: 1, infoHashes: many }, 0, always);
  expect(heard?.fresh).toEqual(many.slice(0, 64));
  for (let i = 0; i < 256; i += 1) neighbours.heard(`10.1.0.${i}`, { port: 1, infoHashes: [A] }, 1, always);
  expect(neighbours.count(1)).toBe(256);
  expect(neighbours.in(many[0] as string, 1)).toEqual([]);
});

test('nobody new is taken in when it may not be; whoever is known may speak', () => {
  const neighbours = new Neighbours();
  const say = (port: number, may: boolean) =>
    neighbours.heard('10.0.0.7', { port, infoHashes: [A] }, 0, () => may);
  expect(say(1, false)).toBeUndefined();
  expect(say(1, true)).toBeDefined();
  expect(say(1, false)).toBeDefined();
  expect(say(2, false)).toBeUndefined();
});

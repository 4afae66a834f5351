import { expect, test } from 'bun:test';
import { SoughtLately } from '../../src/swarm/sought-lately.ts';
import { poolFile } from '../fixtures/memory-node.ts';

const keyOf = (seed: number) => poolFile(10, seed).entry.key;

test('SoughtLately knows what was added and nothing else', () => {
  const lately = new SoughtLately();
  expect(lately.has(keyOf(1))).toBe(false);
  lately.add(keyOf(1));
  expect(lately.has(keyOf(1))).toBe(true);
  expect(lately.has(keyOf(2))).toBe(false);
});

test('SoughtLately forgets the oldest of more than 512', () => {
  const lately = new SoughtLately();
  for (let seed = 1; seed <= 513; seed += 1) lately.add(keyOf(seed));
  expect(lately.has(keyOf(1))).toBe(false);
  expect(lately.has(keyOf(2))).toBe(true);
  expect(lately.has(keyOf(513))).toBe(true);
});

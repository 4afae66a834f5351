import { expect, test } from 'bun:test';
import { pieceBuffers } from '../../src/swarm/piece-buffers.ts';

const KIB = 1024;

test('take() gives a buffer of exactly the length that was asked for', () => {
  for (const length of [1, 16 * KIB, 16 * KIB + 1, 58_123, 256 * KIB, 300_001, 512 * KIB, 3 * 1024 * KIB])
    expect(pieceBuffers.take(length).length).toBe(length);
});

test('two that are in use at a time share no memory', () => {
  const before = pieceBuffers.take(100 * KIB);
  pieceBuffers.give(before);
  const [a, b] = [pieceBuffers.take(100 * KIB), pieceBuffers.take(100 * KIB)];
  a.fill(1);
  b.fill(2);
  expect(a.every((byte) => byte === 1)).toBe(true);
  expect(a.buffer).not.toBe(b.buffer);
});

test('a whole piece’s buffer comes back as the same view', () => {
  const bytes = pieceBuffers.take(2 * 1024 * KIB);
  pieceBuffers.give(bytes);
  expect(pieceBuffers.take(2 * 1024 * KIB)).toBe(bytes);
});

test('what a small file leaves serves another of about its size', () => {
  const first = pieceBuffers.take(70_001);
  const { buffer } = first;
  pieceBuffers.give(first);
  const second = pieceBuffers.take(99_999);
  expect(second.buffer).toBe(buffer);
  expect(second.length).toBe(99_999);
});

test('files of many lengths leave room for the buffers of whole pieces', () => {
  const small = Array.from({ length: 500 }, (_, i) => pieceBuffers.take(20_000 + i));
  const piece = pieceBuffers.take(1024 * KIB);
  pieceBuffers.give(piece);
  for (const bytes of small) pieceBuffers.give(bytes);
  expect(pieceBuffers.take(1024 * KIB)).toBe(piece);
});

test('give() keeps no more than a few windows’ worth', () => {
  const taken = Array.from({ length: 64 }, () => pieceBuffers.take(4 * 1024 * KIB));
  const buffers = new Set(taken.map(({ buffer }) => buffer));
  for (const bytes of taken) pieceBuffers.give(bytes);
  const again = Array.from({ length: 64 }, () => pieceBuffers.take(4 * 1024 * KIB));
  expect(again.filter(({ buffer }) => buffers.has(buffer)).length).toBeLessThanOrEqual(4);
});

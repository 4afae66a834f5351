import { describe, expect, test } from 'bun:test';
import { Gatherer } from '../../src/acquire/gatherer.ts';
import { VirtualClock } from '../fixtures/virtual-clock.ts';

const KIB = 1024;

function scene(wanted: () => boolean = () => true) {
  const clock = new VirtualClock();
  const given: { offset: number; bytes: Uint8Array }[] = [];
  const gatherer = new Gatherer(clock, (offset, bytes) => {
    given.push({ offset, bytes: bytes.slice() });
    return wanted();
  });
  return { clock, given, gatherer };
}

describe('Gatherer', () => {
  test('puts small chunks together, in order and without loss', () => {
    const { given, gatherer } = scene();
    const all = Uint8Array.from({ length: 200 * KIB }, (_, i) => i * 7);
    for (let at = 0; at < all.length; at += 1_448) gatherer.add(1_000 + at, all.subarray(at, at + 1_448));
    gatherer.flush();
    expect(given.length).toBe(4);
    expect(given.map(({ offset }) => offset - 1_000)).toEqual([0, 64 * KIB, 128 * KIB, 192 * KIB]);
    expect(Buffer.concat(given.map(({ bytes }) => bytes)).equals(all)).toBe(true);
  });

  test('gives a few bytes after a moment, though nothing follows', async () => {
    const { clock, given, gatherer } = scene();
    gatherer.add(5, new Uint8Array(3));
    expect(given).toEqual([]);
    await clock.run(20);
    expect(given).toEqual([{ offset: 5, bytes: new Uint8Array(3) }]);
    await clock.run(100);
    expect(given).toHaveLength(1);
  });

  test('a large chunk passes at once', () => {
    const { given, gatherer } = scene();
    gatherer.add(0, new Uint8Array(100 * KIB));
    expect(given.map(({ bytes }) => bytes.length)).toEqual([100 * KIB]);
  });

  test('says when no more is wanted, and gives nothing after that', async () => {
    const { clock, given, gatherer } = scene(() => false);
    expect(gatherer.add(0, new Uint8Array(64 * KIB))).toBe(false);
    expect(gatherer.add(64 * KIB, new Uint8Array(10))).toBe(false);
    await clock.run(100);
    expect(gatherer.flush()).toBe(false);
    expect(given).toHaveLength(1);
  });

  test('what was dropped is never given', async () => {
    const { clock, given, gatherer } = scene();
    gatherer.add(0, new Uint8Array(10));
    gatherer.drop();
    await clock.run(100);
    expect(given).toEqual([]);
  });
});

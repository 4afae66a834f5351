import { describe, expect, test } from 'bun:test';
import { sha256Of } from '../../src/lib/sha256.ts';
import { DOUBT_MS, FalseWords, PROVEN_MS } from '../../src/swarm/false-words.ts';
import { VirtualClock } from '../fixtures/virtual-clock.ts';

const PEER = { address: '198.51.100.7' };
const fileKey = (n: number) => sha256Of(Uint8Array.of(n));
const hash = (n: number) => new Uint8Array(32).fill(n);

describe('FalseWords', () => {
  test('what our mirror contradicts is doubted for a while, in all files', async () => {
    const clock = new VirtualClock();
    const words = new FalseWords(clock);
    words.doubt(PEER);
    expect(words.isDoubted(PEER)).toBe(true);
    expect(words.isDoubted({ address: '198.51.100.8' })).toBe(false);
    await clock.run(DOUBT_MS);
    expect(words.isDoubted(PEER)).toBe(false);
  });

  test('a doubt ends when our mirror was the one that was wrong; what is proven stays', () => {
    const words = new FalseWords(new VirtualClock());
    words.doubt(PEER);
    words.rehabilitate(PEER);
    expect(words.isDoubted(PEER)).toBe(false);
    words.prove(PEER, fileKey(1), hash(1));
    words.rehabilitate(PEER);
    expect(words.isDoubted(PEER)).toBe(true);
  });

  test('one file is no reason for a ban, however often it is proven; a second one is', () => {
    const words = new FalseWords(new VirtualClock());
    expect(words.prove(PEER, fileKey(1), hash(1))).toBe(false);
    expect(words.prove(PEER, fileKey(1), hash(2))).toBe(false);
    expect(words.prove(PEER, fileKey(2), hash(3))).toBe(true);
  });

  test("the same wrong bytes in the place of two files are a bad mirror's page, not a liar's", () => {
    const words = new FalseWords(new VirtualClock());
    expect(words.prove(PEER, fileKey(1), hash(1))).toBe(false);
    expect(words.prove(PEER, fileKey(2), hash(1))).toBe(false);
  });

  test('a second one long after counts as the first', async () => {
    const clock = new VirtualClock();
    const words = new FalseWords(clock);
    words.prove(PEER, fileKey(1), hash(1));
    await clock.run(PROVEN_MS);
    expect(words.prove(PEER, fileKey(2), hash(2))).toBe(false);
    expect(words.prove(PEER, fileKey(3), hash(3))).toBe(true);
  });

  test('are bounded: the oldest is forgotten', () => {
    const words = new FalseWords(new VirtualClock());
    words.doubt(PEER);
    for (let i = 0; i < 1_000; i += 1) words.doubt({ address: `203.0.${i >> 8}.${i & 255}` });
    expect(words.isDoubted(PEER)).toBe(false);
  });
});

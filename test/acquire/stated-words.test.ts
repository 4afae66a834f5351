import { describe, expect, test } from 'bun:test';
import { MAX_STATED_WORDS, StatedWords } from '../../src/acquire/stated-words.ts';
import type { Peer } from '../../src/swarm/peer.ts';

const hash = (n: number) => new Uint8Array(32).fill(n);
const peer = (address: string, id = 0) =>
  ({ address, id: new Uint8Array(20).fill(id), trusted: false }) as unknown as Peer;
const hosts = (count: number) => Array.from({ length: count }, (_, i) => peer(`20.${i >> 8}.${i & 255}.1`));

describe('StatedWords', () => {
  test('what a speaker said first of a piece stands, whatever connection it comes by', () => {
    const words = new StatedWords();
    words.add(peer('198.51.100.7', 1), 0, hash(1));
    words.add(peer('198.51.100.7', 2), 0, hash(2));
    expect([...words.on(0)].map((word) => word.hash)).toEqual([hash(1)]);
  });

  test('a hash is doubtful when those who state it are doubted, all of them', () => {
    const words = new StatedWords();
    const [liar, honest] = [peer('198.51.100.7'), peer('203.0.113.9')];
    words.add(liar, 0, hash(1));
    expect(words.isDoubtful(0, hash(1))).toBe(false);
    expect(words.doubt(liar)).toBe(true);
    expect(words.doubt(liar)).toBe(false);
    expect(words.isDoubtful(0, hash(1))).toBe(true);
    expect(words.isDoubtful(0, hash(2))).toBe(false);
    words.add(honest, 0, hash(1));
    expect(words.isDoubtful(0, hash(1))).toBe(false);
  });

  test('however much the first ones say, the one that comes last is remembered', () => {
    const words = new StatedWords();
    for (const loud of hosts(9))
      for (let piece = 0; piece < 2_048; piece += 1) words.add(loud, piece, hash(9));
    expect([...words.all()]).toHaveLength(MAX_STATED_WORDS);
    const late = peer('203.0.113.9');
    for (let piece = 0; piece < 100; piece += 1) words.add(late, piece, hash(1));
    expect([...words.all()]).toHaveLength(MAX_STATED_WORDS);
    expect([...words.all()].filter((word) => word.peer === late)).toHaveLength(100);
    expect([...words.on(0)].filter((word) => word.peer === late)).toHaveLength(1);
  });

  test('a thousand speakers are kept, the first goes for the next', () => {
    const words = new StatedWords();
    const many = hosts(1_025);
    for (const one of many) words.add(one, 0, hash(1));
    const kept = new Set([...words.all()].map((word) => word.peer));
    expect(kept.size).toBe(1_024);
    expect(kept.has(many[0] as Peer)).toBe(false);
    expect([...words.on(0)]).toHaveLength(1_024);
  });
});

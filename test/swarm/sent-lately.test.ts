import { describe, expect, test } from 'bun:test';
import type { Sha256 } from '../../src/lib/sha256.ts';
import { SentLately } from '../../src/swarm/sent-lately.ts';

const A = 'a' as Sha256;
const B = 'b' as Sha256;

describe('SentLately', () => {
  test('counts copies of a piece, and knows who had the last one', () => {
    const sent = new SentLately<string>(0);
    expect(sent.of(A, 0)).toBeUndefined();
    sent.note(A, 0, 'x', 1);
    sent.note(A, 0, 'y', 2);
    expect(sent.of(A, 0)).toEqual({ copies: 2, taker: 'y', lastMs: 2 });
    expect(sent.of(A, 1)).toBeUndefined();
    expect(sent.of(B, 0)).toBeUndefined();
  });

  test('forgets what is older than a minute, and nothing younger than half a minute', () => {
    const sent = new SentLately<string>(0);
    sent.note(A, 0, 'x', 29_000);
    sent.note(A, 1, 'x', 31_000);
    sent.note(A, 2, 'x', 58_000);
    expect(sent.of(A, 0)).toBeDefined();
    sent.note(A, 3, 'x', 62_000);
    expect(sent.of(A, 0)).toBeUndefined();
    expect(sent.of(A, 1)).toBeDefined();
    sent.note(A, 4, 'x', 200_000);
    expect([1, 2, 3].map((piece) => sent.of(A, piece))).toEqual([undefined, undefined, undefined]);
    expect(sent.of(A, 4)).toBeDefined();
  });

  test('keeps a bounded number, the newest', () => {
    const sent = new SentLately<string>(0);
    for (let piece = 0; piece < 200_000; piece += 1) sent.note(A, piece, 'x', 1);
    let kept = 0;
    for (let piece = 0; piece < 200_000; piece += 1) if (sent.of(A, piece)) kept += 1;
    expect(kept).toBeWithin(32_768, 65_537);
    expect(sent.of(A, 199_999)).toBeDefined();
  });
});

import { describe, expect, test } from 'bun:test';
import { LetDowns } from '../../src/acquire/let-downs.ts';

describe('LetDowns', () => {
  test('two failures are forgiven, the third bars the piece for a second, each further one twice as long', () => {
    const letDowns = new LetDowns();
    const isBarred = (nowMs: number) => letDowns.barredAt('192.0.2.7', nowMs)?.(5) ?? false;
    letDowns.add('192.0.2.7', 5, 1_000);
    letDowns.add('192.0.2.7', 5, 1_000);
    expect(isBarred(1_001)).toBe(false);
    letDowns.add('192.0.2.7', 5, 1_000);
    expect(isBarred(1_999)).toBe(true);
    expect(isBarred(2_000)).toBe(false);
    letDowns.add('192.0.2.7', 5, 2_000);
    expect(isBarred(3_999)).toBe(true);
    for (let i = 0; i < 40; i += 1) letDowns.add('192.0.2.7', 5, 5_000);
    expect(isBarred(64_999)).toBe(true);
    expect(isBarred(65_000)).toBe(false);
  });

  test('neither other pieces nor other addresses are barred', () => {
    const letDowns = new LetDowns();
    for (let i = 0; i < 5; i += 1) letDowns.add('192.0.2.7', 5, 1_000);
    expect(letDowns.barredAt('192.0.2.7', 1_001)?.(6)).toBe(false);
    expect(letDowns.barredAt('192.0.2.8', 1_001)).toBeUndefined();
  });

  test('what a thousand addresses do is forgotten, the oldest first', () => {
    const letDowns = new LetDowns();
    for (let i = 0; i < 6_000; i += 1) {
      for (let times = 0; times < 3; times += 1) letDowns.add(`198.51.${i >> 8}.${i & 255}`, 0, 1_000);
    }
    expect(letDowns.barredAt('198.51.0.0', 1_001)).toBeUndefined();
    expect(letDowns.barredAt('198.51.23.111', 1_001)?.(0)).toBe(true);
  });
});

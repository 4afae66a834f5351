import { describe, expect, test } from 'bun:test';
import { encode } from '../../src/bencode/encode.ts';

const text = (value: Parameters<typeof encode>[0]) => Buffer.from(encode(value)).toString('latin1');

describe('encode()', () => {
  test('writes integers, also bigint beyond 2^53, and -0 as 0', () => {
    expect(text(0)).toBe('i0e');
    expect(text(-0)).toBe('i0e');
    expect(text(-42)).toBe('i-42e');
    expect(text(2n ** 70n)).toBe(`i${2n ** 70n}e`);
  });
  test('writes text as UTF-8 with its length in bytes', () => expect(text('é')).toBe('2:\xc3\xa9'));
  test('sorts keys by bytes and leaves out undefined', () => {
    expect(text({ b: 1, aa: 2, a: 3, '\xff': 4, c: undefined })).toBe('d1:ai3e2:aai2e1:bi1e1:\xffi4ee');
  });
  test('sorts keys that look like numbers as text', () =>
    expect(text({ 9: 1, 10: 2 })).toBe('d2:10i2e1:9i1ee'));
  test('writes a list in its order', () => expect(text(['b', 'a', []])).toBe('l1:b1:alee'));
  test('refuses fractions, unsafe integers, null and keys beyond bytes', () => {
    expect(() => encode(1.5)).toThrow(RangeError);
    expect(() => encode(2 ** 53)).toThrow(RangeError);
    expect(() => encode(Number.NaN)).toThrow(RangeError);
    expect(() => encode(null as never)).toThrow(TypeError);
    expect(() => encode({ '\u{100}': 1 })).toThrow(TypeError);
  });
  test('works anew after an error', () => {
    expect(() => encode([1, 1.5])).toThrow();
    expect(text([1])).toBe('li1ee');
  });
  test('gives results that later calls leave alone, small and large', () => {
    const small = encode('one');
    const large = encode([new Uint8Array(200_000).fill(1), 'x'.repeat(100)]);
    encode('two');
    expect(Buffer.from(small).toString()).toBe('3:one');
    expect(large.length).toBe(1 + 7 + 200_000 + 4 + 100 + 1);
    expect(Buffer.from(large.subarray(-101)).toString()).toBe(`${'x'.repeat(100)}e`);
  });
});

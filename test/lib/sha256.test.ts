import { describe, expect, test } from 'bun:test';
import { parseSha256, sha256FromBytes, sha256Of, sha256ToBytes } from '../../src/lib/sha256.ts';

const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

describe('sha256', () => {
  test('sha256Of() is FIPS 180-4: the empty string and "abc"', () => {
    expect<string>(sha256Of(new Uint8Array(0))).toBe(EMPTY);
    expect<string>(sha256Of(new TextEncoder().encode('abc'))).toBe(
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    );
  });

  test('parseSha256() takes either case and gives lower case', () => {
    expect<string | undefined>(parseSha256(EMPTY.toUpperCase())).toBe(EMPTY);
  });

  test('parseSha256() refuses other lengths, other letters and anything around', () => {
    for (const wrong of [
      '',
      EMPTY.slice(1),
      `${EMPTY}0`,
      EMPTY.replace('e', 'g'),
      ` ${EMPTY}`,
      `${EMPTY}\n`,
    ]) {
      expect(parseSha256(wrong)).toBeUndefined();
    }
  });

  test('sha256FromBytes() and sha256ToBytes() undo one another', () => {
    const bytes = Uint8Array.from({ length: 32 }, (_, i) => (i * 37) & 255);
    expect(sha256ToBytes(sha256FromBytes(bytes))).toEqual(bytes);
  });

  test('sha256FromBytes() refuses another length', () => {
    expect(() => sha256FromBytes(new Uint8Array(31))).toThrow(RangeError);
    expect(() => sha256FromBytes(new Uint8Array(33))).toThrow(RangeError);
  });
});

import { describe, expect, test } from 'bun:test';
import { BLOCK_BYTES, Pieces, pieceLengthOf } from '../../src/torrent/pieces.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

describe('pieceLengthOf()', () => {
  test('is one piece up to 512 KiB, then a power of two from 256 KiB with at most 2,048 pieces', () => {
    expect(new Pieces(512 * KiB).count).toBe(1);
    expect(pieceLengthOf(512 * KiB + 1)).toBe(256 * KiB);
    expect(new Pieces(512 * KiB + 1).count).toBe(3);
    expect(pieceLengthOf(512 * MiB)).toBe(256 * KiB);
    expect(new Pieces(512 * MiB).count).toBe(2048);
    expect(pieceLengthOf(512 * MiB + 1)).toBe(512 * KiB);
    expect(new Pieces(10 * 1024 * MiB).count).toBeLessThanOrEqual(2048);
  });
});

describe('Pieces', () => {
  test('sizes of pieces and blocks add up to the file', () => {
    for (const size of [1, 16_384, 16_385, 512 * KiB, 512 * KiB + 1, 768 * KiB, MiB + 5_000, 700 * MiB + 1]) {
      const pieces = new Pieces(size);
      let sum = 0;
      for (let p = 0; p < pieces.count; p++) {
        let blocks = 0;
        for (let b = 0; b < pieces.blocks(p); b++) blocks += pieces.blockSize(p, b);
        expect(blocks).toBe(pieces.size(p));
        expect(pieces.at(pieces.offset(p))).toBe(p);
        expect(pieces.at(pieces.offset(p) + pieces.size(p) - 1)).toBe(p);
        sum += blocks;
      }
      expect(sum).toBe(size);
      expect(2 ** pieces.layerHeight * BLOCK_BYTES).toBe(pieces.pieceLength);
    }
  });
  test('an empty file has no pieces', () => {
    expect(new Pieces(0).count).toBe(0);
    expect(new Pieces(0).isSingle).toBe(true);
    expect(() => new Pieces(0).size(0)).toThrow(RangeError);
  });
  test('what is outside is a RangeError', () => {
    for (const size of [-1, 1.5, Number.NaN, 2 ** 53]) expect(() => new Pieces(size)).toThrow(RangeError);
    const pieces = new Pieces(MiB + 1);
    for (const index of [-1, 5, 0.5, Number.NaN]) {
      expect(pieces.has(index)).toBe(false);
      expect(() => pieces.size(index)).toThrow(RangeError);
    }
    expect(pieces.has(4)).toBe(true);
    expect(pieces.size(4)).toBe(1);
    expect(() => pieces.blockSize(4, 1)).toThrow(RangeError);
    expect(() => pieces.at(MiB + 1)).toThrow(RangeError);
  });
});

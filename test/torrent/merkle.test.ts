import { describe, expect, test } from 'bun:test';
import { LayerBuilder } from '../../src/torrent/layer-builder.ts';
import { layerRoot, leafLayer, PieceHasher, paddingHash, rootOf } from '../../src/torrent/merkle.ts';
import { Pieces } from '../../src/torrent/pieces.ts';
import { concat, hex, naiveTree, sampleFile } from './naive-tree.ts';

const KiB = 1024;
const SIZES = [
  1,
  16_383,
  16_384,
  16_385,
  100_000,
  512 * KiB,
  512 * KiB + 1,
  768 * KiB,
  1_000_000,
  1_310_720,
  2_100_001,
];

describe('paddingHash()', () => {
  test('is zero at the leaves and the well-known hashes of zero subtrees above', () => {
    expect(hex(paddingHash(0))).toBe('00'.repeat(32));
    expect(hex(paddingHash(1))).toBe('f5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b');
    expect(hex(paddingHash(2))).toBe('db56114e00fdd4c1f85c892bf35ac9a89289aaecb1ebd0a96cde606a748b5d71');
    expect(hex(paddingHash(4))).toBe('536d98837f2dd165a55d5eeae91485954472d56f246df256bf3cae19352a123c');
  });
});

describe('LayerBuilder', () => {
  for (const size of SIZES) {
    test(`agrees with BEP 52 by the letter for ${size} bytes, however they are cut`, () => {
      const file = sampleFile(size);
      const pieces = new Pieces(size);
      const rows = naiveTree(file, pieces.isSingle ? 1 : pieces.leavesPerPiece);
      const root = rows.at(-1)?.[0];
      const layer = pieces.isSingle ? [] : (rows[pieces.layerHeight] ?? []).slice(0, pieces.count);
      expect(rows.length - 1).toBe(pieces.treeHeight);
      for (const chunk of [size, 16_384, 5_000, 300_001]) {
        const builder = new LayerBuilder(pieces);
        for (let at = 0; at < size; at += chunk) builder.update(file.subarray(at, at + chunk));
        expect(hex(builder.layer())).toBe(hex(concat(layer)));
        expect(hex(builder.root())).toBe(hex(root));
      }
    });
  }
  test('an empty file has an empty layer and no root', () => {
    const builder = new LayerBuilder(new Pieces(0));
    expect(builder.layer().length).toBe(0);
    expect(hex(builder.root())).toBe('00'.repeat(32));
  });
  test('refuses to answer early, and more bytes than the file has', () => {
    const builder = new LayerBuilder(new Pieces(10));
    builder.update(new Uint8Array(9));
    expect(() => builder.root()).toThrow(RangeError);
    expect(() => builder.layer()).toThrow(RangeError);
    expect(() => builder.update(new Uint8Array(2))).toThrow(RangeError);
  });
});

describe('PieceHasher', () => {
  test('gives the hashes of the piece layer, the short last piece padded', () => {
    const file = sampleFile(1_000_000);
    const pieces = new Pieces(file.length);
    const builder = new LayerBuilder(pieces);
    builder.update(file);
    const hasher = new PieceHasher(pieces);
    const hashes: Uint8Array[] = [];
    for (let p = 0; p < pieces.count; p++) {
      hashes.push(hasher.hash(file.subarray(pieces.offset(p), pieces.offset(p) + pieces.size(p))));
    }
    expect(hex(concat(hashes))).toBe(hex(builder.layer()));
    expect(hex(layerRoot(builder.layer(), pieces))).toBe(hex(builder.root()));
    expect(() => hasher.hash(new Uint8Array(pieces.pieceLength + 1))).toThrow(RangeError);
  });
});

describe('layerRoot(), rootOf()', () => {
  test('refuse a layer of another length', () => {
    const pieces = new Pieces(1_000_000);
    expect(() => layerRoot(new Uint8Array(32 * 3), pieces)).toThrow(RangeError);
    expect(() => layerRoot(new Uint8Array(32), new Pieces(1000))).toThrow(RangeError);
  });
  test('leave the row as it was', () => {
    const leaves = leafLayer(sampleFile(100_000));
    const before = hex(leaves);
    rootOf(leaves, 0, 3);
    expect(hex(leaves)).toBe(before);
  });
});

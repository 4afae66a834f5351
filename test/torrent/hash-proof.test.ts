import { describe, expect, test } from 'bun:test';
import {
  answerHashRequest,
  isValidHashRequest,
  uncleCount,
  verifyHashes,
} from '../../src/torrent/hash-proof.ts';
import { leafLayer } from '../../src/torrent/merkle.ts';
import { Pieces } from '../../src/torrent/pieces.ts';
import { concat, hex, naiveTree, sampleFile } from './naive-tree.ts';

const pieces = new Pieces(11 * 256 * 1024 + 77);
const file = sampleFile(pieces.sizeBytes);
const rows = naiveTree(file, pieces.leavesPerPiece);
const root = rows.at(-1)?.[0] as Uint8Array;
const { treeHeight, layerHeight } = pieces;
const layer = concat((rows[layerHeight] as Uint8Array[]).slice(0, pieces.count));

/** Uncles by the letter: siblings of the ancestors of the range's top, as libtorrent lists them. */
function naiveAnswer(baseLayer: number, index: number, length: number, proofLayers: number): Uint8Array {
  const hashes = (rows[baseLayer] as Uint8Array[]).slice(index, index + length);
  let node = index;
  for (let i = 0; i < proofLayers; i++) {
    node >>= 1;
    if (i >= Math.log2(length) - 1) hashes.push(rows[baseLayer + 1 + i]?.[node ^ 1] as Uint8Array);
  }
  return concat(hashes);
}

describe('answerHashRequest()', () => {
  test('gives, for every range of the piece layer, the hashes and uncles of BEP 52, and verifyHashes() takes them', () => {
    let ranges = 0;
    for (let length = 2; length <= 16; length *= 2) {
      for (let index = 0; index < 16; index += length) {
        const proofLayers = treeHeight - layerHeight - 1;
        const request = { baseLayer: layerHeight, index, length, proofLayers };
        const answer = answerHashRequest(layer, request, treeHeight) as Uint8Array;
        expect(hex(answer)).toBe(hex(naiveAnswer(layerHeight, index, length, proofLayers)));
        const hashes = answer.subarray(0, length * 32);
        const uncles = answer.subarray(length * 32);
        const claim = { root, treeHeight, baseLayer: layerHeight, index, hashes, uncles };
        expect(verifyHashes(claim)).toBe(true);
        ranges += 1;

        const wrong = new Uint8Array(hashes);
        wrong[hashes.length - 1] = (wrong[hashes.length - 1] as number) ^ 1;
        expect(verifyHashes({ ...claim, hashes: wrong })).toBe(false);
        if (length < 16 && index < pieces.count) {
          expect(verifyHashes({ ...claim, index: index ^ length })).toBe(false);
          expect(verifyHashes({ ...claim, uncles: uncles.subarray(32) })).toBe(false);
        }
      }
    }
    expect(ranges).toBe(15);
  });
  test('gives the leaves inside one piece, proven up to the piece hash', () => {
    const piece = file.subarray(pieces.offset(3), pieces.offset(3) + pieces.size(3));
    const request = { baseLayer: 0, index: 4, length: 4, proofLayers: layerHeight - 1 };
    const answer = answerHashRequest(leafLayer(piece), request, layerHeight) as Uint8Array;
    const hashes = answer.subarray(0, 4 * 32);
    const uncles = answer.subarray(4 * 32);
    const top = layer.subarray(3 * 32, 4 * 32);
    expect(verifyHashes({ root: top, treeHeight: layerHeight, baseLayer: 0, index: 4, hashes, uncles })).toBe(
      true,
    );
  });
  test('gives fewer uncles when fewer proof layers are asked for', () => {
    const request = { baseLayer: layerHeight, index: 4, length: 2, proofLayers: 1 };
    expect(uncleCount(request)).toBe(1);
    expect(hex(answerHashRequest(layer, request, treeHeight))).toBe(hex(naiveAnswer(layerHeight, 4, 2, 1)));
    expect(uncleCount({ ...request, length: 8, proofLayers: 2 })).toBe(0);
  });
  test('refuses ranges that are not in the tree', () => {
    const good = { baseLayer: layerHeight, index: 4, length: 4, proofLayers: 3 };
    expect(isValidHashRequest(good, treeHeight)).toBe(true);
    const bad = [
      { baseLayer: treeHeight },
      { baseLayer: -1 },
      { index: 2 },
      { index: 16 },
      { index: -4 },
      { length: 1 },
      { length: 3, index: 3 },
      { length: 32, index: 0 },
      { length: 2.5, index: 0 },
      { proofLayers: 4 },
      { proofLayers: -1 },
      { index: Number.NaN },
    ];
    for (const part of bad)
      expect(answerHashRequest(layer, { ...good, ...part }, treeHeight)).toBeUndefined();
  });
});

describe('verifyHashes()', () => {
  test('refuses hashes of one height passed off as those of another', () => {
    const above = rows[layerHeight + 1] as Uint8Array[];
    const hashes = concat(above);
    expect(
      verifyHashes({
        root,
        treeHeight,
        baseLayer: layerHeight + 1,
        index: 0,
        hashes,
        uncles: new Uint8Array(),
      }),
    ).toBe(true);
    expect(
      verifyHashes({ root, treeHeight, baseLayer: layerHeight, index: 0, hashes, uncles: new Uint8Array() }),
    ).toBe(false);
  });
  test('refuses lengths that are not whole hashes', () => {
    const claim = { root, treeHeight, baseLayer: layerHeight, index: 0 };
    expect(verifyHashes({ ...claim, hashes: new Uint8Array(65), uncles: new Uint8Array() })).toBe(false);
    expect(verifyHashes({ ...claim, hashes: new Uint8Array(), uncles: new Uint8Array() })).toBe(false);
  });
});

import { describe, expect, test } from 'bun:test';
import { TreeCache } from '../../src/swarm/tree-cache.ts';
import { layerRoot } from '../../src/torrent/merkle.ts';
import { Pieces } from '../../src/torrent/pieces.ts';
import { poolFile } from '../fixtures/memory-node.ts';

const MIB = 1024 * 1024;
const pieces = new Pieces(MIB);
const layer = new Uint8Array(4 * 32).fill(7);
const keys = [1, 2, 3].map((i) => poolFile(10, i).entry.key);
const [a, b, c] = keys as [(typeof keys)[0], (typeof keys)[0], (typeof keys)[0]];
const unread = () => {
  throw new Error('read again');
};

describe('TreeCache.get()', () => {
  test('reads a layer once and computes its root once', () => {
    const cache = new TreeCache();
    const tree = cache.get(a, pieces, () => layer);
    expect(tree).toEqual({ layer, root: layerRoot(layer, pieces) });
    expect(cache.get(a, pieces, unread)).toBe(tree as NonNullable<typeof tree>);
  });

  test('keeps nothing where there is no layer, or one of a wrong length', () => {
    const cache = new TreeCache();
    expect(cache.get(a, pieces, () => undefined)).toBeUndefined();
    expect(cache.get(a, pieces, () => layer.subarray(32))).toBeUndefined();
    expect(cache.get(a, pieces, () => layer)).toBeDefined();
  });

  test('lets go of the longest unused when it is full', () => {
    const cache = new TreeCache(2 * (layer.length + 512));
    cache.get(a, pieces, () => layer);
    cache.get(b, pieces, () => layer);
    cache.get(a, pieces, unread);
    cache.get(c, pieces, () => layer);
    cache.get(a, pieces, unread);
    cache.get(c, pieces, unread);
    expect(cache.get(b, pieces, () => undefined)).toBeUndefined();
  });
});

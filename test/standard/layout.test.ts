import { describe, expect, test } from 'bun:test';
import { Content } from '../../src/standard/content.ts';
import { made } from './made.ts';

const SIZES = { a: 40_000, 'b/c': 70_000, d: 0, e: 1 };

describe('Layout', () => {
  test.each([
    ['v1', true],
    ['v1', false],
    ['v2', false],
    ['hybrid', false],
  ] as const)('of a %s torrent (packed: %p) puts every byte where it is', (kind, isPacked) => {
    const { metainfo, space, files } = made({ kind, isPacked, sizes: SIZES });
    const layout = Content.layoutOf(metainfo);
    expect(layout.sizeBytes).toBe(110_001);
    expect(layout.pieceCount).toBe(metainfo.pieceCount);
    for (let piece = 0; piece < layout.pieceCount; piece += 1) {
      const from = layout.offset(piece);
      const wanted = layout.wantedBytes(piece);
      const joined = layout.spans(from, wanted).map(({ file, at, length }) => {
        if (file === undefined) return new Uint8Array(length);
        const path = layout.files[file]?.path.join('/') ?? '';
        return (files.get(path) as Uint8Array).subarray(at, at + length);
      });
      expect(Buffer.compare(Buffer.concat(joined), space.subarray(from, from + wanted))).toBe(0);
      // What is left out is padding.
      expect(space.subarray(from + wanted, from + layout.size(piece)).every((byte) => byte === 0)).toBe(true);
    }
    const wanted = [...new Array(layout.pieceCount).keys()].reduce(
      (sum, p) => sum + layout.wantedBytes(p),
      0,
    );
    expect(wanted).toBe(110_001);
  });

  test('spans() names padding that somebody asks for', () => {
    const layout = Content.layoutOf(made({ kind: 'v2', sizes: SIZES }).metainfo);
    expect(layout.spans(32_768, 32_768)).toEqual([
      { file: 0, at: 32_768, length: 7_232 },
      { file: undefined, at: 0, length: 25_536 },
    ]);
    // libtorrent asks for the end of the last file as if it were padded, too.
    expect(layout.size(layout.pieceCount - 1)).toBe(32_768);
  });

  test('fileAt() is the file of a v2 piece, piecesOf() the pieces of a file', () => {
    const { metainfo } = made({ kind: 'v2', sizes: SIZES });
    const layout = Content.layoutOf(metainfo);
    for (const [index] of metainfo.files.entries()) {
      const [first, end] = layout.piecesOf(index);
      for (let piece = first; piece < end; piece += 1) expect(layout.fileAt(piece)).toBe(index);
    }
  });
});

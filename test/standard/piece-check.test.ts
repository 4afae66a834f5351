import { describe, expect, test } from 'bun:test';
import { Content } from '../../src/standard/content.ts';
import { PieceCheck } from '../../src/standard/piece-check.ts';
import { made } from './made.ts';

const SIZES = { a: 100_000, b: 32_768, c: 20_000, d: 5 };

describe('PieceCheck.check()', () => {
  test.each(['v1', 'v2', 'hybrid'] as const)(
    'of a %s torrent takes the right bytes and no others',
    (kind) => {
      const { metainfo, space } = made({ kind, sizes: SIZES });
      const layout = Content.layoutOf(metainfo);
      const check = new PieceCheck(layout, metainfo);
      for (let piece = 0; piece < layout.pieceCount; piece += 1) {
        const bytes = space.slice(layout.offset(piece), layout.offset(piece) + layout.wantedBytes(piece));
        expect(check.canCheck(piece)).toBe(true);
        expect(check.check(piece, bytes)).toBe('right');
        bytes[bytes.length >> 1] = ((bytes[bytes.length >> 1] as number) + 1) & 0xff;
        expect(check.check(piece, bytes)).toBe('wrong');
      }
    },
  );

  test('says that the halves of a hybrid contradict each other', () => {
    const { metainfo, space } = made({ kind: 'hybrid', sizes: SIZES });
    const layout = Content.layoutOf(metainfo);
    const pieces = (metainfo.pieces as Uint8Array).slice();
    pieces[0] = (pieces[0] as number) ^ 1;
    const check = new PieceCheck(layout, { pieces, layers: metainfo.layers });
    expect(check.check(0, space.subarray(0, layout.wantedBytes(0)))).toBe('contradiction');
  });

  test('knows what it lacks of a v2 torrent without layers', () => {
    const { metainfo } = made({ kind: 'v2', sizes: SIZES });
    const layout = Content.layoutOf(metainfo);
    const check = new PieceCheck(layout, { pieces: undefined, layers: new Map() });
    expect(check.lacking().map(({ path }) => path.join('/'))).toEqual(['made/a']);
    const [first] = layout.piecesOf(metainfo.files.findIndex(({ path }) => path.at(-1) === 'a'));
    const [single] = layout.piecesOf(metainfo.files.findIndex(({ path }) => path.at(-1) === 'b'));
    expect([check.canCheck(first), check.canCheck(single)]).toEqual([false, true]);
  });
});

import { describe, expect, test } from 'bun:test';
import { PieceWords } from '../../src/acquire/piece-words.ts';
import type { Peer } from '../../src/swarm/peer.ts';

const hash = (n: number) => new Uint8Array(32).fill(n);
/** PieceWords only tells peers apart. */
const peer = (name: string) => ({ address: name, id: new Uint8Array(20), trusted: false }) as unknown as Peer;
const layerOf = (...hashes: readonly number[]) => Buffer.concat(hashes.map(hash));

describe('PieceWords', () => {
  test('two hashes for one piece dispute it, until the mirror has given it', () => {
    const words = new PieceWords();
    words.known(3, { hash: hash(1), own: false });
    expect(words.of(3)?.hash).toEqual(hash(1));
    words.stated(peer('other'), [{ pieceOffset: 3, hash: hash(2) }]);
    expect(words.isDisputed(3)).toBe(true);
    expect(words.of(3)).toBeUndefined();
    words.known(3, { hash: hash(2), own: true });
    expect(words.isDisputed(3)).toBe(false);
    expect(words.of(3)).toEqual({ hash: hash(2), own: true });
  });

  test('our own word is not disputed by what peers state, nor replaced by what they give', () => {
    const words = new PieceWords();
    words.known(0, { hash: hash(1), own: true });
    words.stated(peer('liar'), [{ pieceOffset: 0, hash: hash(9) }]);
    words.known(0, { hash: hash(9), own: false });
    expect(words.of(0)).toEqual({ hash: hash(1), own: true });
  });

  test('liars() are those whose own word differs from the true layer, and only they', () => {
    const words = new PieceWords();
    const honest = peer('honest');
    const liar = peer('liar');
    words.stated(honest, [{ pieceOffset: 0, hash: hash(1) }]);
    words.stated(liar, [
      { pieceOffset: 0, hash: hash(1) },
      { pieceOffset: 1, hash: hash(7) },
    ]);
    expect([...words.liars(layerOf(1, 2))]).toEqual([[liar, hash(7)]]);
  });

  test('disown(): nothing is known any more of a mirror that gave the wrong file', () => {
    const words = new PieceWords();
    words.known(0, { hash: hash(1), own: true });
    words.disown();
    expect(words.of(0)).toBeUndefined();
  });

  test('whoever our mirror contradicts can be told, whichever came first; its disputes count for nothing then', () => {
    const words = new PieceWords();
    const [early, late, honest] = [peer('198.51.100.1'), peer('198.51.100.2'), peer('198.51.100.3')];
    words.stated(early, [{ pieceOffset: 0, hash: hash(9) }]);
    expect(words.known(0, { hash: hash(1), own: true })).toEqual([early]);
    expect(words.stated(late, [{ pieceOffset: 0, hash: hash(8) }])).toBe(true);
    expect(words.stated(honest, [{ pieceOffset: 0, hash: hash(1) }])).toBe(false);
    words.known(1, { hash: hash(2), own: false });
    words.stated(late, [{ pieceOffset: 1, hash: hash(7) }]);
    expect(words.isDisputed(1)).toBe(true);
    expect(words.doubt(late)).toBe(true);
    expect(words.isDisputed(1)).toBe(false);
    words.stated(early, [{ pieceOffset: 1, hash: hash(7) }]);
    expect(words.isDisputed(1)).toBe(true);
  });

  test('voucher(): somebody undoubted whose own word the bytes bear out', () => {
    const words = new PieceWords();
    const [liar, honest] = [peer('198.51.100.1'), peer('198.51.100.2')];
    words.known(0, { hash: hash(1), own: false });
    expect(words.voucher(0)).toBeUndefined();
    words.stated(liar, [{ pieceOffset: 0, hash: hash(1) }]);
    expect(words.voucher(0)).toBe(liar);
    words.doubt(liar);
    expect(words.voucher(0)).toBeUndefined();
    words.stated(honest, [{ pieceOffset: 0, hash: hash(1) }]);
    expect(words.voucher(0)).toBe(honest);
  });
});

import { describe, expect, test } from 'bun:test';
import { ASKED, HAVE, MISSING } from '../../src/acquire/plan.ts';
import { FROM_HEARSAY, FROM_MIRROR, FROM_ROOT, Progress } from '../../src/acquire/progress.ts';
import { Pieces } from '../../src/torrent/pieces.ts';
import { seeded } from '../wire/samples.ts';

const PIECE = 256 * 1024;
const SIZE = 5 * PIECE + 100;

const fresh = () => new Progress(new Pieces(SIZE));

describe('Progress', () => {
  test('shows what came from the mirror, in order, all but the last piece', () => {
    const progress = fresh();
    expect(progress.available).toBe(0);
    progress.have(0, FROM_MIRROR);
    expect(progress.available).toBe(PIECE);
    progress.have(2, FROM_MIRROR);
    expect(progress.available).toBe(PIECE);
    progress.have(1, FROM_MIRROR);
    expect(progress.available).toBe(3 * PIECE);
    for (const piece of [3, 4, 5]) progress.have(piece, FROM_MIRROR);
    expect(progress.complete).toBe(true);
    expect(progress.available).toBe(5 * PIECE);
    progress.wholeVerified();
    expect(progress.available).toBe(SIZE);
  });

  test('shows a piece of the mirror while it comes', () => {
    const progress = fresh();
    progress.mirrorAt(0, 1_000);
    expect(progress.available).toBe(1_000);
    progress.mirrorAt(0, 70_000);
    expect(progress.available).toBe(70_000);
    progress.mirrorStopped();
    expect(progress.available).toBe(70_000);
  });

  test('but not one that apt is not at yet, nor the last', () => {
    const progress = fresh();
    progress.mirrorAt(1, PIECE + 500);
    expect(progress.available).toBe(0);
    for (const piece of [0, 1, 2, 3, 4]) progress.have(piece, FROM_MIRROR);
    progress.mirrorAt(5, SIZE - 1);
    expect(progress.available).toBe(5 * PIECE);
  });

  test('a small file is shown only as a whole', () => {
    const progress = new Progress(new Pieces(1000));
    progress.mirrorAt(0, 500);
    progress.have(0, FROM_MIRROR);
    expect(progress.available).toBe(0);
    progress.wholeVerified();
    expect(progress.available).toBe(1000);
  });

  test('showLast() lets apt read of the mirror’s last piece as far as it has come, never all of it', () => {
    const progress = fresh();
    for (const piece of [0, 1, 2, 3, 4]) progress.have(piece, FROM_MIRROR);
    progress.mirrorAt(5, SIZE - 60);
    progress.showLast();
    expect(progress.available).toBe(SIZE - 60);
    progress.mirrorAt(5, SIZE);
    expect(progress.available).toBe(SIZE - 1);
    progress.have(5, FROM_MIRROR);
    expect(progress.available).toBe(SIZE - 1);
    progress.newGeneration();
    expect(progress.available).toBe(5 * PIECE);
    progress.wholeVerified();
    expect(progress.available).toBe(SIZE);
  });

  test('showLast() shows nothing of a last piece that a peer gave, or while pieces before it wait for proof', () => {
    const small = new Progress(new Pieces(1000));
    small.showLast();
    small.have(0, FROM_ROOT);
    expect(small.available).toBe(0);
    const progress = fresh();
    for (const piece of [0, 1, 2, 3]) progress.have(piece, FROM_MIRROR);
    progress.have(4, FROM_HEARSAY);
    progress.showLast();
    progress.mirrorAt(5, SIZE - 60);
    expect(progress.available).toBe(4 * PIECE);
  });

  test('pieces under a root are shown when the root is released, hearsay never before the whole', () => {
    const progress = fresh();
    progress.have(0, FROM_ROOT);
    progress.have(1, FROM_ROOT);
    progress.have(2, FROM_HEARSAY);
    expect(progress.available).toBe(0);
    progress.releaseRoot();
    expect(progress.available).toBe(2 * PIECE);
    for (const piece of [3, 4, 5]) progress.have(piece, FROM_MIRROR);
    expect(progress.available).toBe(2 * PIECE);
  });

  test('another root than the released one is not', () => {
    const progress = fresh();
    progress.releaseRoot();
    progress.withholdRoot();
    progress.have(0, FROM_ROOT);
    expect(progress.available).toBe(0);
  });

  test('counts bytes and finds the head again when a piece is dropped', () => {
    const progress = fresh();
    for (const piece of [0, 1, 2]) progress.have(piece, FROM_MIRROR);
    expect([progress.head, progress.haveBytes, progress.contiguousBytes]).toEqual([3, 3 * PIECE, 3 * PIECE]);
    progress.missing(1);
    progress.missing(1);
    expect([progress.head, progress.haveBytes, progress.contiguousBytes]).toEqual([1, 2 * PIECE, PIECE]);
    progress.have(1, FROM_ROOT);
    progress.have(1, FROM_MIRROR);
    expect([progress.head, progress.haveBytes]).toEqual([3, 3 * PIECE]);
  });

  test('of the last piece only its own bytes count', () => {
    const progress = fresh();
    for (let piece = 0; piece < 6; piece += 1) progress.have(piece, FROM_MIRROR);
    expect(progress.haveBytes).toBe(SIZE);
    expect(progress.contiguousBytes).toBe(SIZE);
  });

  test('a new generation begins with what is still trusted', () => {
    const progress = fresh();
    progress.releaseRoot();
    progress.have(0, FROM_MIRROR);
    progress.have(1, FROM_ROOT);
    progress.have(2, FROM_MIRROR);
    expect(progress.available).toBe(3 * PIECE);
    progress.missing(1);
    progress.newGeneration();
    expect(progress.rootReleased).toBe(false);
    expect(progress.available).toBe(PIECE);
  });

  test('available never falls within a generation, nor reaches the last piece, whatever happens (500 histories)', () => {
    const draw = seeded(5);
    for (let history = 0; history < 500; history += 1) {
      const progress = fresh();
      let before = 0;
      for (let step = 0; step < 60; step += 1) {
        const piece = draw(6);
        const kind = draw(9);
        if (kind === 0) {
          if (progress.state[piece] !== HAVE) progress.asked(piece, draw(3));
        } else if (kind === 1 && progress.state[piece] === ASKED) progress.missing(piece);
        else if (kind === 2) progress.missing(piece);
        else if (kind === 3) progress.releaseRoot();
        else if (kind === 4) progress.mirrorAt(piece, Math.min(SIZE, piece * PIECE + draw(PIECE)));
        else if (kind === 5) progress.mirrorStopped();
        else if (kind === 6 && draw(8) === 0) {
          progress.newGeneration();
          before = progress.available;
        } else progress.have(piece, [FROM_MIRROR, FROM_ROOT, FROM_HEARSAY][draw(3)] as typeof FROM_MIRROR);
        expect(progress.available).toBeGreaterThanOrEqual(before);
        expect(progress.available).toBeLessThanOrEqual(5 * PIECE);
        before = progress.available;
        const have = progress.state.reduce(
          (sum, s, p) => sum + (s === HAVE ? progress.pieces.size(p) : 0),
          0,
        );
        expect(progress.haveBytes).toBe(have);
        const head = progress.state.findIndex((s) => s !== HAVE);
        expect(progress.head).toBe(head < 0 ? 6 : head);
        expect([MISSING, ASKED, HAVE]).toContain(progress.state[piece] ?? -1);
      }
    }
  });
});

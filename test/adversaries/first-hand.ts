/** A `have` of grade first-hand: all pieces of a file, each with the hash of what is shown, as one's own word. */
import { Grade, type PieceHash } from '../../src/wire/archive-ext.ts';
import type { Shown, Talk } from './hostile.ts';

export function firstHand(talk: Talk, want: number, shown: Shown): void {
  const { root: _, ...entry } = talk.entry(want, shown);
  const hashes: PieceHash[] = Array.from({ length: shown.pieces.count }, (_, pieceOffset) => ({
    pieceOffset,
    hash: shown.layer.slice(pieceOffset * 32, pieceOffset * 32 + 32),
  }));
  talk.raw.archive({ kind: 'have', entries: [{ ...entry, grade: Grade.firstHand, firstHand: hashes }] });
}

/** What a `have` says of a file: grade, root, which pieces, and while there is no tree their hashes. Pure. */
import { Grade, type HaveEntry, type PieceHash } from '../wire/archive-ext.ts';
import type { Servable } from './library.ts';
import type { Given } from './piece-numbers.ts';

/** `fresh`: the pieces whose hashes the peer hasn't been told yet, where the file has no tree; all, when left out. */
export function haveEntry({ want, first, servable }: Given, fresh?: readonly number[]): HaveEntry {
  const { pieces, tree, whole, hearsay } = servable;
  const { sizeBytes } = pieces;
  if (hearsay) return { ...pieceWords(servable, fresh), want, sizeBytes, firstPiece: first };
  return {
    want,
    sizeBytes,
    firstPiece: first,
    grade: whole ? Grade.whole : Grade.relayed,
    ...(tree && { root: tree.root }),
    ...(!whole && { pieces: bitfieldOf(servable) }),
  };
}

/** The pieces there are, with what is known of their hashes. */
function pieceWords(
  servable: Servable,
  fresh?: readonly number[],
): Pick<HaveEntry, 'grade' | 'pieces' | 'firstHand' | 'secondHand'> {
  const firstHand: PieceHash[] = [];
  const secondHand: PieceHash[] = [];
  const told = fresh ?? Array.from({ length: servable.pieces.count }, (_, i) => i);
  for (const pieceOffset of told) {
    const known = servable.hasPiece(pieceOffset) ? servable.hearsay?.of(pieceOffset) : undefined;
    if (known) (known.own ? firstHand : secondHand).push({ pieceOffset, hash: known.hash });
  }
  return {
    grade: Grade.firstHand,
    pieces: bitfieldOf(servable),
    ...(firstHand.length > 0 && { firstHand }),
    ...(secondHand.length > 0 && { secondHand }),
  };
}

function bitfieldOf(servable: Servable): Uint8Array {
  const { pieces } = servable;
  const bits = new Uint8Array(Math.ceil(pieces.count / 8));
  for (let i = 0; i < pieces.count; i += 1) {
    if (servable.hasPiece(i)) bits[i >> 3] = (bits[i >> 3] ?? 0) | (0x80 >> (i & 7));
  }
  return bits;
}

/** Hashes single pieces of a file on disk (BEP 52, at the piece layer): the hash thread's answer to what is kept of a file. */
import { readSync } from 'node:fs';
import { HASH_BYTES, PieceHasher } from '../torrent/merkle.ts';
import type { Pieces } from '../torrent/pieces.ts';

/** 32 bytes for each index, in their order; zeros for a piece that isn't there as a whole. Throws when it can't be read. */
export function hashPieces(fd: number, pieces: Pieces, indices: readonly number[]): Uint8Array {
  const hashes = new Uint8Array(indices.length * HASH_BYTES);
  const hasher = new PieceHasher(pieces);
  const buffer = new Uint8Array(pieces.pieceLength);
  for (const [at, index] of indices.entries()) {
    const piece = buffer.subarray(0, pieces.size(index));
    if (readFully(fd, pieces.offset(index), piece)) hashes.set(hasher.hash(piece), at * HASH_BYTES);
  }
  return hashes;
}

function readFully(fd: number, from: number, target: Uint8Array): boolean {
  let done = 0;
  while (done < target.length) {
    const got = readSync(fd, target, done, target.length - done, from + done);
    if (got === 0) return false;
    done += got;
  }
  return true;
}

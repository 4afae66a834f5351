/** Begins partial files, adds pieces and leaves some unfinished, as fast as it can, until partial-kill.test.ts kills it. */
import { sha256Of, sha256ToBytes } from '../../src/lib/sha256.ts';
import { DiskStore } from '../../src/store/disk-store.ts';
import { sample } from './store-conformance.ts';

export const PARTIAL_BYTES = 200_000;
export const PIECE_LENGTH = 9_000;

if (import.meta.main) {
  const [cacheDir, first] = process.argv.slice(2) as [string, string];
  const store = new DiskStore({ cacheDir });
  console.log('ready');
  for (let seed = Number(first); ; seed++) {
    const bytes = sample(PARTIAL_BYTES, seed);
    const partial = store.createPartial(sha256Of(bytes), bytes.length, { pieceLength: PIECE_LENGTH });
    const count = Math.ceil(PARTIAL_BYTES / PIECE_LENGTH);
    // Each fourth gets whole; the others end somewhere on the way.
    const to = seed % 4 === 0 ? count : (seed * 7) % count;
    for (let index = 0; index < to; index++) {
      const piece = bytes.subarray(index * PIECE_LENGTH, (index + 1) * PIECE_LENGTH);
      partial.write(index * PIECE_LENGTH, piece);
      partial.note({ index, hash: sha256ToBytes(sha256Of(piece)), grade: 'peer' });
      if (index % 5 === 4) partial.forget(index - 2);
    }
    if (to === count) partial.commit({ name: '', swarms: [] });
    if (seed % 4 === 1) partial.discard();
    await partial[Symbol.asyncDispose]();
  }
}

/**
 * Has the whole file, it says: wrong bytes, and a root and layer that fit them. Files of one piece, whose hash is the
 * key, it gives as they are: it is found out only by the whole of a longer one.
 */
import { SINGLE_PIECE_MAX_BYTES } from '../../src/torrent/pieces.ts';
import { type StartAdversary, startWith } from './hostile.ts';
import { runAsProgram } from './program.ts';

export const start: StartAdversary = startWith({
  name: 'false-tree',
  bytesOf: (truth) => (truth.length <= SINGLE_PIECE_MAX_BYTES ? truth : truth.map((byte) => 255 - byte)),
});

if (import.meta.main) await runAsProgram(start);

/** States right hashes of half of the pieces as its own word, so as to be believed, and false ones of the rest. */
import { firstHand } from './first-hand.ts';
import { type StartAdversary, startWith } from './hostile.ts';
import { runAsProgram } from './program.ts';

const PIECE_BYTES = 256 * 1024;

export const start: StartAdversary = startWith({
  name: 'half-truth',
  bytesOf: (truth) => truth.map((byte, at) => (Math.floor(at / PIECE_BYTES) % 2 === 0 ? byte : 255 - byte)),
  wanted(talk, want, key) {
    const shown = talk.node.shown.get(key);
    if (shown && !shown.pieces.isSingle) firstHand(talk, want, shown);
    else talk.none(want);
  },
});

if (import.meta.main) await runAsProgram(start);

/** "I had these pieces from the mirror": wrong bytes, and as its own word the hashes that fit them. */
import { firstHand } from './first-hand.ts';
import { type StartAdversary, startWith } from './hostile.ts';
import { runAsProgram } from './program.ts';

export const start: StartAdversary = startWith({
  name: 'false-first-hand',
  bytesOf: (truth) => truth.map((byte) => 255 - byte),
  wanted(talk, want, key) {
    const shown = talk.node.shown.get(key);
    if (shown && !shown.pieces.isSingle) firstHand(talk, want, shown);
    else talk.none(want);
  },
});

if (import.meta.main) await runAsProgram(start);

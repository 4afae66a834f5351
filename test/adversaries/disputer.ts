/** States false hashes of all pieces as its own word, offers none of them and never sends a byte: what others say is to be doubted. */
import { encodeReject } from '../../src/wire/message.ts';
import { firstHand } from './first-hand.ts';
import { type StartAdversary, startWith } from './hostile.ts';
import { runAsProgram } from './program.ts';

export const start: StartAdversary = startWith({
  name: 'disputer',
  bytesOf: (truth) => truth.map((byte) => 255 - byte),
  wanted(talk, want, key) {
    const shown = talk.node.shown.get(key);
    if (shown && !shown.pieces.isSingle) firstHand(talk, want, shown);
    else talk.none(want);
  },
  requested(talk, block) {
    talk.raw.send(encodeReject(block));
  },
});

if (import.meta.main) await runAsProgram(start);

/** Right bytes, and the connection is cut when the last block of a file is asked for; it comes back at once. */
import { type StartAdversary, startWith } from './hostile.ts';
import { runAsProgram } from './program.ts';

export const start: StartAdversary = startWith({
  name: 'last-block-cutter',
  requested(talk, block) {
    const found = talk.find(block.index);
    const { shown, piece } = found ?? {};
    const end = shown ? shown.pieces.offset(piece ?? 0) + block.begin + block.length : 0;
    if (!shown || end < shown.bytes.length) return talk.give(block);
    const { victim, node } = talk;
    talk.raw.link.close('cut');
    if (victim) void node.dial(victim);
  },
});

if (import.meta.main) await runAsProgram(start);

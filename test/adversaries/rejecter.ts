/** Offers everything, rejects each request, and says at once that it has the piece after all. */
import { encodeHave, encodeReject } from '../../src/wire/message.ts';
import { type StartAdversary, startWith } from './hostile.ts';
import { runAsProgram } from './program.ts';

export const start: StartAdversary = startWith({
  name: 'rejecter',
  requested(talk, block) {
    talk.raw.send(encodeReject(block), encodeHave(block.index));
  },
});

if (import.meta.main) await runAsProgram(start);

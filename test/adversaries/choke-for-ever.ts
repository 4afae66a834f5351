/** Offers everything, and answers the first request by CHOKE; unchokes now and then, to choke again. */
import { encodeChoke } from '../../src/wire/message.ts';
import { type StartAdversary, startWith } from './hostile.ts';
import { runAsProgram } from './program.ts';

export const start: StartAdversary = startWith({
  name: 'choke-for-ever',
  requested(talk) {
    talk.raw.send(encodeChoke());
    talk.node.after(2_000, () => talk.raw.unchoke());
  },
});

if (import.meta.main) await runAsProgram(start);

/** Wants to know what its victim has: 1,000 keys that nobody has, to use up what it may ask, then those of the files it was given. */

import { type StartAdversary, startWith } from './hostile.ts';
import { runAsProgram } from './program.ts';
import { randomKeys } from './random-keys.ts';

export const start: StartAdversary = startWith({
  name: 'cache-prober',
  ready(talk) {
    talk.raw.archive({ kind: 'want', first: 0, keys: randomKeys(1_000) });
    talk.raw.archive({ kind: 'unwant', ranges: [{ first: 0, count: 1_000 }] });
    talk.raw.archive({ kind: 'want', first: 1_000, keys: [...talk.node.shown.keys()] });
  },
});

if (import.meta.main) await runAsProgram(start);

/** Looks for a thousand keys that nobody has, takes that back, and looks for the next thousand, twenty times a second. */

import { type StartAdversary, startWith } from './hostile.ts';
import { runAsProgram } from './program.ts';
import { randomKeys } from './random-keys.ts';

const KEYS = 1_000;
const EVERY_MS = 50;

export const start: StartAdversary = startWith({
  name: 'want-flood',
  ready(talk) {
    let first = 0;
    talk.node.repeat(EVERY_MS, () => {
      if (talk.closed) return;
      talk.raw.archive({ kind: 'want', first, keys: randomKeys(KEYS) });
      talk.raw.archive({ kind: 'unwant', ranges: [{ first, count: KEYS }] });
      first += KEYS;
    });
  },
});

if (import.meta.main) await runAsProgram(start);

/** Has every file, it says, and never answers when asked for the hashes under its root. */
import { type StartAdversary, startWith } from './hostile.ts';
import { runAsProgram } from './program.ts';

export const start: StartAdversary = startWith({
  name: 'hash-staller',
  hashesAsked() {},
});

if (import.meta.main) await runAsProgram(start);

/** Has every file, it says, gives its hashes, takes every request, and never sends a byte. */
import { type StartAdversary, startWith } from './hostile.ts';
import { runAsProgram } from './program.ts';

export const start: StartAdversary = startWith({
  name: 'never-sends',
  requested() {},
});

if (import.meta.main) await runAsProgram(start);

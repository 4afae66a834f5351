/** Takes wants and says nothing of them, neither have nor none. */
import { type StartAdversary, startWith } from './hostile.ts';
import { runAsProgram } from './program.ts';

export const start: StartAdversary = startWith({
  name: 'never-answers',
  wanted() {},
});

if (import.meta.main) await runAsProgram(start);

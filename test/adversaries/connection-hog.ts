/** Takes as many places as there are: hundreds of complete connections, each under a peer id of its own, and none of any use. */
import { type StartAdversary, startWith } from './hostile.ts';
import { runAsProgram } from './program.ts';

const WANTED = 300;

export const start: StartAdversary = async (ground, aim) => {
  const adversary = await startWith({ name: 'connection-hog' })(ground, { ...aim, files: [], victims: [] });
  let dialled = 0;
  adversary.repeat(100, () => {
    for (const victim of aim.victims ?? []) {
      for (let i = 0; i < 10 && dialled < WANTED; i += 1, dialled += 1) void adversary.dial(victim);
    }
  });
  return adversary;
};

if (import.meta.main) await runAsProgram(start);

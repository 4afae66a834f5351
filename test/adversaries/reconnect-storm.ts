/** Connects, says who it is (somebody else each time), and goes, a hundred times a second. */
import { type StartAdversary, startWith } from './hostile.ts';
import { runAsProgram } from './program.ts';

const EVERY_MS = 10;

export const start: StartAdversary = async (ground, aim) => {
  const adversary = await startWith({
    name: 'reconnect-storm',
    ready: (talk) => talk.raw.link.close('storm'),
  })(ground, { ...aim, victims: [] });
  adversary.repeat(EVERY_MS, () => {
    for (const victim of aim.victims ?? []) void adversary.dial(victim);
  });
  return adversary;
};

if (import.meta.main) await runAsProgram(start);

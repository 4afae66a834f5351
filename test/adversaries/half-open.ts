/** Opens connections and says nothing on them, as many as it can, and opens a new one for each that is closed. */
import { type StartAdversary, startWith } from './hostile.ts';
import { runAsProgram } from './program.ts';

const AT_ONCE = 100;

export const start: StartAdversary = async (ground, aim) => {
  const adversary = await startWith({
    name: 'half-open',
    opening() {},
  })(ground, { ...aim, victims: [] });
  const tryFor = () => {
    for (const victim of aim.victims ?? []) {
      for (let i = adversary.talks.size; i < AT_ONCE; i += 1) void adversary.dial(victim);
    }
  };
  adversary.repeat(1_000, tryFor);
  return adversary;
};

if (import.meta.main) await runAsProgram(start);

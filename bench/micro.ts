/**
 * The inner loops by themselves, in this process (micro/): to see what a change did, not to compare with others.
 *
 *   node scripts/bun.mjs bench/micro.ts [framer] [merkle] [control] [store]
 */
import { Recorder } from './lib/results.ts';
import { controlFigures } from './micro/control.ts';
import type { Figure } from './micro/figure.ts';
import { framerFigures } from './micro/framer.ts';
import { merkleFigures } from './micro/merkle.ts';
import { storeFigures } from './micro/store.ts';
import { reportMicro } from './micro-report.ts';

const BENCHES: Readonly<Record<string, () => Promise<Figure[]>>> = {
  framer: framerFigures,
  merkle: merkleFigures,
  control: controlFigures,
  store: storeFigures,
};

async function main(): Promise<void> {
  const asked = process.argv.slice(2);
  const names = asked.length > 0 ? asked : Object.keys(BENCHES);
  const recorder = new Recorder<Figure>('micro', { benches: names.join(' ') });
  for (const name of names) {
    const bench = BENCHES[name];
    if (!bench) throw new Error(`no micro bench ${name}; there are ${Object.keys(BENCHES).join(', ')}`);
    for (const figure of await bench()) recorder.add(figure);
  }
  console.log(reportMicro(recorder.result));
  console.error(recorder.path);
}

if (import.meta.main) await main();

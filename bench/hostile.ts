/**
 * What a third of hostile nodes costs a swarm: eight daemons with real apt clients fetch the same twelve packages at
 * once from one slow mirror, by themselves and with four adversaries (test/adversaries) among them, in turn. Prints the
 * times and their ratio. All are processes of one machine on loopback: of the figures only the ratio means anything.
 *
 *   node scripts/bun.mjs bench/hostile.ts [--rounds 3] [--mirror-rate 6000000] [--kind NAME]…
 */
import { parseArgs } from 'node:util';
import { describeSwarm, HOSTILE_MIX, runSwarm, SWARM_PACKAGES } from '../test/adversaries/hostile-swarm.ts';
import { SignedRepository } from '../test/fixtures/signed-repository.ts';
import { Recorder } from './lib/results.ts';
import { median } from './lib/statistics.ts';

export interface HostileRecord {
  /** "none", or the names of the adversaries. */
  readonly hostile: string;
  readonly seconds: number;
  readonly mirrorCopies: number;
  readonly banned: readonly string[];
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '3' },
      'mirror-rate': { type: 'string', default: '6000000' },
      kind: { type: 'string', multiple: true, default: [...HOSTILE_MIX] },
    },
  });
  const mirrorBytesPerSecond = Number(values['mirror-rate']);
  const rounds = Number(values.rounds);
  const mix = Array.from({ length: 4 }, (_, i) => values.kind[i % values.kind.length] as string);
  const recorder = new Recorder<HostileRecord>('hostile', { rounds, mirrorBytesPerSecond });
  using archive = await SignedRepository.build({ packages: SWARM_PACKAGES });
  const seconds: Record<'without' | 'among', number[]> = { without: [], among: [] };
  for (let round = 0; round < rounds; round += 1) {
    for (const [what, hostile] of [
      ['without', []],
      ['among', mix],
    ] as const) {
      const report = await runSwarm({ archive, honest: 8, hostile, mirrorBytesPerSecond });
      console.error(describeSwarm(report));
      seconds[what].push(report.tookMs / 1000);
      recorder.add({
        hostile: hostile.join(' ') || 'none',
        seconds: report.tookMs / 1000,
        mirrorCopies: report.mirrorCopies,
        banned: [...report.banned.keys()],
      });
    }
  }
  const [alone, among] = [median(seconds.without), median(seconds.among)];
  console.log(
    `8 honest nodes: ${alone.toFixed(2)} s; with ${mix.join(', ')} among them: ${among.toFixed(2)} s`,
  );
  console.log(`ratio ${(among / alone).toFixed(2)} (medians of ${rounds}); results in ${recorder.path}`);
}

await main();

/**
 * Real crowds: daemons and apt-gets in network namespaces, each on a line of its own of so many Mbit/s, that all want
 * the same at once; what the mirror had to send, and how long the slowest took, against the least there could be or
 * against apt-get without a daemon on the same lines. Needs root.
 *
 *   sudo node scripts/bun.mjs bench/crowd.ts [--only one-large,upgrade,seed,alone,fast-mirror,lan] [--rounds 1]
 *     [--crowd 16] [--slow 1] [--plain-rounds 1] [--quiet-seconds 30] [--keep-logs DIR]
 *
 * Two processors can't do the work of sixteen machines at full speed: `--slow 4` divides the rates of all lines, so
 * that what is seen is the plan and not this machine; ratios mean the same. Plain apt-gets in `upgrade` take minutes;
 * they run in the first `--plain-rounds` rounds. `--keep-logs` makes the daemons write debug logs.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { reportCrowd } from './crowd-report.ts';
import { openCorpus } from './lib/corpus.ts';
import { type CrowdRecord, SCENARIOS, type Scenario, type Stage } from './lib/crowd-scenarios.ts';
import { quietMachine } from './lib/process-use.ts';
import { Recorder } from './lib/results.ts';
import { World } from './lib/shaped-world.ts';
import { workDir } from './lib/work-dir.ts';

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      rounds: { type: 'string', default: '1' },
      crowd: { type: 'string', default: '16' },
      slow: { type: 'string', default: '1' },
      'plain-rounds': { type: 'string', default: '1' },
      'quiet-seconds': { type: 'string', default: '30' },
      'keep-logs': { type: 'string' },
    },
  });
  const rounds = Number(values.rounds);
  const crowd = Number(values.crowd);
  const slow = Number(values.slow);
  const scenarios = chooseScenarios(values.only);
  const corpus = openCorpus();
  using directory = workDir('crowd');
  const recorder = new Recorder<CrowdRecord>(
    'crowd',
    {
      rounds,
      crowd,
      slow,
      scenarios: scenarios.map(({ name }) => name).join(' '),
      tcp: readFileSync('/proc/sys/net/ipv4/tcp_congestion_control', 'utf8').trim(),
    },
    ['apt', 'nginx', 'iproute2'],
  );
  let worlds = 0;
  for (let round = 0; round < rounds; round++) {
    for (const { name, play } of scenarios) {
      const stage: Stage = {
        corpus,
        slow,
        line: (mbit) => ({ upMbit: mbit / slow, downMbit: mbit / slow }),
        crowd,
        withPlain: round < Number(values['plain-rounds']),
        async open(options) {
          await quietMachine(Number(values['quiet-seconds']));
          worlds += 1;
          return World.open({
            ...options,
            corpus,
            directory: join(directory.path, `${name}-${worlds}`),
            keepLogsIn: values['keep-logs'],
          });
        },
        record(setup, course, boundSeconds) {
          recorder.add({ round, scenario: name, setup, boundSeconds, ...course });
        },
      };
      await play(stage);
    }
  }
  console.log(reportCrowd(recorder.result));
  console.error(recorder.path);
}

function chooseScenarios(names: string | undefined): readonly Scenario[] {
  if (names === undefined) return SCENARIOS;
  return names.split(',').map((name) => {
    const scenario = SCENARIOS.find((each) => each.name === name);
    if (!scenario)
      throw new Error(`no scenario ${name}; there are ${SCENARIOS.map((each) => each.name).join(', ')}`);
    return scenario;
  });
}

if (import.meta.main) await main();

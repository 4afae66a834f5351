/**
 * Simulated crowds: what N nodes cost the mirror, and how long they take, against the same N without peers (test/sim).
 * The nodes run the real planner, claims, flights and swarm; time, lines and bytes are simulated. Seeded: the same
 * command gives the same figures.
 *
 *   node scripts/bun.mjs bench/sim.ts [--experiment flash-small,upgrade] [--nodes 2,8,64] [--seed 1] [--json]
 *     [--write]    put table and plot (docs/crowd.svg) of the newest run into docs/benchmarks.md; runs nothing
 *     [--trace 3]  print the diary of node 3 on stderr, with simulated milliseconds
 */
import { parseArgs } from 'node:util';
import { setLogLevel } from '../src/lib/log.ts';
import { type Figures, type Scenario, World } from '../test/sim/world.ts';
import { CROWDS, type Crowd } from './lib/crowds.ts';
import { newestResult, Recorder } from './lib/results.ts';
import { type CrowdFigures, reportCrowds, writeCrowds } from './sim-report.ts';

/** A world that grows beyond this is given up before the machine swaps. */
const MAX_RSS_BYTES = 12 * 2 ** 30;

if (import.meta.main) await main();

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      experiment: { type: 'string' },
      nodes: { type: 'string' },
      seed: { type: 'string', default: '1' },
      trace: { type: 'string' },
      json: { type: 'boolean' },
      write: { type: 'boolean' },
    },
  });
  if (values.write) return writeCrowds(newestResult<CrowdFigures>('sim'));
  const names = values.experiment?.split(',') ?? CROWDS.map(({ name }) => name);
  const seed = Number(values.seed);
  const recorder = new Recorder<CrowdFigures>('sim', { experiments: names.join(' '), seed });
  for (const name of names) {
    const crowd = CROWDS.find((one) => one.name === name);
    if (!crowd)
      throw new Error(`no experiment ${name}; there are ${CROWDS.map((one) => one.name).join(', ')}`);
    for (const nodes of values.nodes?.split(',').map(Number) ?? crowd.sizes)
      recorder.add(await measure(crowd, nodes, seed, values.trace));
  }
  console.log(values.json ? JSON.stringify(recorder.result, null, 1) : reportCrowds(recorder.result));
  console.error(recorder.path);
}

async function measure(
  crowd: Crowd,
  nodes: number,
  seed: number,
  trace: string | undefined,
): Promise<CrowdFigures> {
  const scenario = crowd.scenario(nodes, seed);
  const alone = await run({ ...scenario, neighbours: 0 });
  Bun.gc(true);
  const { user, system } = process.cpuUsage();
  const together = await run(scenario, trace);
  const after = process.cpuUsage();
  const took = sorted(together.tookMs);
  const tookAlone = sorted(alone.tookMs);
  const ratios = together.tookMs.map((ms, i) => (ms ?? Number.POSITIVE_INFINITY) / (alone.tookMs[i] ?? 1));
  return {
    experiment: crowd.name,
    nodes,
    copies: (together.mirrorBytes * nodes) / together.wantedBytes,
    mirrorShare: together.mirrorBytes / together.wantedBytes,
    mirrorRequests: together.mirrorRequests,
    medianMs: took[took.length >> 1] ?? 0,
    slowestMs: took.at(-1) ?? 0,
    aloneMedianMs: tookAlone[tookAlone.length >> 1] ?? 0,
    aloneSlowestMs: tookAlone.at(-1) ?? 0,
    worstRatio: Math.max(...ratios),
    notDone: together.tookMs.filter((ms) => ms === undefined).length,
    protocolShare: together.protocolBytes / together.wantedBytes,
    events: together.events,
    cpuSeconds: (after.user - user + after.system - system) / 1e6,
    rssMiB: Math.round(process.memoryUsage().rss / 2 ** 20),
  };
}

async function run(scenario: Scenario, trace?: string): Promise<Figures> {
  const world = new World(scenario);
  const stopTracing = trace === undefined ? () => {} : follow(world, trace);
  try {
    const figures = world.run(() => {
      if (process.memoryUsage().rss > MAX_RSS_BYTES) throw new Error('the world has grown too large');
    });
    return figures;
  } finally {
    stopTracing();
    await world.stop();
  }
}

/** The diary of one node, with simulated time. Its lines name files, and files name their node (world.ts). */
function follow(world: World, node: string): () => void {
  const startMs = world.clock.nowMs();
  const part = `/node${node}/`;
  const write = process.stderr.write.bind(process.stderr);
  process.stderr.write = (text: string | Uint8Array) => {
    if (!String(text).includes(part)) return true;
    return write(`${(world.clock.nowMs() - startMs).toFixed(0).padStart(9)} ms  ${text}`);
  };
  setLogLevel('debug');
  return () => {
    process.stderr.write = write;
    setLogLevel('info');
  };
}

function sorted(values: readonly (number | undefined)[]): number[] {
  return values.map((value) => value ?? Number.POSITIVE_INFINITY).sort((a, b) => a - b);
}

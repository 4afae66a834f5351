/**
 * Simulated crowds: what N nodes cost the mirror, and how long they take, against the same N without peers (test/sim).
 * The nodes run the real planner, claims, flights and swarm; time, lines and bytes are simulated. Seeded: the same
 * command gives the same figures. Each crowd is a process of its own, whose memory is its own and is limited: all of
 * them take an hour or two of one processor, the two of 10,000 nodes most of that and 6 GB each.
 *
 *   node scripts/bun.mjs bench/sim.ts [--experiment flash-small,upgrade] [--nodes 2,8,64] [--seed 1] [--json]
 *     [--write]    put table and plot (docs/crowd.svg) of what was run at the newest run's commit into docs/benchmarks.md;
 *                  runs nothing
 *     [--trace 3]  print the diary of node 3 on stderr, with simulated milliseconds
 *     [--progress] say on stderr how far it has come: every ten simulated minutes
 */
import { parseArgs } from 'node:util';
import { setLogLevel } from '../src/lib/log.ts';
import { type Figures, type Scenario, World } from '../test/sim/world.ts';
import { CROWDS, type Crowd } from './lib/crowds.ts';
import { Recorder, resultsOfNewestCommit } from './lib/results.ts';
import { type CrowdFigures, reportCrowds, writeCrowds } from './sim-report.ts';

/** A world that grows beyond this is given up before the machine swaps. */
const MAX_RSS_BYTES = 8 * 2 ** 30;
/** The collector lets garbage grow as large as what lives while both are small beside the machine; this is its machine. */
const COLLECTORS_RAM_BYTES = MAX_RSS_BYTES / 2;
const PROGRESS_MS = 600_000;
/** Slower than this by a share of the time without peers: more than the odd millisecond. */
const SLOWER = 1.05;

if (import.meta.main) await main();

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      experiment: { type: 'string' },
      nodes: { type: 'string' },
      seed: { type: 'string', default: '1' },
      trace: { type: 'string' },
      progress: { type: 'boolean', default: false },
      json: { type: 'boolean' },
      write: { type: 'boolean' },
      /** What the process of one crowd is told: its figures go to stdout. */
      one: { type: 'boolean' },
    },
  });
  const names = values.experiment?.split(',') ?? CROWDS.map(({ name }) => name);
  const seed = Number(values.seed);
  if (values.write) return writeCrowds(resultsOfNewestCommit<CrowdFigures>('sim'));
  if (values.one) {
    const figures = await measure(crowdOf(names[0]), Number(values.nodes), seed, values);
    console.log(JSON.stringify(figures));
    return;
  }
  const recorder = new Recorder<CrowdFigures>('sim', { experiments: names.join(' '), seed });
  for (const name of names) {
    for (const nodes of values.nodes?.split(',').map(Number) ?? crowdOf(name).sizes)
      recorder.add(await measureApart(name, nodes, seed, values));
  }
  console.log(values.json ? JSON.stringify(recorder.result, null, 1) : reportCrowds(recorder.result));
  console.error(recorder.path);
}

function crowdOf(name: string | undefined): Crowd {
  const crowd = CROWDS.find((one) => one.name === name);
  if (!crowd) throw new Error(`no experiment ${name}; there are ${CROWDS.map((one) => one.name).join(', ')}`);
  return crowd;
}

/** What is told on stderr meanwhile. */
interface Telling {
  readonly trace?: string | undefined;
  readonly progress?: boolean;
}

async function measureApart(
  name: string,
  nodes: number,
  seed: number,
  { trace, progress }: Telling,
): Promise<CrowdFigures> {
  const words = ['--one', '--experiment', name, '--nodes', String(nodes), '--seed', String(seed)];
  if (trace !== undefined) words.push('--trace', trace);
  if (progress) words.push('--progress');
  const child = Bun.spawn([process.execPath, import.meta.path, ...words], {
    env: { ...process.env, BUN_JSC_forceRAMSize: String(COLLECTORS_RAM_BYTES) },
    stdout: 'pipe',
    stderr: 'inherit',
  });
  const figures = await new Response(child.stdout).text();
  if ((await child.exited) !== 0) throw new Error(`could not simulate ${name} with ${nodes} nodes`);
  return JSON.parse(figures) as CrowdFigures;
}

async function measure(crowd: Crowd, nodes: number, seed: number, telling: Telling): Promise<CrowdFigures> {
  const scenario = crowd.scenario(nodes, seed);
  const alone = await run({ ...scenario, neighbours: 0 });
  Bun.gc(true);
  const { user, system } = process.cpuUsage();
  const together = await run(scenario, telling);
  const after = process.cpuUsage();
  const took = sorted(together.tookMs);
  const tookAlone = sorted(alone.tookMs);
  const pairs = together.tookMs.map(
    (ms = Number.POSITIVE_INFINITY, i) => [ms, alone.tookMs[i] ?? 1] as const,
  );
  return {
    experiment: crowd.name,
    nodes,
    copies: (together.mirrorBytes * nodes) / together.wantedBytes,
    mirrorShare: together.mirrorBytes / together.wantedBytes,
    leastShare: bytesWantedByAny(scenario) / together.wantedBytes,
    mirrorRequests: together.mirrorRequests,
    medianMs: took[took.length >> 1] ?? 0,
    slowestMs: took.at(-1) ?? 0,
    aloneMedianMs: tookAlone[tookAlone.length >> 1] ?? 0,
    aloneSlowestMs: tookAlone.at(-1) ?? 0,
    worstRatio: largest(pairs.map(([ms, aloneMs]) => ms / aloneMs)),
    worstLossMs: largest(pairs.map(([ms, aloneMs]) => ms - aloneMs)),
    slower: pairs.filter(([ms, aloneMs]) => ms > SLOWER * aloneMs).length,
    notDone: together.tookMs.filter((ms) => ms === undefined).length,
    protocolShare: together.protocolBytes / together.wantedBytes,
    events: together.events,
    cpuSeconds: (after.user - user + after.system - system) / 1e6,
    rssMiB: Math.round(process.resourceUsage().maxRSS / 1024),
  };
}

/** Each file once that anybody asks for. */
function bytesWantedByAny({ errands, files }: Scenario): number {
  let bytes = 0;
  for (const file of new Set(errands.flatMap((errand) => errand.files))) bytes += files[file] ?? 0;
  return bytes;
}

async function run(scenario: Scenario, { trace, progress = false }: Telling = {}): Promise<Figures> {
  const world = new World(scenario);
  const stopTracing = trace === undefined ? () => {} : follow(world, trace);
  const tell = progress ? progressOf(world) : () => {};
  try {
    const figures = world.run(() => {
      if (process.memoryUsage().rss > MAX_RSS_BYTES) throw new Error('the world has grown too large');
      tell();
    });
    return figures;
  } finally {
    stopTracing();
    await world.stop();
  }
}

/** Says now and then what the mirror has sent up to here. */
function progressOf(world: World): () => void {
  const startMs = world.clock.nowMs();
  let nextMs = startMs;
  return () => {
    const nowMs = world.clock.nowMs();
    if (nowMs < nextMs) return;
    nextMs = nowMs + PROGRESS_MS;
    const rssMiB = Math.round(process.memoryUsage().rss / 2 ** 20);
    const minutes = Math.round((nowMs - startMs) / 60_000);
    const sent = `${world.mirror.requests} requests, ${world.mirror.sentBytes} bytes of the mirror`;
    console.error(`${minutes} min: ${world.nodes.length} nodes, ${sent}; ${rssMiB} MiB`);
  };
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

function largest(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
}

function sorted(values: readonly (number | undefined)[]): number[] {
  return values.map((value) => value ?? Number.POSITIVE_INFINITY).sort((a, b) => a - b);
}

/**
 * Real apt-get clients against the mirror itself ("direct"), debtorrent, and other caches in front of the same mirror.
 *
 * A round takes each target in turn, so a ratio is always to `direct` of the same round. Of each: one client with the
 * cache empty (cold), a second one (warm), the largest file by curl and one of 20 KB by wrk from the warm cache, then
 * several clients at once with the cache empty again. Clients write to memory; they are made anew each time.
 *
 *   node scripts/bun.mjs bench/apt.ts [--rounds 3] [--clients 8] [--targets direct,debtorrent,…] [--packages 300]
 *     [--tests cold,warm,big-file,small-file,cold-many] [--load-seconds 4] [--quiet-seconds 60]
 *     [--with-peer: one peer of ours has everything already]
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runWell } from '../test/fixtures/run.ts';
import { reportApt } from './apt-report.ts';
import { BenchClient } from './lib/apt-client.ts';
import { type Corpus, openCorpus } from './lib/corpus.ts';
import { BenchNode } from './lib/debtorrent.ts';
import { fetchToNull, loadWithWrk } from './lib/http-load.ts';
import { Origin } from './lib/nginx.ts';
import { type Measured, measure, quietMachine } from './lib/process-use.ts';
import { Recorder } from './lib/results.ts';
import { type RunningTarget, TARGETS, type Target } from './lib/targets.ts';
import { workDir } from './lib/work-dir.ts';

interface Common {
  readonly round: number;
  readonly target: string;
  /** Of the server under test. */
  readonly cpuSeconds: number;
  readonly peakPssBytes: number;
  readonly peakRssBytes: number;
  /** Used by programs that are no part of the bench: noise. */
  readonly foreignCores: number;
}

export interface ClientsRecord extends Common {
  readonly test: 'cold' | 'warm' | 'cold-many';
  readonly clients: number;
  /** From the first client's start to the last one's end. */
  readonly wallSeconds: number;
  /** The slowest client's. */
  readonly updateSeconds: number;
  readonly downloadSeconds: number;
  readonly filesWanted: number;
  readonly filesMissing: number;
  readonly bytes: number;
  readonly failedUpdates: number;
  /** apt's first complaint of any client. */
  readonly firstError: string;
  readonly mirrorBytes: number;
  readonly mirrorRequests: number;
}

export interface BigFileRecord extends Common {
  readonly test: 'big-file';
  readonly bytes: number;
  readonly seconds: number;
  readonly firstByteSeconds: number;
  readonly failed: boolean;
}

export interface SmallFileRecord extends Common {
  readonly test: 'small-file';
  readonly requestsPerSecond: number;
  readonly p99Ms: number;
  readonly failures: number;
  /** How long wrk went on. */
  readonly seconds: number;
}

export type AptRecord = ClientsRecord | BigFileRecord | SmallFileRecord;

interface Plan {
  readonly clients: number;
  readonly tests: ReadonlySet<string>;
  readonly packages: readonly string[];
  readonly loadSeconds: number;
  readonly quietSeconds: number;
}

const BIG_FILE_REPEATS = 5;
const DEBIAN_PACKAGES = ['apt', 'nginx', 'apt-cacher-ng', 'squid', 'curl', 'wrk'];

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '3' },
      clients: { type: 'string', default: '8' },
      targets: { type: 'string' },
      tests: { type: 'string', default: 'cold,warm,big-file,small-file,cold-many' },
      packages: { type: 'string', default: '0' },
      'load-seconds': { type: 'string', default: '4' },
      'quiet-seconds': { type: 'string', default: '60' },
      'with-peer': { type: 'boolean', default: false },
    },
  });
  const corpus = openCorpus();
  const targets = chooseTargets(values.targets);
  const plan: Plan = {
    clients: Number(values.clients),
    tests: new Set(values.tests.split(',')),
    packages: corpus.packages.slice(0, Number(values.packages) || undefined),
    loadSeconds: Number(values['load-seconds']),
    quietSeconds: Number(values['quiet-seconds']),
  };
  const rounds = Number(values.rounds);
  const recorder = new Recorder<AptRecord>(
    'apt',
    { rounds, clients: plan.clients, packages: plan.packages.length, corpusBytes: corpus.bytes },
    DEBIAN_PACKAGES,
  );
  using directory = workDir('apt');
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < targets.length; i++) {
      // Another one begins each round: nobody always follows the same neighbour.
      const target = targets[(i + round) % targets.length] as Target;
      await using origin = await Origin.start(corpus.root, join(directory.path, 'origin'));
      await using peer = values['with-peer']
        ? await fullPeer(origin, corpus, plan, directory.path)
        : undefined;
      const peers = peer ? [peer.peerAddress] : [];
      const course = new Course({
        plan,
        corpus,
        origin,
        target,
        round,
        directory: directory.path,
        recorder,
        peers,
      });
      await course.run();
    }
  }
  console.log(reportApt(recorder.result));
  console.error(recorder.path);
}

/** A node that has all packages: a client has asked it for them. */
async function fullPeer(origin: Origin, corpus: Corpus, plan: Plan, directory: string): Promise<BenchNode> {
  const node = await BenchNode.start({ directory: join(directory, 'peer'), mirror: origin.hostPort });
  const { suite, keyring } = corpus;
  using client = new BenchClient({ sources: [`${origin.url} ${suite} main`], keyring, proxy: node.proxyUrl });
  const { files, firstError } = await client.run(plan.packages);
  if (files < plan.packages.length) throw new Error(`the peer has only ${files} packages: ${firstError}`);
  return node;
}

function chooseTargets(names: string | undefined): readonly Target[] {
  if (names === undefined)
    return TARGETS.filter(({ program }) => program === undefined || Bun.which(program));
  return names.split(',').map((name) => {
    const target = TARGETS.find((each) => each.name === name);
    if (!target)
      throw new Error(`no target ${name}; there are ${TARGETS.map((each) => each.name).join(', ')}`);
    return target;
  });
}

interface CourseParts {
  readonly plan: Plan;
  readonly corpus: Corpus;
  readonly origin: Origin;
  readonly target: Target;
  readonly round: number;
  readonly directory: string;
  readonly recorder: Recorder<AptRecord>;
  readonly peers: readonly string[];
}

/** All tests of one target in one round. */
class Course {
  readonly #parts: CourseParts;

  constructor(parts: CourseParts) {
    this.#parts = parts;
  }

  async run(): Promise<void> {
    const { clients, tests } = this.#parts.plan;
    {
      await using target = await this.#startFresh();
      if (tests.has('cold')) await this.#clients('cold', 1, target);
      if (tests.has('warm')) await this.#clients('warm', 1, target);
      // These speak HTTP.
      const isHttp = target.url.startsWith('http:');
      if (isHttp && tests.has('big-file')) await this.#bigFile(target);
      if (isHttp && tests.has('small-file')) await this.#smallFile(target);
    }
    if (tests.has('cold-many')) {
      await using target = await this.#startFresh();
      await this.#clients('cold-many', clients, target);
    }
  }

  /** With an empty cache, and nothing of an earlier one still to be written to disk. */
  async #startFresh(): Promise<RunningTarget> {
    const { target, origin, directory, peers } = this.#parts;
    const own = join(directory, target.name);
    rmSync(own, { recursive: true, force: true });
    mkdirSync(own);
    await runWell(['sync']);
    return target.start(origin, own, peers);
  }

  async #clients(test: ClientsRecord['test'], count: number, target: RunningTarget): Promise<void> {
    const { plan, corpus, origin, recorder } = this.#parts;
    using stack = new DisposableStack();
    const options = {
      sources: [`${target.url} ${corpus.suite} main`],
      keyring: corpus.keyring,
      proxy: target.proxy,
      options: target.aptOptions ?? [],
    };
    const clients = Array.from({ length: count }, () => stack.use(new BenchClient(options)));
    await quietMachine(plan.quietSeconds);
    origin.workSinceLast();
    const measured = await measure([target.pid], () =>
      Promise.all(clients.map((client) => client.run(plan.packages))),
    );
    const outcomes = measured.result;
    const sum = (of: (outcome: (typeof outcomes)[number]) => number) =>
      outcomes.reduce((total, outcome) => total + of(outcome), 0);
    const mirror = origin.workSinceLast();
    recorder.add({
      ...this.#common(measured),
      test,
      clients: count,
      wallSeconds: measured.wallSeconds,
      updateSeconds: Math.max(...outcomes.map(({ updateSeconds }) => updateSeconds)),
      downloadSeconds: Math.max(...outcomes.map(({ downloadSeconds }) => downloadSeconds)),
      filesWanted: count * plan.packages.length,
      filesMissing: count * plan.packages.length - sum(({ files }) => files),
      bytes: sum(({ bytes }) => bytes),
      failedUpdates: sum(({ updateFailed }) => Number(updateFailed)),
      firstError: outcomes.find(({ firstError }) => firstError !== '')?.firstError ?? '',
      mirrorBytes: mirror.bytes,
      mirrorRequests: mirror.requests,
    });
  }

  async #bigFile(target: RunningTarget): Promise<void> {
    const { plan, corpus, recorder } = this.#parts;
    const url = `${target.url}/${corpus.bigFile}`;
    await fetchToNull(url, target.proxy);
    await quietMachine(plan.quietSeconds);
    for (let i = 0; i < BIG_FILE_REPEATS; i++) {
      const measured = await measure([target.pid], () => fetchToNull(url, target.proxy));
      const { bytes, seconds, firstByteSeconds, status, exitCode } = measured.result;
      const failed = status !== 200 || exitCode !== 0;
      recorder.add({ ...this.#common(measured), test: 'big-file', bytes, seconds, firstByteSeconds, failed });
    }
  }

  async #smallFile(target: RunningTarget): Promise<void> {
    const { plan, corpus, directory, recorder } = this.#parts;
    const url = `${target.url}/${corpus.smallFile}`;
    await fetchToNull(url, target.proxy);
    await quietMachine(plan.quietSeconds);
    const seconds = plan.loadSeconds;
    const measured = await measure([target.pid], () => loadWithWrk(url, target.proxy, seconds, directory));
    recorder.add({ ...this.#common(measured), test: 'small-file', ...measured.result, seconds });
  }

  #common({ foreignCores, uses: [use] }: Measured<unknown>): Common {
    const { round, target } = this.#parts;
    return {
      round,
      target: target.name,
      cpuSeconds: use?.cpuSeconds ?? 0,
      peakPssBytes: use?.peakPssBytes ?? 0,
      peakRssBytes: use?.peakRssBytes ?? 0,
      foreignCores,
    };
  }
}

if (import.meta.main) await main();

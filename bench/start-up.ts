/**
 * What it costs to have debtorrent around: the time of `--version`, the time of `serve` until it listens with a
 * catalogue of Debian's own size (bookworm main, updates, security), and its memory when idle.
 *
 * The catalogue is loaded by a real apt-get update through the daemon, from archives made of this machine's own lists.
 *
 *   node scripts/bun.mjs bench/start-up.ts [--starts 5] [--idle-seconds 10]
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { eventually } from '../test/fixtures/eventually.ts';
import { BenchClient } from './lib/apt-client.ts';
import { aptLists } from './lib/apt-lists.ts';
import { BenchNode, DEBTORRENT } from './lib/debtorrent.ts';
import { Origin } from './lib/nginx.ts';
import { cpuSecondsOf, type Memory, memoryOf } from './lib/process-use.ts';
import { Recorder } from './lib/results.ts';
import { Signer } from './lib/signed-suite.ts';
import { workDir } from './lib/work-dir.ts';
import { reportStartUp } from './start-up-report.ts';

export type StartUpRecord =
  | {
      readonly test: 'version' | 'true';
      /** From spawning to its end; "true" is /bin/true: what spawning costs by itself. */
      readonly milliseconds: number;
    }
  | ({
      /** Idle after the indexes came in by apt-get update, with peak of loading behind it. */
      readonly test: 'idle-after-update';
      readonly stanzas: number;
      readonly updateSeconds: number;
      /** CPU of the daemon, its children included, from its start until it was idle. */
      readonly cpuSeconds: number;
    } & Memory)
  | ({
      readonly test: 'warm-start';
      /** From spawning until the port took a connection. */
      readonly milliseconds: number;
      /** Idle after this start. */
    } & Memory);

const VERSION_RUNS = 20;
const TABLES_LIMIT_MS = 180_000;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      starts: { type: 'string', default: '5' },
      'idle-seconds': { type: 'string', default: '10' },
    },
  });
  const starts = Number(values.starts);
  const idleSeconds = Number(values['idle-seconds']);
  const recorder = new Recorder<StartUpRecord>('start-up', { starts, idleSeconds }, ['apt']);
  for (let i = 0; i < VERSION_RUNS; i++) {
    recorder.add({ test: 'version', milliseconds: spawnMs([...DEBTORRENT, '--version']) });
    recorder.add({ test: 'true', milliseconds: spawnMs(['/bin/true']) });
  }

  using directory = workDir('start-up');
  const archiveRoot = join(directory.path, 'archive');
  const signer = await Signer.create(directory.path);
  const lists = aptLists();
  for (const { codename, packages } of lists) {
    await signer.publish({ root: archiveRoot, codename, packages });
  }
  await signer.stopAgent();
  await using origin = await Origin.start(archiveRoot, join(directory.path, 'origin'));
  const tables = join(directory.path, 'node/state/catalogue/tables');
  const options = { directory: join(directory.path, 'node'), mirror: origin.hostPort };

  const stanzas = lists.reduce((sum, { packages }) => sum + count(packages, '\nPackage: ') + 1, 0);
  {
    await using node = await BenchNode.start(options);
    using client = new BenchClient({
      sources: lists.map(({ codename }) => `${origin.url} ${codename} main`),
      keyring: signer.keyring,
      proxy: node.proxyUrl,
    });
    const { updateSeconds, updateFailed, firstError } = await client.run([]);
    if (updateFailed) throw new Error(`apt-get update failed: ${firstError}`);
    await idle(node, tables, lists.length, idleSeconds);
    const cpuSeconds = cpuSecondsOf(node.pid);
    recorder.add({ test: 'idle-after-update', stanzas, updateSeconds, cpuSeconds, ...memoryOf(node.pid) });
  }
  for (let i = 0; i < starts; i++) {
    await using node = await BenchNode.start(options);
    await idle(node, tables, lists.length, idleSeconds);
    const milliseconds = node.service.startMs;
    recorder.add({ test: 'warm-start', milliseconds, ...memoryOf(node.pid) });
  }
  console.log(reportStartUp(recorder.result));
  console.error(recorder.path);
}

function spawnMs(command: string[]): number {
  const started = performance.now();
  const { exitCode } = Bun.spawnSync(command, { cwd: '/', stdio: ['ignore', 'ignore', 'ignore'] });
  if (exitCode !== 0) throw new Error(`${command.join(' ')} ended with ${exitCode}`);
  return performance.now() - started;
}

/** Every suite's table is in the catalogue, and the daemon has nothing to do for so long. */
async function idle(node: BenchNode, tables: string, suites: number, idleSeconds: number): Promise<void> {
  const areThere = () => existsSync(tables) && readdirSync(tables).length >= suites;
  await eventually(`tables of ${suites} suites`, areThere, TABLES_LIMIT_MS);
  for (let used = 1; used > 0.05; ) {
    const before = cpuSecondsOf(node.pid);
    await Bun.sleep(idleSeconds * 1000);
    used = (cpuSecondsOf(node.pid) - before) / idleSeconds;
  }
}

function count(bytes: Uint8Array, text: string): number {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let found = 0;
  for (let at = buffer.indexOf(text); at >= 0; at = buffer.indexOf(text, at + 1)) found += 1;
  return found;
}

if (import.meta.main) await main();

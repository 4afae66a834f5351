/**
 * `debtorrent seed`: from spawning until it gives its first block, of a mirror of 300 real packages and of one of 63,000
 * small files, from kept state; and what the very first start takes, which reads everything.
 *
 *   node scripts/bun.mjs bench/seed.ts [--starts 5] [--files 63000]
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Sha256 } from '../src/lib/sha256.ts';
import { swarmInfoHash } from '../src/torrent/archive-identity.ts';
import { openCorpus } from './lib/corpus.ts';
import { DEBTORRENT } from './lib/debtorrent.ts';
import { firstBlock } from './lib/first-block.ts';
import { freeLowPort } from './lib/free-low-port.ts';
import { makeUpMirror } from './lib/made-up-mirror.ts';
import { cpuSecondsOf, type Memory, memoryOf } from './lib/process-use.ts';
import { Recorder } from './lib/results.ts';
import { Service } from './lib/service.ts';
import { workDir } from './lib/work-dir.ts';
import { reportSeed } from './seed-report.ts';

export interface SeedRecord extends Memory {
  readonly tree: string;
  readonly files: number;
  readonly bytes: number;
  readonly start: 'first' | 'kept';
  /** From spawning: of a first start until all is verified, else until the first block of a file was given. */
  readonly milliseconds: number;
  /** Until it had looked at all files, of the process and its children. */
  readonly cpuSeconds: number;
  /** Read and hashed in this run. */
  readonly hashedFiles: number;
}

interface SeedStatus {
  readonly store: { readonly files: number; readonly bytes: number };
  readonly seed: { readonly hashedFiles: number; readonly waitingFiles: number };
}

const SWARM = swarmInfoHash({ origin: 'Bench', codename: 'bookworm', architecture: 'amd64' });

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { starts: { type: 'string', default: '5' }, files: { type: 'string', default: '63000' } },
  });
  const starts = Number(values.starts);
  const recorder = new Recorder<SeedRecord>('seed', { starts, files: values.files }, []);
  using directory = workDir('seed');
  const made = join(directory.path, 'made-up');
  makeUpMirror(made, Number(values.files));
  const trees = [
    { tree: '300 packages', root: openCorpus().root },
    { tree: 'small files', root: made },
  ];
  for (const { tree, root } of trees) {
    const state = join(directory.path, `state of ${tree}`);
    recorder.add({ tree, start: 'first', ...(await run(root, state)) });
    for (let i = 0; i < starts; i++) recorder.add({ tree, start: 'kept', ...(await run(root, state)) });
  }
  console.log(reportSeed(recorder.result));
  console.error(recorder.path);
}

async function run(root: string, state: string): Promise<Omit<SeedRecord, 'tree' | 'start'>> {
  const [port, peerPort] = [await freeLowPort(), await freeLowPort()];
  const isFirst = !existsSync(state);
  const started = performance.now();
  const service = Service.start({
    command: [
      ...[...DEBTORRENT, 'seed', root, '--share', 'Bench', '--state-dir', state],
      ...['--listen', `127.0.0.1:${port}`, '--peer-listen', `127.0.0.1:${peerPort}`, '--upload-limit', '0'],
      ...['--no-lan', '--no-dht', '--no-port-mapping', '--log-level', 'debug'],
    ],
    port: peerPort,
    logFile: `${state}.log`,
  });
  const looks = () =>
    (existsSync(`${state}.log`) ? readFileSync(`${state}.log`, 'utf8') : '').split('looked at the tree')
      .length;
  const before = looks();
  const given = isFirst
    ? undefined
    : firstBlock({ host: '127.0.0.1', port: peerPort }, SWARM, smallFileOf(root));
  await using running = await service;
  await given;
  let milliseconds = performance.now() - started;
  while (looks() === before) await Bun.sleep(5);
  for (;;) {
    const { store, seed } = await statusOf(port);
    if (seed.waitingFiles > 0) {
      await Bun.sleep(20);
      continue;
    }
    if (isFirst) milliseconds = performance.now() - started;
    const cpuSeconds = cpuSecondsOf(running.pid);
    await Bun.sleep(2000);
    return {
      ...{ files: store.files, bytes: store.bytes, milliseconds, cpuSeconds, hashedFiles: seed.hashedFiles },
      ...memoryOf(running.pid),
    };
  }
}

async function statusOf(port: number): Promise<SeedStatus> {
  const answer = await fetch(`http://127.0.0.1:${port}/api/status`, { proxy: false } as RequestInit);
  return (await answer.json()) as SeedStatus;
}

/** The last one that the index names. */
function smallFileOf(root: string): { key: Sha256; sizeBytes: number } {
  const index = join(root, 'dists/bookworm/main/binary-amd64/Packages.gz');
  const text = Buffer.from(Bun.gunzipSync(readFileSync(index))).toString('latin1');
  const last = (name: string) => [...text.matchAll(new RegExp(`^${name}: (.*)$`, 'gm'))].at(-1)?.[1] ?? '';
  return { key: last('SHA256') as Sha256, sizeBytes: Number(last('Size')) };
}

if (import.meta.main) await main();

/**
 * `debtorrent make-torrent` of bookworm main's Packages.gz (from this machine's own lists, compressed as Debian does)
 * against `gzip -dc` of the same file, which is the least that anyone must do to read it. And `make-torrent --pool
 * --standard` of 1 GB in 300 files (v1, v2 and the whole SHA-256 of each) against libtorrent's create_torrent of the same
 * files (v1 and v2). In pairs, one after the other; the pool lies in the page cache.
 *
 *   node scripts/bun.mjs bench/make-torrent.ts [--runs 10]
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { pieceLengthFor } from '../src/commands/make-torrent-split.ts';
import { sha256Of } from '../src/lib/sha256.ts';
import { seededBytes } from '../test/fixtures/signed-repository.ts';
import { aptLists } from './lib/apt-lists.ts';
import { DEBTORRENT } from './lib/debtorrent.ts';
import { Recorder } from './lib/results.ts';
import { workDir } from './lib/work-dir.ts';
import { reportMakeTorrent } from './make-torrent-report.ts';

export type Command = 'make-torrent' | 'gzip -dc' | 'make-torrent --pool --standard' | 'libtorrent';

export interface CommandRecord {
  readonly run: number;
  readonly command: Command;
  readonly wallSeconds: number;
  readonly cpuSeconds: number;
  readonly peakRssBytes: number;
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { runs: { type: 'string', default: '10' } } });
  const runs = Number(values.runs);
  using directory = workDir('make-torrent');
  const index = join(directory.path, 'Packages.gz');
  const [list] = aptLists();
  if (!list) throw new Error('no lists');
  const packed = Bun.spawn(['gzip', '-9n'], { stdin: list.packages, stdout: Bun.file(index) });
  if ((await packed.exited) !== 0) throw new Error(`could not write ${index}`);

  const recorder = new Recorder<CommandRecord>(
    'make-torrent',
    { runs, indexBytes: Bun.file(index).size, textBytes: list.packages.length },
    ['gzip', 'time', 'python3-libtorrent'],
  );
  const out = join(directory.path, 'out.dtorrent');
  const identity = ['--origin', 'Debian', '--codename', list.codename, '--architecture', 'amd64'];
  const make = [...DEBTORRENT, 'make-torrent'];
  const common = ['--out', out, '--force', ...identity];
  const root = join(directory.path, 'archive');
  const [poolIndex, pieceLength] = writePool(root);
  const state = join(directory.path, 'hashes');
  const commands: Readonly<Record<Command, readonly string[]>> = {
    'make-torrent': [...make, index, ...common],
    'gzip -dc': ['gzip', '-dc', index],
    'make-torrent --pool --standard': [
      ...make,
      poolIndex,
      '--pool',
      root,
      '--standard',
      '--state',
      state,
      ...common,
    ],
    libtorrent: [
      ...['/usr/bin/python3', join(import.meta.dir, 'libtorrent-make.py'), join(root, 'pool')],
      ...[String(pieceLength), join(directory.path, 'libtorrent.torrent')],
    ],
  };
  for (let run = 0; run < runs; run++) {
    for (const command of Object.keys(commands) as Command[]) {
      rmSync(state, { force: true });
      recorder.add({ run, command, ...(await timed(commands[command], directory.path)) });
    }
  }
  console.log(reportMakeTorrent(recorder.result));
  console.error(recorder.path);
}

const SIZES = [
  ...Array.from({ length: 270 }, (_, i) => 2_000 + i * 3_300),
  ...Array.from({ length: 20 }, (_, i) => 1_000_000 + i * 450_000),
  ...Array.from({ length: 10 }, (_, i) => 50_000_000 + i * 6_000_000),
];

/** Sizes as of Debian's packages, small ones mostly. Gives the index and the piece length that make-torrent takes. */
function writePool(root: string): readonly [string, number] {
  let text = '';
  for (const [i, size] of SIZES.entries()) {
    const path = `pool/main/p/p${i}/p${i}_1_amd64.deb`;
    const bytes = seededBytes(path, size);
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), bytes);
    text += `Package: p${i}\nFilename: ${path}\nSize: ${size}\nSHA256: ${sha256Of(bytes)}\n\n`;
  }
  const index = join(root, 'Packages');
  writeFileSync(index, text);
  return [index, pieceLengthFor(SIZES.reduce((sum, size) => sum + size, 0))];
}

/**
 * By GNU time: it is small, so the peak is the command's own. (A child's peak as the kernel reports it begins at that
 * of the process that spawned it.)
 */
async function timed(
  command: readonly string[],
  directory: string,
): Promise<Omit<CommandRecord, 'run' | 'command'>> {
  const report = join(directory, 'time');
  const started = performance.now();
  const child = Bun.spawn(['/usr/bin/time', '--output', report, '--format', '%U %S %M', ...command], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if ((await child.exited) !== 0) throw new Error(`${command.join(' ')} ended with ${child.exitCode}`);
  const wallSeconds = (performance.now() - started) / 1000;
  const [user = 0, system = 0, peakKib = 0] = (await Bun.file(report).text()).split(' ').map(Number);
  return { wallSeconds, cpuSeconds: user + system, peakRssBytes: peakKib * 1024 };
}

if (import.meta.main) await main();

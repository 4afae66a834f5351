/**
 * `debtorrent make-torrent` of bookworm main's Packages.gz (from this machine's own lists, compressed as Debian does)
 * against `gzip -dc` of the same file, which is the least that anyone must do to read it.
 *
 *   node scripts/bun.mjs bench/make-torrent.ts [--runs 10]
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { aptLists } from './lib/apt-lists.ts';
import { DEBTORRENT } from './lib/debtorrent.ts';
import { Recorder } from './lib/results.ts';
import { workDir } from './lib/work-dir.ts';
import { reportMakeTorrent } from './make-torrent-report.ts';

export interface CommandRecord {
  readonly run: number;
  readonly command: 'make-torrent' | 'gzip -dc';
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
    ['gzip', 'time'],
  );
  const out = join(directory.path, 'out.dtorrent');
  const identity = ['--origin', 'Debian', '--codename', list.codename, '--architecture', 'amd64'];
  const commands: Readonly<Record<CommandRecord['command'], readonly string[]>> = {
    'make-torrent': [...DEBTORRENT, 'make-torrent', index, '--out', out, '--force', ...identity],
    'gzip -dc': ['gzip', '-dc', index],
  };
  for (let run = 0; run < runs; run++) {
    for (const command of ['make-torrent', 'gzip -dc'] as const) {
      recorder.add({ run, command, ...(await timed(commands[command], directory.path)) });
    }
  }
  console.log(reportMakeTorrent(recorder.result));
  console.error(recorder.path);
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

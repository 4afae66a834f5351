/**
 * The newest result of each bench as Markdown, with what is needed to judge it; `--write FILE` puts it between the two
 * markers of FILE (docs/benchmarks.md) instead of printing it.
 *
 *   node scripts/bun.mjs bench/report.ts [--write docs/benchmarks.md]
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { reportApt } from './apt-report.ts';
import { reportCrowd } from './crowd-report.ts';
import { reportDhtIdle } from './dht-idle-report.ts';
import { markdownTable } from './lib/markdown.ts';
import { type BenchResult, newestResult, resultsDir } from './lib/results.ts';
import { reportMakeTorrent } from './make-torrent-report.ts';
import { reportMicro } from './micro-report.ts';
import { reportPeerToPeer } from './peer-to-peer-report.ts';
import { reportSeed } from './seed-report.ts';
import { reportStartUp } from './start-up-report.ts';
import { reportTracker } from './tracker-report.ts';

const BEGIN = '<!-- results: written by bench/report.ts -->';
const END = '<!-- end of results -->';

function main(): void {
  const { values } = parseArgs({ options: { write: { type: 'string' } } });
  const text = [
    section('apt', 'APT through a cache', reportApt),
    section('peer-to-peer', 'From one node to another', reportPeerToPeer),
    section('crowd', 'Crowds on lines of 20 Mbit/s', reportCrowd),
    section('tracker', 'Trackers', reportTracker),
    section('start-up', 'Start and idle memory', reportStartUp),
    section('dht-idle', 'Idle in a DHT', reportDhtIdle),
    section('make-torrent', 'make-torrent', reportMakeTorrent),
    section('seed', 'A mirror shared in place', reportSeed),
    section('micro', 'Inner loops', reportMicro),
  ]
    .filter((part) => part !== undefined)
    .join('\n\n');
  if (text === '')
    throw new Error(`there are no results in ${resultsDir()}; BENCH_RESULTS names another place`);
  if (values.write === undefined) console.log(text);
  else writeBetweenMarkers(values.write, text);
}

function section<R>(
  bench: string,
  title: string,
  report: (result: BenchResult<R>) => string,
): string | undefined {
  const result = newestResult<R>(bench);
  if (!result || result.records.length === 0) return undefined;
  const list = (values: Readonly<Record<string, string | number>>) =>
    Object.entries(values)
      .map(([name, value]) => `${name} ${value}`)
      .join(', ');
  const circumstances = markdownTable(
    ['', ''],
    [
      ['run', `${result.startedAt.slice(0, 16).replace('T', ' ')} UTC, commit ${result.commit}`],
      ['machine', result.machine],
      ['versions', list(result.versions)],
      ['parameters', list(result.parameters)],
      ['command', `\`node scripts/bun.mjs bench/${bench}.ts\``],
    ],
    2,
  );
  return `## ${title}\n\n${circumstances}\n\n${report(result)}`;
}

function writeBetweenMarkers(path: string, text: string): void {
  const document = readFileSync(path, 'utf8');
  const [begin, end] = [document.indexOf(BEGIN), document.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`${path} lacks the markers ${BEGIN} and ${END}`);
  writeFileSync(path, `${document.slice(0, begin + BEGIN.length)}\n\n${text}\n\n${document.slice(end)}`);
}

if (import.meta.main) main();

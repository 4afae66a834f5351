/** The tables of start-up.ts. */
import { markdownTable } from './lib/markdown.ts';
import type { BenchResult } from './lib/results.ts';
import { medianAndRange, medianText } from './lib/statistics.ts';
import type { StartUpRecord } from './start-up.ts';

const MB = 1e6;

export function reportStartUp({ records }: BenchResult<StartUpRecord>): string {
  const milliseconds = (test: 'version' | 'true' | 'warm-start') =>
    records.flatMap((record) => (record.test === test ? [record.milliseconds] : []));
  const times = markdownTable(
    ['start', 'ms', 'runs'],
    [
      ['`debtorrent --version`', ...timed(milliseconds('version'))],
      ['(`/bin/true`)', ...timed(milliseconds('true'))],
      ['`debtorrent serve` until it listens, warm catalogue', ...timed(milliseconds('warm-start'))],
    ],
  );
  const memory = markdownTable(
    ['idle', 'RSS MB', 'PSS MB', 'anonymous MB'],
    [memoryRow(records, 'idle-after-update'), memoryRow(records, 'warm-start')],
  );
  const update = records.find((record) => record.test === 'idle-after-update');
  const told = update
    ? `${update.stanzas} stanzas; apt-get update through the daemon took ${update.updateSeconds.toFixed(1)} s, the daemon ${update.cpuSeconds.toFixed(1)} CPU s until it was idle.`
    : '';
  return [times, memory, told].join('\n\n');
}

function timed(values: readonly number[]): [string, string] {
  return [medianAndRange(values, 1), String(values.length)];
}

function memoryRow(records: readonly StartUpRecord[], test: 'idle-after-update' | 'warm-start'): string[] {
  const own = records.flatMap((record) =>
    record.test === test ? [record as Extract<StartUpRecord, { rssBytes: number }>] : [],
  );
  const of = (pick: (record: (typeof own)[number]) => number) => medianText(own.map(pick), 0);
  const name = test === 'warm-start' ? 'after a warm start' : 'after the indexes were loaded';
  return [
    name,
    of(({ rssBytes }) => rssBytes / MB),
    of(({ pssBytes }) => pssBytes / MB),
    of(({ anonBytes }) => anonBytes / MB),
  ];
}

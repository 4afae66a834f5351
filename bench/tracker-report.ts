/** The tables of tracker.ts. */
import { markdownTable } from './lib/markdown.ts';
import type { BenchResult } from './lib/results.ts';
import { median, medianAndRange } from './lib/statistics.ts';
import type { TrackerLoad, TrackerRecord } from './tracker.ts';

const TITLES: Readonly<Record<TrackerLoad, string>> = {
  'http-kept': 'HTTP, connections kept (opentracker closes them)',
  'http-each': 'HTTP, a connection each',
  udp: 'UDP',
};

type LoadRecord = Extract<TrackerRecord, { target: string }>;

export function reportTracker({ records }: BenchResult<TrackerRecord>): string {
  const loads = records.filter((record): record is LoadRecord => record.test !== 'memory');
  const rows = (Object.keys(TITLES) as TrackerLoad[]).map((test) => {
    const of = (target: string, pick: (record: LoadRecord) => number) =>
      loads.filter((record) => record.test === test && record.target === target).map(pick);
    const rate = ({ announcesPerSecond }: LoadRecord) => announcesPerSecond;
    const cpu = ({ cpuMicrosecondsEach }: LoadRecord) => cpuMicrosecondsEach;
    const ours = of('debtorrent', rate);
    const theirs = of('opentracker', rate);
    const ratios = ours.map((value, i) => value / (theirs[i] ?? Number.NaN));
    return [
      TITLES[test],
      medianAndRange(ours, 0),
      medianAndRange(theirs, 0),
      `${median(ratios).toFixed(2)} ×`,
      median(of('debtorrent', cpu)).toFixed(0),
      median(of('opentracker', cpu)).toFixed(0),
    ];
  });
  const table = markdownTable(
    ['announces', 'a second, debtorrent', 'opentracker', 'ratio', 'CPU µs each, debtorrent', 'opentracker'],
    rows,
  );
  const foreign = Math.max(0, ...loads.map(({ foreignCores }) => foreignCores));
  const told = `Other programs took up to ${foreign.toFixed(1)} cores meanwhile.`;
  const memory = records.flatMap((record) =>
    record.test === 'memory'
      ? [
          `With ${record.peers.toLocaleString('en-GB')} peers in ${record.swarms.toLocaleString('en-GB')} swarms, told in ${record.seconds.toFixed(0)} s over UDP, the whole process has ${(record.rssBytes / 1e6).toFixed(0)} MB resident.`,
        ]
      : [],
  );
  return [table, told, ...memory].join('\n\n');
}

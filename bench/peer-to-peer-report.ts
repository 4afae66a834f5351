/** The table of peer-to-peer.ts. */
import { markdownTable } from './lib/markdown.ts';
import type { ProcessUse } from './lib/process-use.ts';
import type { BenchResult } from './lib/results.ts';
import { median, medianAndRange, medianText } from './lib/statistics.ts';
import type { TransferRecord } from './peer-to-peer.ts';

const MB = 1e6;

export function reportPeerToPeer({ records }: BenchResult<TransferRecord>): string {
  const engines = [...new Set(records.map(({ engine }) => engine))];
  const headers = [
    'engine',
    'size MB',
    'seconds',
    'MB/s',
    '× libtorrent, same round',
    'in the store after s',
    'giver CPU s',
    'taker CPU s',
    'giver peak MB (RSS / anon)',
    'taker peak MB (RSS / anon)',
    'verified',
  ];
  const table = markdownTable(
    headers,
    engines.map((engine) => row(records, engine)),
  );
  const cores = records.map(({ foreignCores }) => foreignCores);
  return `${table}\n\nOther programs took ${median(cores).toFixed(2)} cores meanwhile (median; at most ${Math.max(...cores).toFixed(2)}).`;
}

function row(records: readonly TransferRecord[], engine: TransferRecord['engine']): string[] {
  const own = records.filter((record) => record.engine === engine);
  const rate = ({ bytes, seconds }: TransferRecord) => bytes / seconds / MB;
  const ratios = own.flatMap((record) => {
    const base = records.find(({ round, engine: other }) => round === record.round && other === 'libtorrent');
    return base ? [rate(record) / rate(base)] : [];
  });
  const text = (pick: (record: TransferRecord) => number, digits: number) =>
    medianText(own.map(pick), digits);
  const peak = (pick: (record: TransferRecord) => ProcessUse) =>
    `${text((record) => pick(record).peakRssBytes / MB, 0)} / ${text((record) => pick(record).peakAnonBytes / MB, 0)}`;
  return [
    engine,
    text(({ bytes }) => bytes / MB, 0),
    medianAndRange(
      own.map(({ seconds }) => seconds),
      2,
    ),
    text(rate, 0),
    medianText(ratios, 2),
    text(({ storedSeconds }) => storedSeconds, 2),
    text(({ giver }) => giver.cpuSeconds, 2),
    text(({ taker }) => taker.cpuSeconds, 2),
    peak(({ giver }) => giver),
    peak(({ taker }) => taker),
    `${own.filter(({ verified }) => verified).length} of ${own.length}`,
  ];
}

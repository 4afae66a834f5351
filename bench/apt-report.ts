/** The tables of apt.ts. Times of a run in which a client failed don't count: who fails fetches less. */
import type { AptRecord, BigFileRecord, ClientsRecord, SmallFileRecord } from './apt.ts';
import { markdownTable } from './lib/markdown.ts';
import type { BenchResult } from './lib/results.ts';
import { median, medianAndRange, medianText } from './lib/statistics.ts';

const MB = 1e6;

export function reportApt({ records }: BenchResult<AptRecord>): string {
  return [clientsTable(records), filesTable(records), complaints(records), noise(records)]
    .filter((part) => part !== '')
    .join('\n\n');
}

function clientsTable(records: readonly AptRecord[]): string {
  const tests: readonly ClientsRecord['test'][] = ['cold', 'warm', 'cold-many'];
  const rows = tests.flatMap((test) => {
    const ofTest = records.filter((record): record is ClientsRecord => record.test === test);
    return targetsOf(ofTest).map((target) => clientsRow(ofTest, target));
  });
  if (rows.length === 0) return '';
  const headers = [
    'target',
    'test',
    'wall s',
    '× direct',
    'server CPU s',
    'peak MB (PSS)',
    'from mirror MB',
    'mirror requests',
    'files missing',
  ];
  return markdownTable(headers, rows, 2);
}

function clientsRow(ofTest: readonly ClientsRecord[], target: string): string[] {
  const own = ofTest.filter((record) => record.target === target);
  const whole = own.filter(isWhole);
  const { test, clients } = own[0] as ClientsRecord;
  const of = (pick: (record: ClientsRecord) => number, digits: number) => medianText(own.map(pick), digits);
  const wanted = own.reduce((sum, { filesWanted }) => sum + filesWanted, 0);
  const missing = own.reduce((sum, { filesMissing }) => sum + filesMissing, 0);
  return [
    target,
    `${test.replace('-many', '')}, ${clients} client${clients === 1 ? '' : 's'}`,
    medianAndRange(
      whole.map(({ wallSeconds }) => wallSeconds),
      2,
    ),
    ratioText(whole, ofTest.filter(isWhole), ({ wallSeconds }) => wallSeconds),
    of(({ cpuSeconds }) => cpuSeconds, 2),
    of(({ peakPssBytes }) => peakPssBytes / MB, 0),
    of(({ mirrorBytes }) => mirrorBytes / MB, 1),
    of(({ mirrorRequests }) => mirrorRequests, 0),
    `${missing} of ${wanted}`,
  ];
}

function filesTable(records: readonly AptRecord[]): string {
  const big = records.filter((record): record is BigFileRecord => record.test === 'big-file');
  const small = records.filter((record): record is SmallFileRecord => record.test === 'small-file');
  const rows = targetsOf([...big, ...small]).map((target) => {
    const ownBig = big.filter((record) => record.target === target && !record.failed);
    const ownSmall = small.filter((record) => record.target === target);
    const failures =
      big.filter((record) => record.target === target && record.failed).length +
      ownSmall.reduce((sum, record) => sum + record.failures, 0);
    const ofBig = (pick: (record: BigFileRecord) => number, digits: number) =>
      medianText(ownBig.map(pick), digits);
    const ofSmall = (pick: (record: SmallFileRecord) => number, digits: number) =>
      medianText(ownSmall.map(pick), digits);
    const requests = ({ requestsPerSecond }: SmallFileRecord) => requestsPerSecond;
    return [
      target,
      ofBig(megabytesPerSecond, 0),
      ratioText(ownBig, big, megabytesPerSecond),
      ofBig(({ firstByteSeconds }) => firstByteSeconds * 1000, 2),
      ofBig(({ cpuSeconds }) => cpuSeconds * 1000, 0),
      ofSmall(requests, 0),
      ratioText(ownSmall, small, requests),
      ofSmall(({ p99Ms }) => p99Ms, 2),
      ofSmall((record) => (record.cpuSeconds / (record.requestsPerSecond * record.seconds)) * 1e6, 0),
      String(failures),
    ];
  });
  if (rows.length === 0) return '';
  const headers = [
    'target',
    'big file, warm, MB/s',
    '× direct',
    'first byte ms',
    'CPU ms a file',
    '20 KB files a second',
    '× direct',
    'p99 ms',
    'CPU µs a file',
    'failures',
  ];
  return markdownTable(headers, rows);
}

/** The median over rounds of own median / direct's median of the same round. */
function ratioText<R extends AptRecord>(
  own: readonly R[],
  all: readonly R[],
  pick: (record: R) => number,
): string {
  const rounds = [...new Set(own.map(({ round }) => round))];
  const ratios = rounds.flatMap((round) => {
    const base = all.filter((record) => record.round === round && record.target === 'direct').map(pick);
    const mine = own.filter((record) => record.round === round).map(pick);
    return base.length === 0 ? [] : [median(mine) / median(base)];
  });
  return medianText(ratios, 2);
}

function complaints(records: readonly AptRecord[]): string {
  const seen = new Set<string>();
  for (const record of records) {
    if ('firstError' in record && record.firstError !== '') {
      seen.add(`- ${record.target}, ${record.test}: \`${record.firstError}\``);
    }
  }
  return seen.size === 0 ? '' : `What apt complained of:\n\n${[...seen].join('\n')}`;
}

function noise(records: readonly AptRecord[]): string {
  if (records.length === 0) return '';
  const cores = records.map(({ foreignCores }) => foreignCores);
  return `Other programs took ${median(cores).toFixed(2)} cores meanwhile (median; at most ${Math.max(...cores).toFixed(2)}).`;
}

const isWhole = (record: ClientsRecord) => record.filesMissing === 0 && record.failedUpdates === 0;
const megabytesPerSecond = ({ bytes, seconds }: BigFileRecord) => bytes / seconds / MB;

function targetsOf(records: readonly AptRecord[]): string[] {
  const order = ['direct', 'debtorrent'];
  const rank = (name: string) => (order.includes(name) ? order.indexOf(name) : order.length);
  return [...new Set(records.map(({ target }) => target))].sort((a, b) => rank(a) - rank(b));
}

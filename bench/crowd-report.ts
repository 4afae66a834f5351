/** The table of crowd.ts. A time that a member with missing files took doesn't count. */
import { type CrowdRecord, SCENARIOS } from './lib/crowd-scenarios.ts';
import { markdownTable } from './lib/markdown.ts';
import type { BenchResult } from './lib/results.ts';
import { median, medianAndRange, medianText } from './lib/statistics.ts';

const MB = 1e6;

export function reportCrowd({ records }: BenchResult<CrowdRecord>): string {
  if (records.length === 0) return '';
  const scenarios = SCENARIOS.filter(({ name }) => records.some(({ scenario }) => scenario === name));
  const rows = scenarios.flatMap(({ name }) => {
    const own = records.filter(({ scenario }) => scenario === name);
    return [...new Set(own.map(({ setup }) => setup))].map((setup) => row(own, setup));
  });
  const headers = [
    'scenario',
    'setup',
    'nodes',
    'MB each',
    'slowest s',
    'fastest s',
    '× least possible',
    '× plain',
    'copies from the mirror',
    'pool MB by its log',
    'besides payload %',
    'given in vain %',
    'fetched twice %',
    'CPU s of the daemons',
    'files missing',
  ];
  const titles = scenarios.map(({ name, title }) => `- **${name}**: ${title}`).join('\n');
  const cores = records.map(({ foreignCores }) => foreignCores);
  const noise = `Other programs, and the kernel for the lines, took ${median(cores).toFixed(2)} cores meanwhile (median; at most ${Math.max(...cores).toFixed(2)}).`;
  return [titles, markdownTable(headers, rows, 2), complaints(records), noise]
    .filter((part) => part !== '')
    .join('\n\n');
}

function row(ofScenario: readonly CrowdRecord[], setup: string): string[] {
  const own = ofScenario.filter((record) => record.setup === setup);
  const whole = own.filter(({ filesMissing }) => filesMissing === 0);
  const text = (pick: (record: CrowdRecord) => number | undefined, digits: number, from = own) =>
    medianText(
      from.flatMap((record) => pick(record) ?? []),
      digits,
    );
  const missing = own.reduce((sum, { filesMissing }) => sum + filesMissing, 0);
  const wanted = own.reduce((sum, { filesWanted }) => sum + filesWanted, 0);
  return [
    own[0]?.scenario ?? '',
    setup,
    text(({ nodes }) => nodes, 0),
    text(({ bytesEach }) => bytesEach / MB, 1),
    medianAndRange(
      whole.map(({ slowestSeconds }) => slowestSeconds),
      1,
    ),
    text(({ fastestSeconds }) => fastestSeconds, 1, whole),
    text(({ slowestSeconds, boundSeconds }) => boundSeconds && slowestSeconds / boundSeconds, 2, whole),
    setup === 'plain' ? '' : plainRatioText(ofScenario, whole),
    text(({ mirrorSentBytes, bytesEach }) => mirrorSentBytes / bytesEach, 2),
    text(({ mirrorPoolBytes }) => mirrorPoolBytes / MB, 1),
    text(besidesPayload, 2),
    text(givenInVain, 2),
    text(fetchedTwice, 2),
    text(({ daemonCpuSeconds }) => daemonCpuSeconds, 1),
    `${missing} of ${wanted}`,
  ];
}

/** To the plain run of the same round, or, where that round had none, to the median of all plain runs. */
function plainRatioText(ofScenario: readonly CrowdRecord[], own: readonly CrowdRecord[]): string {
  const plain = ofScenario.filter(({ setup, filesMissing }) => setup === 'plain' && filesMissing === 0);
  if (plain.length === 0) return '–';
  const ratios = own.map(({ round, slowestSeconds }) => {
    const same = plain.filter((record) => record.round === round);
    const base = (same.length > 0 ? same : plain).map((record) => record.slowestSeconds);
    return slowestSeconds / median(base);
  });
  return medianText(ratios, 3);
}

/** What daemons said to each other besides payload, in per cent of that. */
function besidesPayload({ givenBytes, peerStreamBytes }: CrowdRecord): number | undefined {
  return givenBytes < MB ? undefined : (peerStreamBytes / givenBytes - 1) * 100;
}

/** Per cent of payload that wasn't wanted any more when it came. */
function givenInVain({ givenBytes, peerBytes }: CrowdRecord): number | undefined {
  return givenBytes < MB ? undefined : (1 - peerBytes / givenBytes) * 100;
}

/** Per cent of what was wanted that came more than once. */
function fetchedTwice({
  setup,
  nodes,
  bytesEach,
  peerBytes,
  mirrorSentBytes,
}: CrowdRecord): number | undefined {
  return setup === 'plain' ? undefined : ((peerBytes + mirrorSentBytes) / (nodes * bytesEach) - 1) * 100;
}

function complaints(records: readonly CrowdRecord[]): string {
  const seen = new Set(
    records
      .filter(({ firstError }) => firstError !== '')
      .map(({ scenario, setup, firstError }) => `- ${scenario}, ${setup}: \`${firstError}\``),
  );
  return seen.size === 0 ? '' : `What apt complained of:\n\n${[...seen].join('\n')}`;
}

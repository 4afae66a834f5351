import { afterEach, beforeEach, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { drawPanels } from '../../bench/lib/line-plot.ts';
import { type BenchResult, newestResult, resultsOfNewestCommit } from '../../bench/lib/results.ts';
import { type CrowdFigures, reportCrowds } from '../../bench/sim-report.ts';

const FIGURES: CrowdFigures = {
  experiment: 'flash-small',
  nodes: 1024,
  copies: 40.25,
  mirrorShare: 0.0393,
  leastShare: 1 / 1024,
  mirrorRequests: 41,
  medianMs: 832,
  slowestMs: 12_400,
  aloneMedianMs: 11_000,
  aloneSlowestMs: 23_600,
  worstRatio: 1.524,
  worstLossMs: 53,
  slower: 8,
  notDone: 0,
  protocolShare: 0.018,
  events: 1_255_735,
  cpuSeconds: 50,
  rssMiB: 1175,
};

const RESULT: BenchResult<CrowdFigures> = {
  bench: 'sim',
  startedAt: '2024-05-04T03:02:01Z',
  commit: 'abc1234',
  machine: '',
  versions: {},
  parameters: { seed: 1 },
  records: [FIGURES],
};

let dir: string;
let before: string | undefined;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'debtorrent-results-'));
  before = process.env.BENCH_RESULTS;
  process.env.BENCH_RESULTS = dir;
});
afterEach(() => {
  if (before === undefined) delete process.env.BENCH_RESULTS;
  else process.env.BENCH_RESULTS = before;
  rmSync(dir, { recursive: true });
});

test('reportCrowds() says what a crowd cost the mirror, how long it took, and who lost by it', () => {
  const row = reportCrowds(RESULT).split('\n')[2];
  const cells = row?.split('|').map((cell) => cell.trim());
  expect(cells?.slice(1, -1)).toEqual([
    '60 KB, all within a second',
    '1,024',
    '40.25',
    '3.9 %',
    '0.1 %',
    '0.83 s',
    '12 s',
    '11 s',
    '24 s',
    '8',
    '1.52 ×',
    '0.05 s',
    '1.8 %',
  ]);
});

test('reportCrowds() has each crowd once, as it was measured last, in the order of experiments and sizes', () => {
  const records = [
    { ...FIGURES, experiment: 'upgrade', nodes: 2 },
    FIGURES,
    { ...FIGURES, nodes: 2 },
    { ...FIGURES, copies: 39 },
  ];
  const rows = reportCrowds({ ...RESULT, records })
    .split('\n')
    .slice(2);
  const cells = rows.map((row) => row.split('|').map((cell) => cell.trim()));
  expect(cells.map(([, , nodes, copies]) => [nodes, copies])).toEqual([
    ['2', '40.25'],
    ['1,024', '39.00'],
    ['2', '40.25'],
  ]);
});

test('resultsOfNewestCommit() takes the runs of one commit and seed together', async () => {
  const write = (at: string, result: Partial<BenchResult<CrowdFigures>>) =>
    Bun.write(join(dir, `sim-2024-05-0${at}.json`), JSON.stringify({ ...RESULT, ...result }));
  await write('1', {});
  await write('2', { commit: 'fff0000' });
  await write('3', { parameters: { seed: 2 } });
  await write('4', { records: [{ ...FIGURES, nodes: 2 }] });
  const nodes = resultsOfNewestCommit<CrowdFigures>('sim')?.records.map((record) => record.nodes);
  expect(nodes).toEqual([1024, 2]);
  expect(newestResult<CrowdFigures>('sim')?.records.length).toBe(1);
  expect(resultsOfNewestCommit('apt')).toBeUndefined();
});

test('reportCrowds() names no loss where nobody loses', () => {
  const text = reportCrowds({ ...RESULT, records: [{ ...FIGURES, slower: 0, worstLossMs: -130 }] });
  expect(text).toEndWith('| 0 | 1.52 × | – | 1.8 % |');
});

test('drawPanels() puts every label where its value is', () => {
  const points = [
    [2, 1],
    [16, 40],
  ] as const;
  const svg = drawPanels([{ title: 'one', xLabel: 'x', yLabel: 'y', curves: [{ name: 'curve', points }] }]);
  const at = (pattern: RegExp) => Number(pattern.exec(svg)?.[1]);
  expect(at(/<text x="([\d.]+)" [^>]*>2<\/text>/)).toBe(at(/<circle cx="([\d.]+)"/));
  expect(at(/<text x="([\d.]+)" [^>]*>16<\/text>/)).toBe(at(/.*<circle cx="([\d.]+)"/s));
  expect(at(/<text [^>]*y="([\d.]+)" [^>]*>1<\/text>/) - 4).toBe(at(/<circle cx="[\d.]+" cy="([\d.]+)"/));
});

test('drawPanels() puts two in a row, and every point within its panel', () => {
  const panel = { title: 'one', xLabel: 'x', yLabel: 'y' };
  const points = [
    [2, 1],
    [10_000, 400],
  ] as const;
  const svg = drawPanels(
    Array.from({ length: 3 }, () => ({ ...panel, curves: [{ name: 'curve', points }] })),
  );
  expect(svg).toContain('viewBox="0 0 920 760"');
  expect(svg).toContain('translate(0 380)');
  const circles = [...svg.matchAll(/<circle cx="([\d.]+)" cy="([\d.]+)"/g)];
  expect(circles.length).toBe(6);
  for (const [, x, y] of circles) {
    expect(Number(x)).toBeLessThanOrEqual(460);
    expect(Number(y)).toBeLessThanOrEqual(380);
  }
});

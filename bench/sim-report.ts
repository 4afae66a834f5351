/** The table and the plot of sim.ts, and their place in docs/benchmarks.md. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CROWDS } from './lib/crowds.ts';
import { type Curve, drawPanels } from './lib/line-plot.ts';
import { markdownTable } from './lib/markdown.ts';
import type { BenchResult } from './lib/results.ts';

export interface CrowdFigures {
  readonly experiment: string;
  readonly nodes: number;
  /** Bytes that left the mirror, in copies of what one node wants (on average). */
  readonly copies: number;
  /** The same, over what all nodes want. */
  readonly mirrorShare: number;
  /** What it can't be less than: each file that anybody wants left the mirror once. */
  readonly leastShare: number;
  readonly mirrorRequests: number;
  readonly medianMs: number;
  readonly slowestMs: number;
  /** The same nodes at the same times without peers. */
  readonly aloneMedianMs: number;
  readonly aloneSlowestMs: number;
  /** The one node that fares worst against itself without peers. */
  readonly worstRatio: number;
  /** The most that one node loses against itself without peers. */
  readonly worstLossMs: number;
  /** Nodes that are slower than by themselves, by more than a twentieth. */
  readonly slower: number;
  readonly notDone: number;
  /** What peers say besides payload, over what all nodes want. */
  readonly protocolShare: number;
  readonly events: number;
  /** Of this machine, for the run with peers. */
  readonly cpuSeconds: number;
  /** At its most. */
  readonly rssMiB: number;
}

const DOCS = join(import.meta.dir, '../docs');
const BEGIN = '<!-- crowds: written by bench/sim.ts -->';
const END = '<!-- end of crowds -->';
const CROWD_CURVES = [
  'flash-small',
  'flash-small-nat',
  'flash-wide',
  'hour-small',
  'hour-join',
  'hour-join-new',
  'flash-large',
  'flash-large-nat',
  'upgrade',
  'upgrade-nat',
];
const SELECTION_CURVES = ['popularity', 'popularity-nat'];

export function reportCrowds({ records }: BenchResult<CrowdFigures>): string {
  const rows = newestOfEach(records).map((r) => [
    CROWDS.find(({ name }) => name === r.experiment)?.title ?? r.experiment,
    r.nodes.toLocaleString('en-US'),
    r.copies.toFixed(2),
    percent(r.mirrorShare),
    percent(r.leastShare),
    seconds(r.medianMs),
    seconds(r.slowestMs),
    seconds(r.aloneMedianMs),
    seconds(r.aloneSlowestMs),
    r.slower.toLocaleString('en-US'),
    `${r.worstRatio.toFixed(2)} ×`,
    r.worstLossMs > 0 ? seconds(r.worstLossMs) : '–',
    percent(r.protocolShare),
  ]);
  const headers = ['what', 'nodes', 'copies', 'from mirror', 'least', 'median', 'slowest', 'alone: median'];
  return markdownTable([...headers, 'alone: slowest', 'slower', 'worst', 'loses', 'protocol'], rows);
}

/** In the order of the experiments, whatever was run when. */
function newestOfEach(records: readonly CrowdFigures[]): CrowdFigures[] {
  const newest = new Map(records.map((r) => [`${r.experiment} ${r.nodes}`, r]));
  return CROWDS.flatMap(({ name }) =>
    [...newest.values()].filter((r) => r.experiment === name).sort((a, b) => a.nodes - b.nodes),
  );
}

/** Puts the result into docs/benchmarks.md, between its markers, and the plot beside it. */
export function writeCrowds(result: BenchResult<CrowdFigures> | undefined): void {
  if (!result) throw new Error('nothing was measured yet');
  writeFileSync(join(DOCS, 'crowd.svg'), plot(result.records));
  const path = join(DOCS, 'benchmarks.md');
  const document = readFileSync(path, 'utf8');
  const [begin, end] = [document.indexOf(BEGIN), document.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`${path} lacks the markers ${BEGIN} and ${END}`);
  const run = `Commit ${result.commit}, seed ${result.parameters.seed}: \`node scripts/bun.mjs bench/sim.ts\`.`;
  const text = `${run}\n\n![curves](crowd.svg)\n\n${reportCrowds(result)}`;
  writeFileSync(path, `${document.slice(0, begin + BEGIN.length)}\n\n${text}\n\n${document.slice(end)}`);
}

function plot(records: readonly CrowdFigures[]): string {
  const of = (names: readonly string[], y: (r: CrowdFigures) => number, more: Partial<Curve> = {}) =>
    names
      .map((name): Curve => {
        const points = newestOfEach(records).filter((r) => r.experiment === name);
        return { name, points: points.map((r) => [r.nodes, y(r)]), ...more };
      })
      .filter(({ points }) => points.length > 1);
  const least = of(SELECTION_CURVES.slice(0, 1), (r) => r.leastShare, {
    name: 'each file once',
    isDashed: true,
  });
  const xLabel = 'nodes';
  return drawPanels([
    {
      title: 'What the mirror sends',
      xLabel,
      yLabel: 'copies',
      curves: of(CROWD_CURVES, (r) => r.copies),
    },
    {
      title: 'The slowest node',
      xLabel,
      yLabel: 'its time / slowest without peers',
      curves: of(CROWD_CURVES, (r) => r.slowestMs / r.aloneSlowestMs),
    },
    {
      title: 'The node that fares worst',
      xLabel,
      yLabel: 'its time / its own without peers',
      curves: of(CROWD_CURVES, (r) => r.worstRatio),
    },
    {
      title: 'Own selections of packages',
      xLabel,
      yLabel: 'from the mirror, of what is wanted',
      curves: [...of(SELECTION_CURVES, (r) => r.mirrorShare), ...least],
    },
  ]);
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(Math.abs(ms) < 10_000 ? 2 : 0)} s`;
}

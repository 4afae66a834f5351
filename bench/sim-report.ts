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
  readonly mirrorRequests: number;
  readonly medianMs: number;
  readonly slowestMs: number;
  /** The same nodes at the same times without peers. */
  readonly aloneMedianMs: number;
  readonly aloneSlowestMs: number;
  /** The one node that fares worst against itself without peers. */
  readonly worstRatio: number;
  readonly notDone: number;
  /** What peers say besides payload, over what all nodes want. */
  readonly protocolShare: number;
  readonly events: number;
  /** Of this machine, for the run with peers. */
  readonly cpuSeconds: number;
  readonly rssMiB: number;
}

const DOCS = join(import.meta.dir, '../docs');
const BEGIN = '<!-- crowds: written by bench/sim.ts -->';
const END = '<!-- end of crowds -->';
const PLOTTED = ['flash-small', 'flash-small-nat', 'hour-small', 'flash-large', 'flash-large-nat', 'upgrade'];

export function reportCrowds({ records }: BenchResult<CrowdFigures>): string {
  const rows = records.map((r) => [
    CROWDS.find(({ name }) => name === r.experiment)?.title ?? r.experiment,
    String(r.nodes),
    r.copies.toFixed(2),
    seconds(r.medianMs),
    seconds(r.slowestMs),
    seconds(r.aloneMedianMs),
    seconds(r.aloneSlowestMs),
    `${r.worstRatio.toFixed(2)} ×`,
    `${(100 * r.protocolShare).toFixed(1)} %`,
  ]);
  const headers = ['what', 'nodes', 'copies', 'median', 'slowest', 'alone: median', 'alone: slowest'];
  return markdownTable([...headers, 'worst', 'protocol'], rows);
}

/** Puts the result into docs/benchmarks.md, between its markers, and the plot beside it. */
export function writeCrowds(result: BenchResult<CrowdFigures> | undefined): void {
  if (!result) throw new Error('nothing was measured yet');
  writeFileSync(join(DOCS, 'crowd.svg'), plot(result.records));
  const path = join(DOCS, 'benchmarks.md');
  const document = readFileSync(path, 'utf8');
  const [begin, end] = [document.indexOf(BEGIN), document.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`${path} lacks the markers ${BEGIN} and ${END}`);
  const run = `Commit ${result.commit}, seed ${result.parameters.seed}.`;
  const text = `${run}\n\n![curves](crowd.svg)\n\n${reportCrowds(result)}`;
  writeFileSync(path, `${document.slice(0, begin + BEGIN.length)}\n\n${text}\n\n${document.slice(end)}`);
}

function plot(records: readonly CrowdFigures[]): string {
  const curve = (name: string, y: (r: CrowdFigures) => number): Curve => ({
    name,
    points: records.filter((r) => r.experiment === name).map((r) => [r.nodes, y(r)]),
  });
  const curves = (y: (r: CrowdFigures) => number) =>
    PLOTTED.map((name) => curve(name, y)).filter(({ points }) => points.length > 1);
  return drawPanels([
    { title: 'What the mirror sends', xLabel: 'nodes', yLabel: 'copies', curves: curves((r) => r.copies) },
    {
      title: 'The slowest node',
      xLabel: 'nodes',
      yLabel: 'its time / slowest without peers',
      curves: curves((r) => r.slowestMs / r.aloneSlowestMs),
    },
  ]);
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 0)} s`;
}

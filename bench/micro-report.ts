/** The table of micro.ts. */
import { markdownTable } from './lib/markdown.ts';
import type { BenchResult } from './lib/results.ts';
import type { Figure } from './micro/figure.ts';

export function reportMicro({ records }: BenchResult<Figure>): string {
  const rows = records.map(({ name, value, unit }) => [
    name,
    value.toLocaleString('en-US', { maximumSignificantDigits: 3 }),
    unit,
  ]);
  return markdownTable(['what', 'figure', 'unit'], rows);
}

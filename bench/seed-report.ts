/** The table of seed.ts. */
import { markdownTable } from './lib/markdown.ts';
import type { BenchResult } from './lib/results.ts';
import { medianAndRange, medianText } from './lib/statistics.ts';
import type { SeedRecord } from './seed.ts';

const WHAT = {
  first: 'first start, until all is verified',
  kept: 'from kept state, until the first block is given',
};

export function reportSeed({ records }: BenchResult<SeedRecord>): string {
  const kinds = Map.groupBy(records, ({ tree, start }) => `${tree}\n${start}`);
  const rows = [...kinds.values()].map((own) => {
    const [{ files, bytes, start, hashedFiles }] = own as [SeedRecord];
    return [
      `${files} files, ${(bytes / 1e6).toFixed(0)} MB`,
      WHAT[start],
      medianAndRange(
        own.map(({ milliseconds }) => milliseconds / 1000),
        2,
      ),
      medianText(
        own.map(({ cpuSeconds }) => cpuSeconds),
        2,
      ),
      String(hashedFiles),
      `${medianText(
        own.map(({ rssBytes }) => rssBytes / 1e6),
        0,
      )} / ${medianText(
        own.map(({ anonBytes }) => anonBytes / 1e6),
        0,
      )}`,
    ];
  });
  const heads = ['tree', 'start', 'seconds', 'CPU s, whole look', 'files read', 'idle MB (RSS / anonymous)'];
  return markdownTable(heads, rows, 2);
}

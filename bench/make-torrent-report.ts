/** The table of make-torrent.ts. */
import { markdownTable } from './lib/markdown.ts';
import type { BenchResult } from './lib/results.ts';
import { medianAndRange, medianText } from './lib/statistics.ts';
import type { CommandRecord } from './make-torrent.ts';

export function reportMakeTorrent({ records }: BenchResult<CommandRecord>): string {
  const commands = [...new Set(records.map(({ command }) => command))];
  const rows = commands.map((command) => {
    const own = records.filter((record) => record.command === command);
    return [
      `\`${command}\``,
      medianAndRange(
        own.map(({ wallSeconds }) => wallSeconds),
        3,
      ),
      medianText(
        own.map(({ cpuSeconds }) => cpuSeconds),
        2,
      ),
      medianText(
        own.map(({ peakRssBytes }) => peakRssBytes / 1e6),
        0,
      ),
    ];
  });
  return markdownTable(['command', 'wall s', 'CPU s', 'peak RSS MB'], rows);
}

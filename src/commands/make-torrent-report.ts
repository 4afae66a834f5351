/** What make-torrent says it has made: for people, or as JSON. */
import { formatBytes } from '../lib/format-bytes.ts';
import type { Made } from '../torrent/make.ts';
import type { PlannedDtorrent } from './make-torrent-plan.ts';
import type { PoolOutcome } from './make-torrent-pool.ts';
import type { WrittenTorrent } from './make-torrent-standard.ts';

export interface Summary {
  readonly out: string;
  readonly made: Made;
  readonly plan: PlannedDtorrent;
  readonly passedOver: number;
}

interface Given {
  readonly trackers: readonly string[];
  readonly webSeeds: readonly string[];
}

function summaryOf({ out, made, plan, passedOver }: Summary, { trackers, webSeeds }: Given) {
  const { name, infoHash, magnet, files, totalBytes, bytes } = made;
  const sizes = { files, totalBytes, sizeBytes: bytes.length };
  return { path: out, ...plan.identity, name, infoHash, magnet, ...sizes, trackers, webSeeds, passedOver };
}

/** One .dtorrent is told as it is, several in a list. */
export function asJson(
  summaries: readonly Summary[],
  given: Given,
  pool: PoolOutcome | undefined,
  torrents: readonly WrittenTorrent[] | undefined,
): string {
  const all = summaries.map((summary) => summaryOf(summary, given));
  const poolCounts = pool && {
    pool: {
      files: pool.records.size,
      readFiles: pool.readFiles,
      readBytes: pool.readBytes,
      missing: pool.missing,
      wrong: pool.wrong,
    },
  };
  const rest = { ...poolCounts, ...(torrents && { torrents }) };
  return JSON.stringify(all.length === 1 ? { ...all[0], ...rest } : { dtorrents: all, ...rest }, null, 2);
}

export function describeAll(
  summaries: readonly Summary[],
  pool: PoolOutcome | undefined,
  torrents: readonly WrittenTorrent[] | undefined,
): string {
  const lines = summaries.map(({ out, made, passedOver }) => describe(out, made, passedOver));
  if (pool) {
    const { records, readFiles, readBytes } = pool;
    lines.push(`pool: ${records.size.toLocaleString('en-US')} files are what the indexes say`);
    lines.push(`  read now   ${readFiles.toLocaleString('en-US')}, ${formatBytes(readBytes)}`);
  }
  for (const { file, files, bytes, magnet } of torrents ?? []) {
    lines.push(`${file}: ${files.toLocaleString('en-US')} files, ${formatBytes(bytes)}`, `  ${magnet}`);
  }
  return lines.join('\n');
}

function describe(out: string, made: Made, passedOver: number): string {
  const lines = [
    `${out} (${formatBytes(made.bytes.length)})`,
    `  swarm      ${made.name}`,
    `  info-hash  ${made.infoHash}`,
    `  files      ${made.files.toLocaleString('en-US')}, ${formatBytes(made.totalBytes)}`,
    `  magnet     ${made.magnet}`,
  ];
  if (passedOver > 0)
    lines.push(`  passed over ${passedOver.toLocaleString('en-US')} stanzas without file, size and SHA256`);
  return lines.join('\n');
}

/**
 * `debtorrent inspect X`: what a .torrent, a magnet link or a .dtorrent says, as a table or JSON. It opens no connection and
 * writes nothing. What a stranger wrote can't drive the terminal; what is refused is said, exit 1 (the errors are those
 * of torrent/metainfo.ts and its kin).
 */
import { readFileSync, statSync } from 'node:fs';
import type { ArgsDef, ParsedArgs } from 'citty';
import { rawValue } from '../bencode/slice.ts';
import { ProtocolError } from '../lib/errors.ts';
import { formatBytes } from '../lib/format-bytes.ts';
import { plainText } from '../lib/plain-text.ts';
import { swarmName } from '../torrent/archive-identity.ts';
import { type Dtorrent, decodeDtorrent, dtorrentInfoHash } from '../torrent/dtorrent.ts';
import { formatMagnet, isMagnet, parseMagnet } from '../torrent/magnet.ts';
import { type Metainfo, parseMetainfo } from '../torrent/metainfo.ts';

export const inspectArgs = {
  what: {
    type: 'positional',
    required: true,
    valueHint: 'FILE.torrent|magnet:…|FILE.dtorrent',
    description: 'What to look into',
  },
  files: { type: 'boolean', description: 'List every file, not only the first' },
  json: { type: 'boolean', description: 'Print all of it as JSON' },
} as const satisfies ArgsDef;

/** What is to be said, in either form. */
interface Report {
  readonly kind: 'torrent' | 'magnet' | 'dtorrent';
  readonly name: string;
  readonly rows: readonly (readonly [string, readonly string[]])[];
  readonly files: readonly { readonly path: string; readonly sizeBytes: number }[];
  readonly json: object;
}

/** Longest .dtorrent; a .torrent has a smaller limit of its own. */
const MAX_BYTES = 256 << 20;
const MAX_ITEMS = 4_000_000;
const FILES_SHOWN = 20;

/** Resolves with the exit code. Throws Error with what is wrong. */
export async function runInspect({
  args,
}: {
  readonly args: ParsedArgs<typeof inspectArgs>;
}): Promise<number> {
  const report = isMagnet(args.what) ? ofMagnet(args.what) : ofFile(args.what);
  const text = args.json ? JSON.stringify(report.json, null, 2) : asTable(report, args.files === true);
  process.stdout.write(`${text}\n`);
  return 0;
}

function ofFile(path: string): Report {
  const bytes = read(path);
  try {
    return isDtorrent(bytes) ? ofDtorrent(decodeDtorrent(bytes)) : ofTorrent(parseMetainfo(bytes));
  } catch (cause) {
    throw new Error(`${path}: ${(cause as Error).message}`, { cause });
  }
}

function read(path: string): Uint8Array {
  try {
    const stat = statSync(path);
    if (!stat.isFile()) throw new Error('not a file');
    if (stat.size > MAX_BYTES) throw new Error(`longer than ${formatBytes(MAX_BYTES)}: no torrent is`);
    return new Uint8Array(readFileSync(path));
  } catch (cause) {
    throw new Error(`could not read ${path}: ${(cause as Error).message}`, { cause });
  }
}

/** A .dtorrent has its files outside of `info`. What is neither is judged as a torrent. */
function isDtorrent(bytes: Uint8Array): boolean {
  try {
    const limits = { maxBytes: MAX_BYTES, maxItems: MAX_ITEMS, maxDepth: 64, anyKeyOrder: true };
    return rawValue(bytes, 'files', limits) !== undefined;
  } catch (cause) {
    if (cause instanceof ProtocolError) return false;
    throw cause;
  }
}

function ofTorrent(torrent: Metainfo): Report {
  const { name, infoHashV1, infoHashV2, trackers, webSeeds, info, layers, pieces, ...rest } = torrent;
  const versions = [infoHashV1 && 'v1', infoHashV2 && 'v2'].filter((version) => version !== undefined);
  const files = torrent.files
    .filter(({ isPadding }) => !isPadding)
    .map(({ path, sizeBytes, piecesRoot }) => ({ path: path.join('/'), sizeBytes, piecesRoot }));
  const paddingBytes = torrent.files.reduce((sum, file) => sum + (file.isPadding ? file.sizeBytes : 0), 0);
  const magnet = formatMagnet({
    infoHashV1,
    infoHashV2,
    name,
    trackers: trackers.flat(),
    webSeeds,
    peers: [],
  });
  const { contentBytes, pieceCount, pieceLength, isPrivate, symlinks, comment, createdBy, createdAtMs } =
    rest;
  const createdAt = createdAtMs === undefined ? undefined : new Date(createdAtMs).toISOString();
  const padding = paddingBytes > 0 ? `, and ${formatBytes(paddingBytes)} of padding` : '';
  return {
    kind: 'torrent',
    name,
    rows: [
      ['kind', [`standard torrent, ${versions.length === 2 ? 'hybrid of v1 and v2' : versions.join()}`]],
      ['info-hash', [infoHashV1, infoHashV2].filter((hash) => hash !== undefined)],
      ['files', [`${count(files.length)}, ${formatBytes(contentBytes)}${padding}`]],
      ['pieces', [`${count(pieceCount)} of ${formatBytes(pieceLength)}`]],
      ['trackers', trackers.flat()],
      ['web seeds', webSeeds],
      ['private', isPrivate ? ['yes: peers from its trackers only'] : []],
      ['left out', symlinks > 0 ? [`${symlinks} symbolic links`] : []],
      ['comment', comment === undefined ? [] : [comment]],
      [
        'made',
        [[createdAt, createdBy && `by ${createdBy}`].filter(Boolean).join(' ')].filter((text) => text !== ''),
      ],
      ['magnet', [magnet]],
    ],
    files,
    json: {
      kind: 'torrent',
      ...{ name, infoHashV1, infoHashV2, pieceLength, pieceCount, contentBytes, paddingBytes },
      ...{ isPrivate, symlinks, trackers, webSeeds, comment, createdBy, createdAt, magnet },
      files: files.map(({ piecesRoot, ...file }) => ({ ...file, piecesRoot: piecesRoot?.toHex() })),
    },
  };
}

function ofMagnet(link: string): Report {
  const magnet = parseMagnet(link);
  const { infoHashV1, infoHashV2, name, trackers, webSeeds, peers } = magnet;
  return {
    kind: 'magnet',
    name: name ?? 'a torrent without a name',
    rows: [
      ['kind', ['magnet link: what is in it, its peers know']],
      ['info-hash', [infoHashV1, infoHashV2].filter((hash) => hash !== undefined)],
      ['trackers', trackers],
      ['web seeds', webSeeds],
      ['peers', peers],
    ],
    files: [],
    json: { kind: 'magnet', ...magnet },
  };
}

function ofDtorrent(dtorrent: Dtorrent): Report {
  const { identity, trackers, webSeeds, createdBy, createdAtMs, files: table } = dtorrent;
  const infoHash = dtorrentInfoHash(dtorrent);
  const files = [...table];
  const withRoot = files.filter(({ root }) => root !== undefined).length;
  const createdAt = createdAtMs === undefined ? undefined : new Date(createdAtMs).toISOString();
  return {
    kind: 'dtorrent',
    name: swarmName(identity),
    rows: [
      ['kind', ['archive swarm (.dtorrent)']],
      ['info-hash', [infoHash]],
      ['files', [`${count(files.length)}, ${formatBytes(table.totalBytes)}`]],
      ['roots', [`stated for ${count(withRoot)} files`]],
      ['trackers', trackers.flat()],
      ['web seeds', webSeeds],
      [
        'made',
        [[createdAt, createdBy && `by ${createdBy}`].filter(Boolean).join(' ')].filter((text) => text !== ''),
      ],
    ],
    files,
    json: {
      kind: 'dtorrent',
      ...{ name: swarmName(identity), ...identity, infoHash, totalBytes: table.totalBytes, withRoot },
      ...{ trackers, webSeeds, createdBy, createdAt },
      files: files.map(({ root, ...file }) => ({ ...file, root: root?.toHex() })),
    },
  };
}

function asTable({ name, rows, files }: Report, isWhole: boolean): string {
  const lines = [plainText(name)];
  for (const [title, values] of rows) {
    for (const [i, value] of values.entries())
      lines.push(`  ${(i === 0 ? title : '').padEnd(10)} ${plainText(value)}`);
  }
  const shown = isWhole ? files : files.slice(0, FILES_SHOWN);
  if (shown.length > 0) lines.push('');
  for (const { path, sizeBytes } of shown)
    lines.push(`  ${formatBytes(sizeBytes).padStart(10)}  ${plainText(path)}`);
  if (files.length > shown.length)
    lines.push(`  … and ${count(files.length - shown.length)} more: --files lists them`);
  return lines.join('\n');
}

function count(number: number): string {
  return number.toLocaleString('en-US');
}

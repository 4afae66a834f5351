/**
 * `debtorrent make-torrent Packages.gz…`: reads an archive's indexes and writes a .dtorrent (torrent/dtorrent.ts) that
 * others give to `serve --torrent`. Reads files and writes one; what a .dtorrent is, torrent/ decides.
 * Wrong usage is thrown (UsageError, exit 2); an input that can't be read or an output that can't be written is said
 * on stderr, exit 1, and leaves nothing behind.
 */
import { randomUUID } from 'node:crypto';
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { UsageError } from '../lib/errors.ts';
import { formatBytes } from '../lib/format-bytes.ts';
import { log } from '../lib/log.ts';
import type { ArchiveIdentity } from '../torrent/archive-identity.ts';
import { FileTableBuilder } from '../torrent/file-table-builder.ts';
import { type Made, makeDtorrent } from '../torrent/make.ts';
import { type IdentityFlags, identityOfIndexes } from './make-torrent-identity.ts';
import { readIndexFiles } from './read-index-files.ts';
import { repeatedFlag } from './repeated-flag.ts';

export interface MakeTorrentOptions extends IdentityFlags {
  /** Packages or Sources, of any compression. */
  readonly indexes: readonly string[];
  /** Default: "<origin>-<codename>-<architecture>.dtorrent" in the working directory. */
  readonly out?: string;
  readonly trackers: readonly string[];
  /** Base URLs of mirrors. */
  readonly webSeeds: readonly string[];
  readonly json: boolean;
  /** Overwrite what is there. */
  readonly force: boolean;
  readonly nowMs?: number;
  /** Where the result is written; default stdout. */
  readonly print?: (text: string) => void;
}

/** In citty's ArgsDef form. `tracker` and `web-seed` are repeatable: all their values are read from rawArgs. */
export const makeTorrentArgs = {
  index: {
    type: 'positional',
    required: true,
    valueHint: 'Packages.gz',
    description: 'Index to read; more may follow (Packages or Sources; gz, xz, zst, bz2 or plain)',
  },
  out: {
    type: 'string',
    alias: 'o',
    valueHint: 'OUT.dtorrent',
    description: 'File to write (default: named after the archive, in this folder)',
  },
  tracker: {
    type: 'string',
    valueHint: 'URL',
    description: 'Tracker to meet at (http, https or udp; repeatable)',
  },
  'web-seed': {
    type: 'string',
    valueHint: 'URL',
    description: "A mirror's base URL, the one that dists/ and pool/ are below (repeatable)",
  },
  origin: {
    type: 'string',
    valueHint: 'ORIGIN',
    description: "The archive's Origin, where no Release above the index says it",
  },
  codename: { type: 'string', valueHint: 'CODENAME', description: 'The Codename, likewise' },
  architecture: {
    type: 'string',
    valueHint: 'ARCH',
    description: 'The architecture, where the path does not say it',
  },
  json: { type: 'boolean', description: 'Print the result as JSON' },
  force: { type: 'boolean', description: 'Overwrite the file if it is there' },
} as const;

/** What citty hands to `run`. */
export interface MakeTorrentContext {
  readonly args: Readonly<Record<string, unknown>> & { readonly _: readonly string[] };
  readonly rawArgs: readonly string[];
}

/** Returns the exit code. Throws UsageError. */
export function run({ args, rawArgs }: MakeTorrentContext): Promise<number> {
  const text = (name: string) =>
    typeof args[name] === 'string' && args[name] !== '' ? args[name] : undefined;
  const given = {
    out: text('out'),
    origin: text('origin'),
    codename: text('codename'),
    architecture: text('architecture'),
  };
  return runMakeTorrent({
    ...(Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Partial<
      Record<keyof typeof given, string>
    >),
    indexes: args._,
    trackers: repeatedFlag(rawArgs, 'tracker'),
    webSeeds: repeatedFlag(rawArgs, 'web-seed'),
    json: args.json === true,
    force: args.force === true,
  });
}

/** Returns the exit code: 0, or 1 after having said why. Throws UsageError. */
export async function runMakeTorrent(options: MakeTorrentOptions): Promise<number> {
  const { indexes, trackers, webSeeds, json, force } = options;
  if (indexes.length === 0)
    throw new UsageError('make-torrent needs an index: debtorrent make-torrent Packages.gz');
  checkUrls('--tracker', trackers, ['http:', 'https:', 'udp:']);
  checkUrls('--web-seed', webSeeds, ['http:', 'https:']);
  try {
    for (const index of indexes) checkReadable(index);
    const identity = identityOfIndexes(indexes, options, webSeeds);
    const out = options.out ?? defaultName(identity);
    if (!force && existsSync(out))
      throw new Error(`could not write ${out}: it is there already; --force overwrites it`);
    const files = new FileTableBuilder();
    let passedOver = 0;
    for (const index of indexes) passedOver += await addIndex(index, files);
    const made = makeDtorrent({
      identity,
      files,
      trackers,
      webSeeds,
      createdBy: 'DebTorrent',
      createdAtMs: options.nowMs ?? Date.now(),
    });
    writeAtomically(out, made.bytes, force);
    const print = options.print ?? ((line: string) => process.stdout.write(`${line}\n`));
    const summary = { path: out, ...identity, ...summaryOf(made), trackers, webSeeds, passedOver };
    print(json ? JSON.stringify(summary, null, 2) : describe(out, made, passedOver));
    return 0;
  } catch (error) {
    if (error instanceof UsageError) throw error;
    log.error((error as Error).message);
    return 1;
  }
}

/** Before anything else is asked about it. */
function checkReadable(index: string): void {
  try {
    if (!statSync(index).isFile()) throw new Error('not a file');
    accessSync(index, constants.R_OK);
  } catch (error) {
    throw new Error(`could not read ${index}: ${(error as Error).message}`, { cause: error });
  }
}

/** Stanzas that name nothing to share. */
async function addIndex(index: string, files: FileTableBuilder): Promise<number> {
  try {
    const { stanzas, passedOver } = await readIndexFiles(index, files, progressOf(index));
    if (stanzas === 0) throw new Error('it is empty');
    if (stanzas === passedOver)
      throw new Error('no stanza in it names a file with size and SHA256: not a Packages or Sources index');
    return passedOver;
  } catch (error) {
    throw new Error(`could not read ${index}: ${(error as Error).message}`, { cause: error });
  }
}

/** Says on a terminal, and only there, how far it has come. */
function progressOf(index: string): (doneBytes: number) => void {
  if (!process.stderr.isTTY) return () => {};
  const sizeBytes = statSync(index).size;
  return (doneBytes) => {
    const percent = Math.floor((doneBytes / Math.max(sizeBytes, 1)) * 100);
    process.stderr.write(percent < 100 ? `\r${basename(index)} ${percent} %\x1b[K` : '\r\x1b[K');
  };
}

/** All or nothing, and never over a file that came meanwhile. */
function writeAtomically(path: string, bytes: Uint8Array, force: boolean): void {
  const temporary = join(dirname(path), `.${basename(path)}.${randomUUID()}`);
  try {
    const fd = openSync(temporary, 'wx', 0o644);
    try {
      writeFileSync(fd, bytes);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    if (force) renameSync(temporary, path);
    else linkSync(temporary, path);
  } catch (error) {
    throw new Error(`could not write ${path}: ${(error as Error).message}`, { cause: error });
  } finally {
    rmSync(temporary, { force: true });
  }
}

function checkUrls(flag: string, urls: readonly string[], schemes: readonly string[]): void {
  for (const url of urls) {
    if (schemes.includes(URL.parse(url)?.protocol ?? '')) continue;
    const names = schemes.map((scheme) => scheme.slice(0, -1)).join(', ');
    throw new UsageError(`${flag} ${url}: not a URL of ${names}`);
  }
}

function defaultName({ origin, codename, architecture }: ArchiveIdentity): string {
  const plain = `${origin}-${codename}-${architecture}`.toLowerCase().replace(/[^a-z0-9.+~]+/g, '-');
  return `${plain.replace(/^[-.]+|-+$/g, '')}.dtorrent`;
}

function summaryOf({ name, infoHash, magnet, files, totalBytes, bytes }: Made) {
  return { name, infoHash, magnet, files, totalBytes, sizeBytes: bytes.length };
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

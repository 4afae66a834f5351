/**
 * `debtorrent make-torrent Packages.gz…|dists/`: reads an archive's indexes and writes .dtorrent files
 * (torrent/dtorrent.ts) that others give to `serve --torrent`, or find beside the indexes. With `--pool` it reads the files
 * too: the .dtorrent then states their roots, and `--standard` makes torrents for ordinary clients of them.
 * Wrong usage is thrown (UsageError, exit 2). An input that can't be read, an output that can't be written, and (unless
 * `--partial`) files of the pool that are missing or not what the index says are told on stderr, exit 1, and nothing is
 * written but what was found out about the pool.
 */
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { UsageError } from '../lib/errors.ts';
import { log } from '../lib/log.ts';
import type { FileTable } from '../torrent/file-table.ts';
import { FileTableBuilder } from '../torrent/file-table-builder.ts';
import { makeDtorrent } from '../torrent/make.ts';
import type { TorrentKind } from '../torrent/make-standard.ts';
import { Pieces } from '../torrent/pieces.ts';
import type { IdentityFlags } from './make-torrent-identity.ts';
import { type PlannedDtorrent, plainName, planDtorrents } from './make-torrent-plan.ts';
import type { PoolFile, PoolOutcome } from './make-torrent-pool.ts';
import { asJson, describeAll, type Summary } from './make-torrent-report.ts';
import { splitFiles, type TorrentGroup } from './make-torrent-split.ts';
import { readIndexFiles } from './read-index-files.ts';
import { repeatedFlag } from './repeated-flag.ts';
import { writeAtomically } from './write-atomically.ts';

export interface MakeTorrentOptions extends IdentityFlags {
  /** Packages or Sources, of any compression, or folders that hold some. */
  readonly indexes: readonly string[];
  /** Default: "<origin>-<codename>-<architecture>.dtorrent" in the working directory. A folder where several are made. */
  readonly out?: string;
  /** "Packages.dtorrent" beside each index instead. */
  readonly beside?: boolean;
  /** What dists/ and pool/ are below: its files are read. */
  readonly pool?: string;
  /** Missing and wrong files of the pool are left out, instead of being an error. */
  readonly partial?: boolean;
  /** Standard torrents are made, of this kind, into `standardDir`. */
  readonly standard?: TorrentKind;
  /** Default: "torrents" where the .dtorrent goes. */
  readonly standardDir?: string;
  /** What is kept of the pool between runs. Default: ".debtorrent-hashes" where the .dtorrent goes. */
  readonly state?: string;
  readonly trackers: readonly string[];
  /** Base URLs of mirrors. */
  readonly webSeeds: readonly string[];
  readonly json: boolean;
  /** Overwrite what is there. */
  readonly force: boolean;
  readonly nowMs?: number;
  /** How this program is started again, for the children that hash. */
  readonly command?: readonly string[];
  /** Where the result is written; default stdout. */
  readonly print?: (text: string) => void;
}

/** In citty's ArgsDef form. `tracker` and `web-seed` are repeatable: all their values are read from rawArgs. */
export const makeTorrentArgs = {
  index: {
    type: 'positional',
    required: true,
    valueHint: 'Packages.gz',
    description:
      'Index to read, or a dists/ folder; more may follow (Packages or Sources, compressed or not)',
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
  beside: {
    type: 'boolean',
    description: 'Write Packages.dtorrent beside each index, for its Release to list',
  },
  pool: {
    type: 'string',
    valueHint: 'DIR',
    description:
      'The archive itself (what dists/ and pool/ are below): read its files and state their hash trees',
  },
  partial: { type: 'boolean', description: 'Leave out files that the pool lacks, instead of failing' },
  standard: { type: 'boolean', description: 'Also make standard torrents (v1 and v2) of the pool' },
  'standard-dir': {
    type: 'string',
    valueHint: 'DIR',
    description: 'Where they go (default: torrents/ beside the .dtorrent)',
  },
  kind: { type: 'string', valueHint: 'hybrid|v1|v2', description: 'Their kind (default: hybrid)' },
  state: {
    type: 'string',
    valueHint: 'FILE',
    description:
      'What is kept of the pool, so that only changed files are read again (default: .debtorrent-hashes there)',
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
    pool: text('pool'),
    standardDir: text('standard-dir'),
    state: text('state'),
    origin: text('origin'),
    codename: text('codename'),
    architecture: text('architecture'),
  };
  const kind = text('kind') ?? 'hybrid';
  if (!isKind(kind)) throw new UsageError(`--kind ${kind}: it is hybrid, v1 or v2`);
  return runMakeTorrent({
    ...(Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Partial<
      Record<keyof typeof given, string>
    >),
    indexes: args._,
    trackers: repeatedFlag(rawArgs, 'tracker'),
    webSeeds: repeatedFlag(rawArgs, 'web-seed'),
    beside: args.beside === true,
    partial: args.partial === true,
    ...(args.standard === true && { standard: kind }),
    json: args.json === true,
    force: args.force === true,
  });
}

function isKind(text: string): text is TorrentKind {
  return text === 'hybrid' || text === 'v1' || text === 'v2';
}

/** Returns the exit code: 0, or 1 after having said why. Throws UsageError. */
export async function runMakeTorrent(options: MakeTorrentOptions): Promise<number> {
  const { indexes, trackers, webSeeds, standard, pool } = options;
  if (indexes.length === 0)
    throw new UsageError('make-torrent needs an index: debtorrent make-torrent Packages.gz');
  checkUrls('--tracker', trackers, ['http:', 'https:', 'udp:']);
  checkUrls('--web-seed', webSeeds, ['http:', 'https:']);
  if (pool === undefined && (standard !== undefined || options.partial))
    throw new UsageError(
      `--${standard === undefined ? 'partial' : 'standard'} needs the files: give --pool DIR`,
    );
  try {
    return await make(options);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    log.error((error as Error).message);
    return 1;
  }
}

async function make(options: MakeTorrentOptions): Promise<number> {
  const { trackers, webSeeds, force, pool, json } = options;
  for (const index of options.indexes) checkReadable(index);
  const planned = planDtorrents({ ...options, operands: options.indexes, beside: options.beside === true });
  for (const { out } of planned) {
    if (!force && existsSync(out))
      throw new Error(`could not write ${out}: it is there already; --force overwrites it`);
  }
  const lists: List[] = [];
  for (const plan of planned) lists.push(await readList(plan));
  const read = pool === undefined ? undefined : await readFiles(pool, lists, options);
  if (read && !isAcceptable(read.outcome, options.partial === true)) return 1;

  const createdAtMs = options.beside ? undefined : (options.nowMs ?? Date.now());
  const summaries: Summary[] = [];
  for (const { plan, files, passedOver } of lists) {
    if (read) stateRoots(files, read.outcome);
    const made = makeDtorrent({
      identity: plan.identity,
      files,
      trackers,
      webSeeds,
      createdBy: 'DebTorrent',
      ...(createdAtMs !== undefined && { createdAtMs }),
    });
    writeAtomically(plan.out, made.bytes, force);
    summaries.push({ out: plan.out, made, plan, passedOver });
  }
  const torrents =
    read?.standard && (await import('./make-torrent-standard.ts')).writeStandardTorrents(read.standard);
  const print = options.print ?? ((line: string) => process.stdout.write(`${line}\n`));
  print(
    json
      ? asJson(summaries, options, read?.outcome, torrents)
      : describeAll(summaries, read?.outcome, torrents),
  );
  return 0;
}

interface List {
  readonly plan: PlannedDtorrent;
  readonly files: FileTableBuilder;
  readonly passedOver: number;
}

async function readList(plan: PlannedDtorrent): Promise<List> {
  const files = new FileTableBuilder();
  let passedOver = 0;
  for (const index of plan.indexes) passedOver += await addIndex(index, files);
  return { plan, files, passedOver };
}

/** Reads the pool, and plans the standard torrents, whose pieces decide how it is read. */
async function readFiles(pool: string, lists: readonly List[], options: MakeTorrentOptions) {
  // Loaded only when it is used, as is what writes standard torrents.
  const { poolRoot, readPool } = await import('./make-torrent-pool.ts');
  const root = poolRoot(pool);
  const files = filesOf(lists);
  const [first] = lists as [List];
  const folder = dirname(first.plan.out);
  const groups = options.standard === undefined ? undefined : groupsOf(files);
  const pieceLengths = new Map(
    groups?.flatMap(({ files: members, pieceLength }) =>
      members.map(({ path }) => [path, pieceLength] as const),
    ),
  );
  const outcome = await readPool({
    root,
    files,
    stateFile: options.state ?? join(folder, '.debtorrent-hashes'),
    pieceLengthOf: groups && ((path) => pieceLengths.get(path) as number),
    ...(options.command && { command: options.command }),
  });
  if (options.standard === undefined || groups === undefined) return { outcome, standard: undefined };
  const { identity } = first.plan;
  const names = lists.map(({ plan }) => plainName(plan.identity));
  const label =
    new Set(names).size === 1 ? plainName(identity) : plainName({ ...identity, architecture: '' });
  const standard = {
    folder: options.standardDir ?? join(folder, 'torrents'),
    label,
    kind: options.standard,
    groups,
    records: outcome.records,
    trackers: options.trackers,
    webSeeds: options.webSeeds,
    root,
  };
  return { outcome, standard };
}

/** Of all lists, each path once, sorted. Throws where two lists contradict each other. */
function filesOf(lists: readonly List[]): PoolFile[] {
  const byPath = new Map<string, PoolFile>();
  for (const table of lists.map(({ files }): FileTable => files.build())) {
    for (const file of table) {
      const known = byPath.get(file.path);
      if (known && known.key !== file.key)
        throw new Error(`could not list files: two contents for ${file.path}`);
      if (!known) byPath.set(file.path, file);
    }
  }
  return [...byPath.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** A torrent's files lie below one folder, which gives it its name. */
function groupsOf(files: readonly PoolFile[]): TorrentGroup<PoolFile>[] {
  const tops = Map.groupBy(files, ({ path }) => path.slice(0, Math.max(0, path.indexOf('/'))));
  return [...tops].flatMap(([top, members]) =>
    splitFiles(members).map((group) =>
      group.stem === '' && tops.size > 1 ? { ...group, stem: top } : group,
    ),
  );
}

/** Says what is missing and wrong. False when that is an error. */
function isAcceptable({ missing, wrong }: PoolOutcome, isPartial: boolean): boolean {
  if (missing.length === 0 && wrong.length === 0) return true;
  const say = isPartial ? log.warn : log.error;
  const lines = [
    ...missing.map((path) => `${path}: it is not there`),
    ...wrong.map(({ path, reason }) => `${path}: ${reason}`),
  ];
  for (const line of lines.slice(0, MAX_NAMED)) say(line);
  if (lines.length > MAX_NAMED) say(`… and ${lines.length - MAX_NAMED} more`);
  const counts = `${missing.length} files of the pool are missing, ${wrong.length} are not what the index says`;
  say(
    isPartial ? `${counts}; they are left out` : `${counts}; nothing is written (--partial leaves them out)`,
  );
  return isPartial;
}

const MAX_NAMED = 20;

/** A file of one piece needs no root: its own SHA-256 is the piece's. */
function stateRoots(files: FileTableBuilder, { records }: PoolOutcome): void {
  for (const file of files.build()) {
    const record = records.get(file.path);
    if (record && !new Pieces(file.sizeBytes).isSingle)
      files.setRoot(Buffer.from(file.path).toString('latin1'), Uint8Array.fromBase64(record.root));
  }
}

/** Before anything else is asked about it. */
function checkReadable(index: string): void {
  try {
    const stat = statSync(index);
    if (!stat.isFile() && !stat.isDirectory()) throw new Error('not a file');
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

function checkUrls(flag: string, urls: readonly string[], schemes: readonly string[]): void {
  for (const url of urls) {
    if (schemes.includes(URL.parse(url)?.protocol ?? '')) continue;
    const names = schemes.map((scheme) => scheme.slice(0, -1)).join(', ');
    throw new UsageError(`${flag} ${url}: not a URL of ${names}`);
  }
}

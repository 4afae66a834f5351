/**
 * Reads the files that an index names where they lie, below `--pool DIR`: what each one's content is, and whether it is
 * what the index says. Files that are as they were at the last run aren't read again (make-torrent-hashes.ts), the others
 * by all cores. Decides which files are missing or wrong; what follows from that is the command's.
 */
import { existsSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { ownCommand } from '../archive/build-table.ts';
import type { Sha256 } from '../lib/sha256.ts';
import { type HashJob, hashFiles } from './hash-children.ts';
import { type FileMark, type HashRecord, KeptHashes } from './make-torrent-hashes.ts';
import { ProgressBar } from './progress-bar.ts';

export interface PoolFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly key: Sha256;
}

export interface PoolOutcome {
  /** Of the files that are there and right. */
  readonly records: ReadonlyMap<string, HashRecord>;
  readonly missing: readonly string[];
  /** There, and not what the index says, with why. */
  readonly wrong: readonly { readonly path: string; readonly reason: string }[];
  /** Read in this run; the rest was known. */
  readonly readFiles: number;
  readonly readBytes: number;
}

export interface PoolOptions {
  /** What dists/ and pool/ are below. */
  readonly root: string;
  /** Each path once. */
  readonly files: readonly PoolFile[];
  readonly stateFile: string;
  /** Of the standard torrent that the file will be in; undefined where none is made. */
  readonly pieceLengthOf: ((path: string) => number) | undefined;
  /** How this program is started again. */
  readonly command?: readonly string[];
}

/** For the root alone any will do. */
const PLAIN_PIECE_BYTES = 1 << 20;

/** The archive's base, where somebody gave the `pool/` in it. Throws when it isn't there. */
export function poolRoot(directory: string): string {
  if (!statSync(directory, { throwIfNoEntry: false })?.isDirectory())
    throw new Error(`could not read ${directory}: not a folder`);
  const isPoolItself = basename(directory) === 'pool' && !existsSync(join(directory, 'pool'));
  return isPoolItself ? dirname(directory) : directory;
}

export async function readPool(options: PoolOptions): Promise<PoolOutcome> {
  const { root, files, stateFile, pieceLengthOf, command = ownCommand() } = options;
  using kept = new KeptHashes(stateFile);
  const records = new Map<string, HashRecord>();
  const missing: string[] = [];
  const wrong: { path: string; reason: string }[] = [];
  const jobs: HashJob[] = [];
  const keys = new Map(files.map(({ path, key }) => [path, key]));
  const take = (record: HashRecord) => {
    const isRight = Buffer.from(record.sha256, 'base64').toString('hex') === keys.get(record.path);
    if (isRight) records.set(record.path, record);
    else wrong.push({ path: record.path, reason: 'its SHA-256 is another than the index says' });
  };

  for (const { path, sizeBytes } of files) {
    const file = join(root, path);
    const mark = markOf(file);
    if (mark === undefined) missing.push(path);
    else if (mark.sizeBytes !== sizeBytes)
      wrong.push({ path, reason: `it has ${mark.sizeBytes} bytes, the index says ${sizeBytes}` });
    else {
      const known = kept.find(path, mark, { pieceLength: pieceLengthOf?.(path) });
      if (known) take(known);
      else {
        const wantsV1 = pieceLengthOf !== undefined;
        jobs.push({
          path,
          file,
          sizeBytes,
          wantsV1,
          pieceLength: pieceLengthOf?.(path) ?? PLAIN_PIECE_BYTES,
        });
      }
    }
  }

  let doneBytes = 0;
  let doneFiles = 0;
  const bytes = jobs.reduce((sum, job) => sum + job.sizeBytes, 0);
  if (jobs.length > 0) {
    using bar = new ProgressBar();
    const listener = {
      onRecord: (record: HashRecord) => {
        kept.add(record);
        take(record);
        doneFiles += 1;
      },
      onError: ({ path }: HashJob, reason: string) => {
        wrong.push({ path, reason });
        doneFiles += 1;
      },
      onBytes: (more: number) => {
        doneBytes += more;
        bar.show({ bytes, doneBytes, files: jobs.length, doneFiles });
      },
    };
    await hashFiles(jobs, listener, command);
  }
  if (kept.isOutgrown(keys.size)) kept.keepOnly(new Set(keys.keys()));
  wrong.sort((a, b) => (a.path < b.path ? -1 : 1));
  return { records, missing, wrong, readFiles: jobs.length, readBytes: bytes };
}

/** Undefined for what isn't there, or isn't a file. */
function markOf(path: string): FileMark | undefined {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  if (!stat?.isFile()) return undefined;
  return { sizeBytes: Number(stat.size), mtimeNs: String(stat.mtimeNs), inode: String(stat.ino) };
}

/**
 * Writes the standard torrents of an archive's files into a folder, with a list of them (`torrents.json`) by which the next
 * run knows its own files again: a torrent that is no longer made is removed, one that is the same is left alone.
 * A torrent's name is the first folder of its paths ("pool"), so that a client whose download folder is the archive's base
 * seeds what lies there in place, and a mirror's base URL is a web seed as it is (BEP 19).
 */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { log } from '../lib/log.ts';
import { formatMagnet } from '../torrent/magnet.ts';
import {
  makeStandardTorrent,
  type SourceFile,
  type StandardOptions,
  type StandardTorrent,
  type TorrentKind,
} from '../torrent/make-standard.ts';
import { type HashRecord, hashesOf } from './make-torrent-hashes.ts';
import type { PoolFile } from './make-torrent-pool.ts';
import type { TorrentGroup } from './make-torrent-split.ts';
import { writeAtomically } from './write-atomically.ts';

export interface StandardPlan {
  readonly folder: string;
  /** "debian-bookworm-amd64": what their files' names begin with. */
  readonly label: string;
  readonly kind: TorrentKind;
  readonly groups: readonly TorrentGroup<PoolFile>[];
  readonly records: ReadonlyMap<string, HashRecord>;
  readonly trackers: readonly string[];
  readonly webSeeds: readonly string[];
  /** The archive's base: names a flat repository's torrent where no web seed does. */
  readonly root: string;
}

/** As `torrents.json` lists it. */
export interface WrittenTorrent {
  /** In the folder. */
  readonly file: string;
  /** Where its files begin: "pool/main/a/abinit". */
  readonly stem: string;
  readonly files: number;
  readonly bytes: number;
  readonly pieceLength: number;
  readonly infoHashV1: string | undefined;
  readonly infoHashV2: string | undefined;
  readonly magnet: string;
}

const LIST = 'torrents.json';

/** Throws what stopped it. */
export function writeStandardTorrents(plan: StandardPlan): WrittenTorrent[] {
  const { folder, label, groups, records } = plan;
  mkdirSync(folder, { recursive: true });
  const listFile = join(folder, LIST);
  const before = readList(listFile);
  const taken = new Set<string>();
  const written: WrittenTorrent[] = [];
  for (const { stem, files, pieceLength } of groups) {
    const there = files.filter(({ path }) => records.has(path));
    const bytes = there.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    if (bytes === 0) continue;
    const file = freeName([label, stem.replaceAll('/', '-')].filter((part) => part !== '').join('-'), taken);
    const { name, below, webSeeds } = placeOf(there[0] as PoolFile, plan);
    const made = make(file, {
      kind: plan.kind,
      name,
      pieceLength,
      files: there.map((source) => sourceFile(source, below, records.get(source.path) as HashRecord)),
      trackers: plan.trackers.map((url) => [url]),
      webSeeds,
      comment: file.replace(/\.torrent$/, ''),
      createdBy: 'DebTorrent',
    });
    const path = join(folder, file);
    if (!existsSync(path) || Buffer.compare(readFileSync(path), made.bytes) !== 0) {
      if (existsSync(path) && !before.has(file)) log.warn(`${path} was not made here; it is overwritten`);
      writeAtomically(path, made.bytes, true);
    }
    const { infoHashV1, infoHashV2 } = made;
    const called = file.replace(/\.torrent$/, '');
    const magnet = formatMagnet({
      infoHashV1,
      infoHashV2,
      name: called,
      trackers: plan.trackers,
      webSeeds,
      peers: [],
    });
    written.push({ file, stem, files: there.length, bytes, pieceLength, infoHashV1, infoHashV2, magnet });
  }
  for (const file of before) if (!taken.has(file)) rmSync(join(folder, file), { force: true });
  const list = { version: 1, torrents: written };
  writeAtomically(listFile, Buffer.from(`${JSON.stringify(list, null, 2)}\n`), true);
  return written;
}

/** Throws naming the torrent that can't be made. */
function make(file: string, options: StandardOptions): StandardTorrent {
  try {
    return makeStandardTorrent(options);
  } catch (cause) {
    throw new Error(`could not make ${file}: ${(cause as Error).message}`, { cause });
  }
}

function sourceFile(
  { path, sizeBytes }: PoolFile,
  below: (path: string) => string,
  record: HashRecord,
): SourceFile {
  return { path: below(path).split('/'), sizeBytes, hashes: hashesOf(record) };
}

/** The torrent's name, its paths below that, and the web seeds that fit. All of a group lie below the same first folder. */
function placeOf(first: PoolFile, { webSeeds, root }: StandardPlan) {
  const slash = first.path.indexOf('/');
  if (slash > 0) {
    const bases = webSeeds.map((url) => url.replace(/\/*$/, '/'));
    return {
      name: first.path.slice(0, slash),
      below: (path: string) => path.slice(slash + 1),
      webSeeds: bases,
    };
  }
  // A flat repository: the folder itself has a name, in its URL and on the disk.
  const named = webSeeds.map((url) => /^(.*\/)([^/]+)\/*$/.exec(url)).filter((match) => match !== null);
  const name = decodeURIComponent(named[0]?.[2] ?? basename(root));
  const fitting = named.filter((match) => decodeURIComponent(match[2] as string) === name);
  return { name, below: (path: string) => path, webSeeds: fitting.map((match) => match[1] as string) };
}

function freeName(label: string, taken: Set<string>): string {
  const plain = label.replace(/[^A-Za-z0-9.+~_-]+/g, '-').slice(0, 200);
  let name = `${plain}.torrent`;
  for (let i = 2; taken.has(name); i++) name = `${plain}-${i}.torrent`;
  taken.add(name);
  return name;
}

/** Names of the files that a run before wrote. Throws for a list that isn't ours. */
function readList(path: string): ReadonlySet<string> {
  if (!existsSync(path)) return new Set();
  try {
    const { torrents } = JSON.parse(readFileSync(path, 'utf8')) as { torrents: readonly { file: string }[] };
    const names = torrents.map(({ file }) => file);
    if (
      names.some((name) => typeof name !== 'string' || name !== basename(name) || !name.endsWith('.torrent'))
    )
      throw new Error('it names other files than torrents');
    return new Set(names);
  } catch (cause) {
    throw new Error(`could not read ${path}: ${(cause as Error).message}; remove it to begin anew`, {
      cause,
    });
  }
}

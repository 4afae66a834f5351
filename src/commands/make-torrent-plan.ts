/**
 * Which .dtorrent is made of which indexes. Index files given by name make one. A folder (`dists/`) is searched for
 * indexes, of each the kind that is read quickest, and makes one for each archive, release and architecture; Sources and
 * what is of no architecture go to "all". With `beside`, every index makes its own, "Packages.dtorrent" next to it, where
 * a Release may list it and clients find it. Throws UsageError naming the flag that is needed.
 */
import { readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { UsageError } from '../lib/errors.ts';
import { type ArchiveIdentity, swarmName } from '../torrent/archive-identity.ts';
import { type IdentityFlags, identityOfIndexes } from './make-torrent-identity.ts';

export interface PlannedDtorrent {
  readonly identity: ArchiveIdentity;
  readonly indexes: readonly string[];
  readonly out: string;
}

export interface PlanOptions extends IdentityFlags {
  readonly operands: readonly string[];
  /** A file, or a folder when several are made. */
  readonly out?: string | undefined;
  readonly beside: boolean;
  readonly webSeeds: readonly string[];
}

/** Quickest to read first. */
const SUFFIXES = ['', '.gz', '.zst', '.lz4', '.xz', '.bz2'] as const;
const INDEX = /^(Packages|Sources)(\.[a-z0-9]+)?$/;
const SEARCH_DEPTH = 8;

export function planDtorrents(options: PlanOptions): PlannedDtorrent[] {
  const { operands, out, beside, webSeeds } = options;
  const areFolders = operands.map(isFolder);
  const indexes = operands.flatMap((operand, i) => (areFolders[i] ? indexesBelow(operand) : [operand]));
  if (indexes.length === 0)
    throw new Error(`could not read ${operands.join(', ')}: no Packages or Sources below`);
  if (beside) {
    if (out !== undefined) throw new UsageError('--beside says where to write; --out does not go with it');
    return indexes.map((index) => ({
      identity: identityFor(index, options),
      indexes: [index],
      out: join(dirname(index), `${stemOf(index)}.dtorrent`),
    }));
  }
  if (!areFolders.includes(true)) {
    const identity = identityOfIndexes(indexes, options, webSeeds);
    return [
      {
        identity,
        indexes,
        out: out !== undefined && isFolder(out) ? join(out, nameOf(identity)) : (out ?? nameOf(identity)),
      },
    ];
  }
  const bySwarm = new Map<string, { identity: ArchiveIdentity; indexes: string[] }>();
  for (const index of indexes) {
    const identity = identityFor(index, options);
    const name = swarmName(identity);
    const known = bySwarm.get(name);
    if (known) known.indexes.push(index);
    else bySwarm.set(name, { identity, indexes: [index] });
  }
  const groups = [...bySwarm.values()];
  const isFile = out !== undefined && groups.length === 1 && !isFolder(out);
  if (out !== undefined && groups.length > 1 && !isFolder(out))
    throw new UsageError(
      `--out ${out}: ${groups.length} .dtorrents are made, it must be a folder that is there`,
    );
  return groups.map((group) => ({ ...group, out: isFile ? out : join(out ?? '.', nameOf(group.identity)) }));
}

/** "debian-bookworm-amd64", for names of files. */
export function plainName({ origin, codename, architecture }: ArchiveIdentity): string {
  const plain = `${origin}-${codename}-${architecture}`.toLowerCase().replace(/[^a-z0-9.+~]+/g, '-');
  return plain.replace(/^[-.]+|-+$/g, '');
}

function nameOf(identity: ArchiveIdentity): string {
  return `${plainName(identity)}.dtorrent`;
}

/** Of an index found in a folder, or alone: Sources and `binary-all` are everybody's. */
function identityFor(index: string, options: PlanOptions): ArchiveIdentity {
  const isForAll = stemOf(index) === 'Sources' || basename(dirname(index)) === 'binary-all';
  const architecture = options.architecture ?? (isForAll ? 'all' : undefined);
  const flags = architecture === undefined ? options : { ...options, architecture };
  return identityOfIndexes([index], flags, options.webSeeds);
}

function indexesBelow(folder: string, depth = 0): string[] {
  const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  const best = new Map<string, string>();
  const below: string[] = [];
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (INDEX.test(entry.name) && !entry.isDirectory()) {
      const [, stem = '', suffix = ''] = INDEX.exec(entry.name) ?? [];
      const rank = rankOf(suffix);
      const known = best.get(stem);
      if (rank >= 0 && (known === undefined || rank < rankOf(suffixOf(known)))) best.set(stem, path);
    } else if (isSearched(entry.name, depth) && isFolder(path)) below.push(...indexesBelow(path, depth + 1));
  }
  return [...best.values(), ...below];
}

/** Links to other suites ("stable") would bring everything twice: only folders proper are entered below the first. */
function isSearched(name: string, depth: number): boolean {
  return depth < SEARCH_DEPTH && name !== 'by-hash' && !name.startsWith('.') && !name.endsWith('.diff');
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function stemOf(index: string): string {
  return basename(index).replace(/\.[a-z0-9]+$/, '');
}

function suffixOf(index: string): string {
  return INDEX.exec(basename(index))?.[2] ?? '';
}

function rankOf(suffix: string): number {
  return SUFFIXES.indexOf(suffix as (typeof SUFFIXES)[number]);
}

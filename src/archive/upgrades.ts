/**
 * Which packages of apt's lists are newer than those that are installed here: what an upgrade would fetch, near enough
 * to look for it ahead of apt's asking. It takes the newest version of each installed package; held ones, those
 * that are being phased in (Ubuntu), and other architectures' are left out. Pinning and dependencies are apt's business.
 *
 * Lists are large: they are read in a child process ("internal-upgrades"). Nothing of what it says is believed: a path is
 * looked up in the catalogue's own tables. Source: dpkg's status file (deb-control fields), dpkg(1) "want" states.
 */
import { createReadStream } from 'node:fs';
import { parseSha256 } from '../lib/sha256.ts';
import { ownCommand } from './build-table.ts';
import { ControlScanner } from './control.ts';
import { decompress } from './decompress.ts';
import { compareVersions } from './version-compare.ts';

/** A package in one of the lists, by place of the list and path below the archive's base. */
export interface Upgrade {
  readonly list: number;
  readonly path: string;
  readonly sizeBytes: number;
}

export type FindUpgrades = (
  status: string,
  lists: readonly string[],
  signal: AbortSignal,
) => Promise<readonly Upgrade[]>;

export const INTERNAL_UPGRADES = 'internal-upgrades';
const TIMEOUT_MS = 60_000;
/** More than a release upgrade brings is of no use: nobody may be asked for so much at once. */
const MAX_UPGRADES = 2048;
const MAX_OUTPUT_BYTES = 2 << 20;
const READ_BYTES = 256 << 10;

const STATUS_FIELDS = ['Package', 'Status', 'Architecture', 'Version'] as const;
const LIST_FIELDS = [
  'Package',
  'Architecture',
  'Version',
  'Filename',
  'Size',
  'SHA256',
  'Phased-Update-Percentage',
] as const;

/** Finds them in this process. Throws ProtocolError for what is no control data, the system's error for no file. */
export async function findUpgradesHere(status: string, lists: readonly string[]): Promise<Upgrade[]> {
  const installed = new Map<string, string>();
  let native = '';
  for await (const [name = '', state = '', architecture = '', version = ''] of stanzas(
    status,
    STATUS_FIELDS,
  )) {
    if (name === 'dpkg') native = architecture;
    // "hold ok installed" stays as it is.
    if (state === 'install ok installed') installed.set(keyOf(name, architecture), version);
  }
  const newest = new Map<string, Upgrade & { readonly version: string }>();
  for (const [list, path] of lists.entries()) {
    for await (const stanza of stanzas(path, LIST_FIELDS)) {
      const [name = '', architecture = '', version = '', file = '', size = '', sha256 = '', phased] = stanza;
      // A package that was for one architecture may be for all in the next version, and the other way round.
      const others = architecture === 'all' ? [native] : architecture === native ? ['all'] : [];
      const key = [architecture, ...others].map((one) => keyOf(name, one)).find((one) => installed.has(one));
      const have = key === undefined ? undefined : installed.get(key);
      if (key === undefined || have === undefined || compareVersions(version, have) <= 0) continue;
      if (phased !== undefined && Number(phased) < 100) continue;
      if (parseSha256(sha256) === undefined || !/^\d{1,15}$/.test(size) || /[\s]/.test(file)) continue;
      const other = newest.get(key);
      if (other !== undefined && compareVersions(version, other.version) <= 0) continue;
      newest.set(key, { list, path: file.replace(/^(?:\.\/)+/, ''), sizeBytes: Number(size), version });
    }
  }
  return [...newest.values()].slice(0, MAX_UPGRADES);
}

function keyOf(name: string, architecture: string): string {
  return `${name}:${architecture}`;
}

/** The values of the fields asked for, of one stanza after another. */
async function* stanzas(
  path: string,
  fields: readonly string[],
): AsyncGenerator<readonly (string | undefined)[]> {
  const ready: (string | undefined)[][] = [];
  let values: (string | undefined)[] = [];
  const scanner = new ControlScanner(fields, {
    onField(field, bytes, from, to) {
      values[field] = bytes.toString('utf8', from, to);
    },
    onStanza() {
      ready.push(values);
      values = [];
    },
  });
  for await (const chunk of decompress(createReadStream(path, { highWaterMark: READ_BYTES }))) {
    scanner.push(chunk);
    yield* ready.splice(0);
  }
  scanner.end();
  yield* ready;
}

/** The hidden subcommand: `internal-upgrades STATUS LIST…`, a line of JSON for each. Resolves with the exit code. */
export async function runInternalUpgrades([status, ...lists]: readonly string[]): Promise<number> {
  if (status === undefined) return 2;
  try {
    const found = await findUpgradesHere(status, lists);
    process.stdout.write(
      found.map(({ list, path, sizeBytes }) => `${JSON.stringify([list, path, sizeBytes])}\n`).join(''),
    );
    return 0;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}

/** In a child of our own program. Rejects when it fails or takes too long. */
export const findUpgrades: FindUpgrades = async (status, lists, signal) => {
  signal.throwIfAborted();
  const child = Bun.spawn([...ownCommand(), INTERNAL_UPGRADES, status, ...lists], {
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: TIMEOUT_MS,
    killSignal: 'SIGKILL',
    signal,
  });
  const text = await new Response(child.stdout).text();
  const code = await child.exited;
  signal.throwIfAborted();
  if (code !== 0 || text.length > MAX_OUTPUT_BYTES)
    throw new Error(`could not read apt's lists: the child ended with ${code}`);
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [list, path, sizeBytes] = JSON.parse(line) as [number, string, number];
      return { list, path, sizeBytes };
    });
};

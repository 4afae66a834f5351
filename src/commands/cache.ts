/**
 * `debtorrent cache`: list, verify, prune and export (cache-actions.ts), and import [DIR], which takes the packages that
 * lie in a folder (apt's own archives) into the cache; by way of the running daemon, or itself where none runs: the cache is
 * one process's at a time. It shows how far it has come on a terminal, and says at the end what became of the files.
 */
import { resolve } from 'node:path';
import type { ArgsDef, ParsedArgs } from 'citty';
import type { ImportProgress } from '../acquire/importer.ts';
import { SETTINGS } from '../config/settings.ts';
import { UsageError } from '../lib/errors.ts';
import { formatBytes } from '../lib/format-bytes.ts';
import { log } from '../lib/log.ts';
import { nearest } from '../lib/nearest.ts';
import { fetchRaw } from '../mirror/fetch-raw.ts';
import { ADMIN_HEADER } from '../status/routes.ts';
import { ACTIONS } from './cache-actions.ts';
import { cacheHere, daemonsCache } from './cache-keeping.ts';
import { readConfiguration } from './configuration.ts';
import { importHere } from './import-here.ts';
import { barOf } from './progress-bar.ts';

const flagOf = (name: 'cacheDir' | 'stateDir' | 'aptLists' | 'share') => {
  const { valueHint = '', description } = SETTINGS[name];
  return { type: 'string', valueHint, description: `${description} (where no daemon runs)` } as const;
};

export const cacheArgs = {
  action: {
    type: 'positional',
    description: `${[...Object.keys(ACTIONS), 'import'].join(', ')}`,
    required: true,
  },
  directory: {
    type: 'positional',
    valueHint: 'WHAT',
    description:
      'Of list: a part of the names; of prune: what may be left ("2 GiB"); of export: a file name or SHA-256; of import: the folder (default /var/cache/apt/archives)',
    required: false,
  },
  url: {
    type: 'string',
    description: 'Where the daemon listens for APT',
    valueHint: 'URL',
    default: 'http://localhost:9988',
  },
  json: { type: 'boolean', description: 'Print the outcome as JSON, for programs' },
  config: {
    type: 'string',
    valueHint: 'FILE',
    description: 'Settings of the daemon, where none runs (TOML)',
  },
  'cache-dir': flagOf('cacheDir'),
  'state-dir': flagOf('stateDir'),
  'apt-lists': flagOf('aptLists'),
  share: flagOf('share'),
} as const satisfies ArgsDef;

type Args = ParsedArgs<typeof cacheArgs>;

const ANSWER_TIMEOUT_MS = 10_000;
const LOOK_MS = 200;

/** Resolves with the exit code: 1 when files could not be taken in. Throws UsageError, Error with what to do. */
export async function runCache({
  args,
  rawArgs,
}: {
  args: Args;
  rawArgs: readonly string[];
}): Promise<number> {
  const action = Object.hasOwn(ACTIONS, args.action) ? ACTIONS[args.action] : undefined;
  if (!action && args.action !== 'import') {
    const known = [...Object.keys(ACTIONS), 'import'];
    const near = nearest(args.action, known);
    const hint = near ? `did you mean ${near}?` : `it is ${known.join(', ')}`;
    throw new UsageError(`cache does not know "${args.action}": ${hint}; see debtorrent cache --help`);
  }
  const url = URL.parse('/api/import', args.url);
  if (!url?.protocol.startsWith('http')) throw new UsageError(`--url ${args.url} isn't an http URL`);
  if (action) {
    await using cache =
      (await daemonsCache(url.origin)) ?? (await cacheHere(readConfiguration(rawArgs).settings));
    const { outcome, text, code } = await action(cache, args.directory);
    process.stdout.write(args.json ? `${JSON.stringify(outcome, null, 2)}\n` : text);
    return code;
  }
  const directory = resolve(args.directory ?? '/var/cache/apt/archives');
  const show = shownOnTerminal();
  const outcome =
    (await importByDaemon(url, directory, show)) ??
    (await importHere(readConfiguration(rawArgs).settings, directory, show));
  if (args.json) process.stdout.write(`${JSON.stringify(outcome, null, 2)}\n`);
  else process.stdout.write(describe(outcome));
  return outcome.refused.length > 0 ? 1 : 0;
}

/** Undefined when no daemon answers there. Throws what the daemon objects to. */
async function importByDaemon(
  url: URL,
  directory: string,
  show: (progress: ImportProgress) => void,
): Promise<ImportProgress | undefined> {
  const ask = (method: 'GET' | 'POST', body?: string) =>
    fetchRaw(url.href, {
      method,
      headers: new Headers({ [ADMIN_HEADER]: '1', 'Content-Type': 'application/json' }),
      ...(body !== undefined && { body }),
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    });
  let answer: Response;
  try {
    answer = await ask('POST', JSON.stringify({ directory }));
  } catch {
    return undefined;
  }
  if (answer.status !== 202)
    throw new Error(`the daemon at ${url.origin} objects: ${(await answer.text()).trim().slice(0, 300)}`);
  for (;;) {
    const progress = (await answer.json()) as ImportProgress;
    show(progress);
    if (!progress.running) return progress;
    await Bun.sleep(LOOK_MS);
    answer = await ask('GET');
  }
}

/** A bar with rate and time left; elsewhere than on a terminal nothing. */
function shownOnTerminal(): (progress: ImportProgress) => void {
  if (!process.stderr.isTTY) {
    return ({ directory, files, bytes, doneFiles }) => {
      if (doneFiles === 0) log.debug(`importing ${files} files of ${directory}, ${formatBytes(bytes)}`);
    };
  }
  const startedMs = performance.now();
  return (progress) => {
    const ended = '\r\x1b[K';
    process.stderr.write(progress.running ? barOf(progress, performance.now() - startedMs) : ended);
  };
}

function describe(outcome: ImportProgress): string {
  const { directory, files, added, addedBytes, linked, present, unknown, refused } = outcome;
  const lines = [
    `${directory}: ${files} packages`,
    `  taken in   ${added} (${formatBytes(addedBytes)}), ${linked} of them by hard link`,
    `  were here  ${present}`,
    `  unknown    ${unknown}${unknown > 0 ? ': no index in use names them (outdated, or not of an archive)' : ''}`,
    ...refused.map((text) => `  refused    ${text}`),
  ];
  return `${lines.join('\n')}\n`;
}

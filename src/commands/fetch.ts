/**
 * `debtorrent fetch X`: one torrent (a .torrent, a magnet link), one file by its URL, or one package, into a folder, with
 * a progress bar. Decides what X is; how it is fetched is fetch-torrent.ts' and fetch-url.ts'. Exit codes: 0 = it is
 * here, 1 = it isn't, 2 = not understood, 130 = interrupted (the same command goes on where it stopped).
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { readSettings } from '../config/read-settings.ts';
import type { SettingName, Settings } from '../config/settings.ts';
import { ProtocolError, UsageError } from '../lib/errors.ts';
import { setLogLevel } from '../lib/log.ts';
import { decodeDtorrent } from '../torrent/dtorrent.ts';
import { isMagnet, parseMagnet } from '../torrent/magnet.ts';
import { parseMetainfo } from '../torrent/metainfo.ts';
import { FetchProgress } from './fetch-progress.ts';
import { repeatedFlag } from './repeated-flag.ts';
import { settingArgs, writtenFlags } from './setting-flags.ts';

/** A .torrent is shorter; a .dtorrent is read to say what it is. */
const MAX_FILE_BYTES = 256 << 20;

/** Those of the daemon's settings that mean the same here. */
const SHARED: readonly SettingName[] = [
  'peers',
  'trackers',
  'uploadLimit',
  'downloadLimit',
  'lan',
  'dht',
  'dhtBootstrap',
  'allowUpstream',
  'peerListen',
  'logLevel',
];

/** In citty's ArgsDef form. */
export const fetchArgs = {
  what: {
    type: 'positional',
    required: true,
    valueHint: 'WHAT',
    description: 'A .torrent, a magnet link, the URL of a file, or the name of a package',
  },
  output: {
    type: 'string',
    alias: 'o',
    valueHint: 'DIR',
    description: 'Folder to put it into (default: here)',
  },
  seed: { type: 'boolean', description: 'Stay and share it when it is here, until interrupted' },
  json: { type: 'boolean', description: 'Print progress as JSON, a line each second, for programs' },
  timeout: {
    type: 'string',
    valueHint: 'SECONDS',
    description: 'Give up when nothing has come for so long (default: never)',
  },
  'web-seed': {
    type: 'string',
    valueHint: 'URL',
    description: 'An HTTP server that has the files, too (repeatable)',
  },
  url: {
    type: 'string',
    valueHint: 'URL',
    default: 'http://localhost:9988',
    description: 'Where the daemon listens for APT: URLs and packages are fetched through it',
  },
  ...settingArgs(SHARED),
} as const;

/** What is the same for all that can be fetched. */
export interface FetchOptions {
  readonly folder: string;
  readonly staysToSeed: boolean;
  readonly timeoutMs: number | undefined;
  readonly webSeeds: readonly string[];
  readonly daemonUrl: URL;
  readonly settings: Settings;
  readonly progress: FetchProgress;
  /** Aborted by ^C. */
  readonly signal: AbortSignal;
}

export interface FetchContext {
  readonly args: Readonly<Record<string, unknown>>;
  readonly rawArgs: readonly string[];
}

/** Returns the exit code. Throws UsageError, or Error with a sentence for people. */
export async function runFetch({ args, rawArgs }: FetchContext): Promise<number> {
  const what = String(args.what);
  const written = writtenFlags(rawArgs);
  const settings = readSettings({ peerListen: '[::]:0', logLevel: 'warn', ...written });
  setLogLevel(settings.logLevel);
  const interrupted = new AbortController();
  const stop = () => interrupted.abort(new Error('interrupted'));
  process.once('SIGINT', stop).once('SIGTERM', stop);
  const progress = new FetchProgress({ json: args.json === true });
  const options: FetchOptions = {
    settings,
    progress,
    signal: interrupted.signal,
    folder: typeof args.output === 'string' && args.output !== '' ? args.output : '.',
    staysToSeed: args.seed === true,
    timeoutMs: timeoutOf(args.timeout),
    webSeeds: repeatedFlag(rawArgs, 'web-seed').map(checkWebSeed),
    daemonUrl: daemonUrlOf(args.url),
  };
  try {
    return await fetchIt(what, options);
  } catch (error) {
    if (interrupted.signal.aborted) return 130;
    throw error;
  } finally {
    progress.end();
    process.removeListener('SIGINT', stop).removeListener('SIGTERM', stop);
  }
}

async function fetchIt(what: string, options: FetchOptions): Promise<number> {
  const { fetchTorrent } = await import('./fetch-torrent.ts');
  if (isMagnet(what)) return fetchTorrent({ magnet: understood(() => parseMagnet(what)) }, options);
  if (/^https?:\/\//i.test(what)) {
    if (!URL.canParse(what)) throw new UsageError(`${what} is not a URL`);
    const { fetchUrl, fetchBytes } = await import('./fetch-url.ts');
    if (!/\.torrent(?:[?#]|$)/i.test(what)) return fetchUrl({ url: what }, options);
    const bytes = await fetchBytes(what, options);
    return fetchTorrent({ metainfo: understood(() => parseMetainfo(bytes)) }, options);
  }
  if (existsSync(what)) return fetchTorrent({ metainfo: readTorrent(what) }, options);
  if (
    !/^[a-z0-9][a-z0-9+.-]+(?::[a-z0-9-]+)?(?:=[A-Za-z0-9.+:~-]+)?$/.test(what) ||
    /\.d?torrent$/.test(what)
  )
    throw new UsageError(
      `there is no file ${what}, and it is neither a magnet link, nor a URL, nor a package`,
    );
  const { fetchPackage } = await import('./fetch-url.ts');
  return fetchPackage(what, options);
}

function readTorrent(path: string) {
  let bytes: Uint8Array;
  try {
    const stat = statSync(path);
    if (!stat.isFile()) throw new Error('not a file');
    if (stat.size > MAX_FILE_BYTES) throw new Error('longer than any torrent');
    bytes = readFileSync(path);
  } catch (cause) {
    throw new Error(`could not read ${path}: ${(cause as Error).message}`, { cause });
  }
  try {
    return parseMetainfo(bytes);
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    if (isDtorrent(bytes)) {
      throw new UsageError(
        `${path} names a whole archive: give the name of a package, or "debtorrent serve --torrent ${path}" to take part`,
      );
    }
    throw new Error(`could not read ${path}: ${cause.message}`, { cause });
  }
}

function isDtorrent(bytes: Uint8Array): boolean {
  try {
    decodeDtorrent(bytes);
    return true;
  } catch {
    return false;
  }
}

/** Throws UsageError where it was the user who wrote it. */
function understood<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw cause instanceof ProtocolError ? new UsageError(cause.message, { cause }) : cause;
  }
}

function timeoutOf(value: unknown): number | undefined {
  if (value === undefined || value === '') return undefined;
  const seconds = Number(value);
  if (!(seconds > 0)) throw new UsageError(`--timeout ${String(value)}: give a number of seconds`);
  return seconds * 1000;
}

function checkWebSeed(text: string): string {
  if (/^https?:$/.test(URL.parse(text)?.protocol ?? '')) return text;
  throw new UsageError(`--web-seed ${text}: not a URL of http, https`);
}

function daemonUrlOf(value: unknown): URL {
  const url = URL.parse(String(value));
  if (!url?.protocol.startsWith('http')) throw new UsageError(`--url ${String(value)} isn't an http URL`);
  return url;
}

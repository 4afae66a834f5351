/**
 * `debtorrent tracker`: a tracker and nothing else, in the foreground. Says where it listens and what to give to
 * other nodes, and ends in good order on SIGINT and SIGTERM.
 */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { ArgsDef } from 'citty';
import { UnavailableError, UsageError } from '../lib/errors.ts';
import { formatHostPort, type HostPort, parseHostPort } from '../lib/host-port.ts';
import { log } from '../lib/log.ts';
import { decodeDtorrent, dtorrentInfoHash } from '../torrent/dtorrent.ts';
import { AllowedSwarms, parseInfoHash } from '../tracker/allowed-swarms.ts';
import { type RunningTracker, type StartTrackerOptions, startTracker } from '../tracker/server.ts';
import { repeatedFlag } from './repeated-flag.ts';

const DEFAULT_PORT = 6969;

export const trackerArgs = {
  listen: {
    type: 'string',
    valueHint: 'HOST:PORT',
    description: `Address to listen on, TCP and UDP (default: all, port ${DEFAULT_PORT})`,
  },
  allow: {
    type: 'string',
    valueHint: 'INFO-HASH|FILE.dtorrent',
    description: 'Serve this swarm, and only swarms named like this (repeatable; default: all)',
  },
  'state-dir': {
    type: 'string',
    valueHint: 'DIR',
    description: 'Keep the peers here over restarts (default: they are forgotten)',
  },
} as const satisfies ArgsDef;

export interface TrackerCommand {
  readonly args: { readonly listen?: string; readonly 'state-dir'?: string };
  /** For `--allow`, which may be there several times. */
  readonly rawArgs?: readonly string[];
}

/**
 * Resolves with the exit code when the tracker has ended. Throws UsageError, and UnavailableError when it can't listen
 * or has no place for its state.
 */
export async function runTracker({ args, rawArgs = [] }: TrackerCommand): Promise<number> {
  const allowed = readAllowed(repeatedFlag(rawArgs, 'allow'));
  const options = { allowed, stateDir: args['state-dir'] };
  const stop = Promise.withResolvers<NodeJS.Signals>();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.resolve(signal));

  await using tracker = await start(args.listen, options);
  const kept = options.stateDir ? `peers are kept in ${options.stateDir}` : 'peers are kept in memory only';
  log.info(`tracker on ${formatHostPort(tracker.address)}, HTTP and UDP; ${kept}`);
  if (allowed) log.info(`serves ${allowed.size} swarms and no other`);
  log.info(`give to other nodes: --tracker ${announceUrlOf(tracker.address)}`);

  const signal = await stop.promise;
  const { announces, swarms, peers } = tracker.stats();
  log.info(`${signal}: stopping after ${announces} announces, with ${peers} peers in ${swarms} swarms`);
  return 0;
}

type Options = Pick<StartTrackerOptions, 'allowed' | 'stateDir'>;

/** The swarms that `--allow` names; undefined when it isn't there. */
function readAllowed(values: readonly string[]): AllowedSwarms | undefined {
  if (values.length === 0) return undefined;
  return new AllowedSwarms(values.map((value) => parseInfoHash(value) ?? infoHashOfFile(value)));
}

function infoHashOfFile(path: string): Uint8Array {
  try {
    return Uint8Array.fromHex(dtorrentInfoHash(decodeDtorrent(readFileSync(path))));
  } catch (cause) {
    const reason = (cause as Error).message;
    throw new UsageError(`--allow ${path}: neither 40 hexadecimal digits nor a .dtorrent file: ${reason}`, {
      cause,
    });
  }
}

async function start(listen: string | undefined, options: Options): Promise<RunningTracker> {
  if (listen === undefined) return startOnAll(options);
  const address = parseHostPort(listen, { host: '0.0.0.0', port: DEFAULT_PORT });
  if (!address)
    throw new UsageError(`--listen ${listen}: not HOST:PORT, such as 0.0.0.0:${DEFAULT_PORT} or [::]:8000`);
  return withHint(() => startTracker({ listen: address, ...options }));
}

/** Both families where the machine has IPv6, else IPv4 only. */
async function startOnAll(options: Options): Promise<RunningTracker> {
  try {
    return await startTracker({ listen: { host: '::', port: DEFAULT_PORT }, ...options });
  } catch (error) {
    if (isPortTaken(error)) throw hinted(error);
    return withHint(() => startTracker({ listen: { host: '0.0.0.0', port: DEFAULT_PORT }, ...options }));
  }
}

async function withHint<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw hinted(error);
  }
}

function hinted(cause: unknown): unknown {
  if (!isPortTaken(cause)) return cause;
  return new UnavailableError(`${(cause as Error).message}; choose another with --listen HOST:PORT`, {
    cause,
  });
}

function isPortTaken(error: unknown): boolean {
  const cause = error instanceof UnavailableError ? error.cause : undefined;
  return (cause as { code?: unknown } | undefined)?.code === 'EADDRINUSE';
}

/** For an address that stands for all, this machine's name. */
function announceUrlOf({ host, port }: HostPort): string {
  const isAll = host === '0.0.0.0' || host === '::';
  return `http://${formatHostPort({ host: isAll ? hostname() : host, port })}/announce`;
}

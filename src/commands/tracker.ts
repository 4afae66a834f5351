/**
 * `debtorrent tracker`: a tracker and nothing else, in the foreground. Says where it listens and what to give to
 * other nodes, and ends in good order on SIGINT and SIGTERM.
 */
import { hostname } from 'node:os';
import type { ArgsDef } from 'citty';
import { UnavailableError, UsageError } from '../lib/errors.ts';
import { formatHostPort, type HostPort, parseHostPort } from '../lib/host-port.ts';
import { log } from '../lib/log.ts';
import { type RunningTracker, startTracker } from '../tracker/server.ts';

const DEFAULT_PORT = 6969;

export const trackerArgs = {
  listen: {
    type: 'string',
    valueHint: 'HOST:PORT',
    description: `Address to listen on (default: all, port ${DEFAULT_PORT})`,
  },
} as const satisfies ArgsDef;

/** Resolves with the exit code when the tracker has ended. Throws UsageError, and UnavailableError when it can't listen. */
export async function runTracker({ args }: { readonly args: { readonly listen?: string } }): Promise<number> {
  const stop = Promise.withResolvers<NodeJS.Signals>();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.resolve(signal));

  await using tracker = await start(args.listen);
  log.info(`tracker on ${formatHostPort(tracker.address)}; peers come and go in memory, nothing is written`);
  log.info(`give to other nodes: --tracker ${announceUrlOf(tracker.address)}`);

  const signal = await stop.promise;
  const { announces, swarms, peers } = tracker.stats();
  log.info(`${signal}: stopping after ${announces} announces, with ${peers} peers in ${swarms} swarms`);
  return 0;
}

async function start(listen: string | undefined): Promise<RunningTracker> {
  if (listen === undefined) return startOnAll();
  const address = parseHostPort(listen, { host: '0.0.0.0', port: DEFAULT_PORT });
  if (!address)
    throw new UsageError(`--listen ${listen}: not HOST:PORT, such as 0.0.0.0:${DEFAULT_PORT} or [::]:8000`);
  return withHint(() => startTracker({ listen: address }));
}

/** Both families where the machine has IPv6, else IPv4 only. */
async function startOnAll(): Promise<RunningTracker> {
  try {
    return await startTracker({ listen: { host: '::', port: DEFAULT_PORT } });
  } catch (error) {
    if (isPortTaken(error)) throw hinted(error);
    return withHint(() => startTracker({ listen: { host: '0.0.0.0', port: DEFAULT_PORT } }));
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

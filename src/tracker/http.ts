/**
 * The tracker's door: HTTP on Bun.serve, whose handlers here are synchronous (a pending answer would let a pipelined
 * request close the connection). GET /announce, /scrape, /stats.json (counts only) and / (a line of text).
 * The peer's address is the socket's. What goes wrong becomes "failure reason" with status 200, as clients expect it
 * (BEP 3): the text of a RefusedError or ProtocolError, and of nothing else. Limit: 8 KiB a URL.
 */
import { type AnnounceFailure, encodeAnnounceAnswer, parseAnnounceQuery } from '../announce/http.ts';
import { parseIp } from '../announce/ip-address.ts';
import { encodeScrapeAnswer, parseScrapeQuery } from '../announce/scrape.ts';
import { type Clock, systemClock } from '../lib/clock.ts';
import { ProtocolError, RefusedError, UnavailableError } from '../lib/errors.ts';
import { formatHostPort, type HostPort } from '../lib/host-port.ts';
import { log } from '../lib/log.ts';
import type { Draw } from './peer-list.ts';
import { Tracker, type TrackerStats } from './tracker.ts';

/** A scrape of 74 info-hashes, each byte escaped, has 5.2 KiB. */
const MAX_URL_LENGTH = 8 * 1024;
const IDLE_SECONDS = 10;

const TEXT = { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' };
const JSON_TYPE = { 'content-type': 'application/json', 'cache-control': 'no-store' };

export interface StartTrackerOptions {
  /** Port 0: any free one. */
  readonly listen: HostPort;
  readonly clock?: Clock;
  readonly draw?: Draw;
}

export interface RunningTracker extends AsyncDisposable {
  readonly address: HostPort;
  stats(): TrackerStats;
}

/** Listens. Throws UnavailableError when the address can't be had. */
export async function startTracker(options: StartTrackerOptions): Promise<RunningTracker> {
  const { listen, clock = systemClock, draw = Math.random } = options;
  const tracker = new Tracker({ clock, draw });
  const server = open(listen, (request, remoteHost) => {
    const address = parseIp(remoteHost);
    if (!address) return new Response('', { status: 500 });
    return respond(tracker, request, address);
  });
  return {
    address: { host: server.hostname ?? listen.host, port: server.port ?? listen.port },
    stats: () => tracker.stats(),
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}

function open({ host, port }: HostPort, handle: (request: Request, remoteHost: string) => Response) {
  try {
    return Bun.serve({
      hostname: host,
      port,
      development: false,
      // Outside development Bun shares the port by default, and a second tracker would take half of the announces.
      reusePort: false,
      idleTimeout: IDLE_SECONDS,
      maxRequestBodySize: 0,
      fetch: (request, server) => handle(request, server.requestIP(request)?.address ?? ''),
      error(cause) {
        log.withTag('tracker').error('could not answer a request:', cause);
        return new Response('', { status: 500 });
      },
    });
  } catch (cause) {
    const taken = (cause as { code?: unknown }).code === 'EADDRINUSE';
    const reason = taken ? 'the port is taken; choose another with --listen' : String(cause);
    throw new UnavailableError(`could not listen on ${formatHostPort({ host, port })}: ${reason}`, { cause });
  }
}

/** One request's answer. `address`: 4 or 16 bytes, of the socket. */
export function respond(tracker: Tracker, request: Request, address: Uint8Array): Response {
  if (request.method !== 'GET') {
    return new Response('only GET is answered here\n', { status: 405, headers: { ...TEXT, allow: 'GET' } });
  }
  if (request.url.length > MAX_URL_LENGTH) {
    return new Response('the URL is too long\n', { status: 414, headers: TEXT });
  }
  const { path, query } = splitUrl(request.url);
  switch (path) {
    case '/announce':
      return bencoded(tracker, () =>
        encodeAnnounceAnswer(tracker.announce(parseAnnounceQuery(query), address)),
      );
    case '/scrape':
      return bencoded(tracker, () => encodeScrapeAnswer(tracker.scrape(parseScrapeQuery(query))));
    case '/stats.json':
      return new Response(JSON.stringify(tracker.stats()), { headers: JSON_TYPE });
    case '/':
      return new Response('A DebTorrent tracker. Announce to /announce.\n', { headers: TEXT });
    default:
      return new Response('there is nothing here\n', { status: 404, headers: TEXT });
  }
}

function bencoded(tracker: Tracker, answer: () => Uint8Array): Response {
  try {
    return plain(answer());
  } catch (error) {
    tracker.countRefused();
    return plain(encodeAnnounceAnswer(failureOf(error)));
  }
}

function plain(body: Uint8Array): Response {
  return new Response(body as Uint8Array<ArrayBuffer>, { headers: TEXT });
}

/** The one place where an error becomes an answer. */
function failureOf(error: unknown): AnnounceFailure {
  if (error instanceof ProtocolError || error instanceof RefusedError) return { failure: error.message };
  log.withTag('tracker').error('could not answer a request:', error);
  return { failure: 'the tracker failed' };
}

/** Not by the URL class: the query must stay as it came. */
function splitUrl(url: string): { path: string; query: string } {
  const from = url.indexOf('/', url.indexOf('//') + 2);
  const question = url.indexOf('?', from);
  if (from < 0) return { path: '/', query: '' };
  if (question < 0) return { path: url.slice(from), query: '' };
  return { path: url.slice(from, question), query: url.slice(question + 1) };
}

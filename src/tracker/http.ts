/**
 * The tracker's door: HTTP on node:http, which unlike Bun.serve tells the socket's own address and doesn't mind
 * pipelined requests. GET /announce, /scrape, /stats.json (counts only) and / (a line of text).
 * The peer's address is the socket's. What goes wrong becomes "failure reason" with status 200, as clients expect it
 * (BEP 3): the text of a RefusedError or ProtocolError, and of nothing else. Limits: 8 KiB a URL, 10 s a request,
 * 4,096 connections.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type AnnounceFailure, encodeAnnounceAnswer, parseAnnounceQuery } from '../announce/http.ts';
import { parseIp } from '../announce/ip-address.ts';
import { encodeScrapeAnswer, parseScrapeQuery } from '../announce/scrape.ts';
import { type Clock, systemClock } from '../lib/clock.ts';
import { ProtocolError, RefusedError, UnavailableError } from '../lib/errors.ts';
import { formatHostPort, type HostPort } from '../lib/host-port.ts';
import { log } from '../lib/log.ts';
import type { Draw } from './peer-list.ts';
import { type Origin, Tracker, type TrackerStats } from './tracker.ts';

/** A scrape of 74 info-hashes, each byte escaped, has 5.2 KiB. */
const MAX_URL_LENGTH = 8 * 1024;
const REQUEST_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_MS = 5_000;
const MAX_CONNECTIONS = 4096;

const TEXT = 'text/plain; charset=utf-8';

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
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS, keepAliveTimeout: KEEP_ALIVE_MS });
  server.maxConnections = MAX_CONNECTIONS;
  server.on('request', ({ method = '', url = '', socket }, response) => {
    const address = parseIp(socket.remoteAddress ?? '');
    // The socket is gone already.
    if (!address) return response.destroy();
    const local = parseIp(socket.localAddress ?? '');
    const { status, type, body } = respond(tracker, { method, url }, { address, ...(local && { local }) });
    const headers = { 'content-type': type, 'content-length': body.length, 'cache-control': 'no-store' };
    // What else came with another method isn't read.
    response.writeHead(status, status === 405 ? { ...headers, allow: 'GET', connection: 'close' } : headers);
    response.end(body);
  });
  await listening(server, listen);
  const { address: host, port } = server.address() as AddressInfo;
  return {
    address: { host, port },
    stats: () => tracker.stats(),
    [Symbol.asyncDispose]: () => closed(server),
  };
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: Uint8Array;
}

/** One request's answer, without a socket. */
export function respond(tracker: Tracker, request: { method: string; url: string }, from: Origin): Answer {
  const { method, url } = request;
  if (method !== 'GET') return text(405, 'only GET is answered here');
  if (url.length > MAX_URL_LENGTH) return text(414, 'the URL is too long');
  // Not by the URL class: the query must stay as it came.
  const question = url.indexOf('?');
  const path = question < 0 ? url : url.slice(0, question);
  const query = question < 0 ? '' : url.slice(question + 1);
  switch (path) {
    case '/announce':
      return bencoded(tracker, () => encodeAnnounceAnswer(tracker.announce(parseAnnounceQuery(query), from)));
    case '/scrape':
      return bencoded(tracker, () => encodeScrapeAnswer(tracker.scrape(parseScrapeQuery(query))));
    case '/stats.json':
      return { status: 200, type: 'application/json', body: Buffer.from(JSON.stringify(tracker.stats())) };
    case '/':
      return text(200, 'A DebTorrent tracker. Announce to /announce.');
    default:
      return text(404, 'there is nothing here');
  }
}

function text(status: number, line: string): Answer {
  return { status, type: TEXT, body: Buffer.from(`${line}\n`) };
}

function bencoded(tracker: Tracker, answer: () => Uint8Array): Answer {
  try {
    return { status: 200, type: TEXT, body: answer() };
  } catch (error) {
    tracker.countRefused();
    return { status: 200, type: TEXT, body: encodeAnnounceAnswer(failureOf(error)) };
  }
}

/** The one place where an error becomes an answer. */
function failureOf(error: unknown): AnnounceFailure {
  if (error instanceof ProtocolError || error instanceof RefusedError) return { failure: error.message };
  log.withTag('tracker').error('could not answer a request:', error);
  return { failure: 'the tracker failed' };
}

function listening(server: Server, { host, port }: HostPort): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const fail = (cause: NodeJS.ErrnoException) => {
    const reason = cause.code === 'EADDRINUSE' ? 'the port is taken' : (cause.code ?? cause.message);
    reject(
      new UnavailableError(`could not listen on ${formatHostPort({ host, port })}: ${reason}`, { cause }),
    );
  };
  server.once('error', fail);
  server.listen(port, host, () => {
    server.off('error', fail);
    resolve();
  });
  return promise;
}

function closed(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  server.closeAllConnections();
  return promise;
}

/**
 * The door for APT: an HTTP/1.1 server on node:http. It decides what a connection may do (sizes, pipelining, pace,
 * when it ends); what a request means is the app's business.
 *
 * Not Bun.serve: that closes the connection when a pipelined request arrives while an answer is pending, and apt
 * pipelines ten. node:http answers in order while the work runs side by side, keeps the raw request target and
 * Content-Length, and tells when a client has gone. Source: RFC 9112 §9.3.2.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import {
  type AddressInfo,
  createServer as createNetServer,
  type Server as NetServer,
  type Socket,
} from 'node:net';
import type { HostPort } from '../lib/host-port.ts';
import { isDebugging, log } from '../lib/log.ts';
import { quoteRemote } from '../lib/quote-remote.ts';
import { answerError, cut } from './answer-text.ts';
import { type ConnectionLimits, Connections } from './connections.ts';
import type { Door, Exchange } from './exchange.ts';
import { InFlight } from './in-flight.ts';
import { type ListenAt, listenOn } from './listen-on.ts';
import { answerRaw } from './raw-answer-text.ts';
import type { Tunnels } from './tunnels.ts';

export interface ProxyServerOptions {
  readonly listen: ListenAt;
  readonly door: Door;
  /** Where CONNECT goes; refused without. */
  readonly tunnels?: Pick<Tunnels, 'open' | typeof Symbol.dispose>;
  readonly connections?: ConnectionLimits;
  /** Requests of one connection worked on at once. Default 32. */
  readonly pipelineMax?: number;
  /** The same of one client that isn't on this machine, over all its connections. Default 256. */
  readonly clientMax?: number;
  /** How long the head of a request may take from its first byte, or the connection's. Default 30 s. */
  readonly headTimeoutMs?: number;
  /** How long an idle connection is kept. Default 120 s: apt comes back to it. */
  readonly keepAliveMs?: number;
  /** What is left to answers under way when the server stops. Default 1 s. */
  readonly graceMs?: number;
}

export interface ProxyServer extends AsyncDisposable {
  readonly address: HostPort;
  /** Requests under way. */
  readonly underWay: number;
}

const tagged = log.withTag('proxy');

const HEADERS_MAX_BYTES = 16 * 1024;

/** Throws when it can't listen, with what to do about it. */
export async function startProxyServer(options: ProxyServerOptions): Promise<ProxyServer> {
  const { listen, door, tunnels, pipelineMax = 32, clientMax = 256 } = options;
  const { keepAliveMs = 120_000, graceMs = 1000, headTimeoutMs = 30_000 } = options;
  const inFlight = new InFlight({ perConnection: pipelineMax, perClient: clientMax });
  const connections = new Connections(options.connections);
  let underWay = 0;
  let requests = 0;
  let idle: (() => void) | undefined;
  const server = createServer(
    {
      keepAliveTimeout: keepAliveMs,
      headersTimeout: headTimeoutMs,
      connectionsCheckingInterval: Math.min(headTimeoutMs, 5000),
      // Time for a request to come in is bounded above; this one would end long answers in some versions of Bun.
      requestTimeout: 0,
      maxHeaderSize: HEADERS_MAX_BYTES,
      noDelay: true,
      // We answer that case ourselves, with a text.
      requireHostHeader: false,
    },
    (request, response) => {
      underWay += 1;
      response.once('close', () => {
        underWay -= 1;
        if (underWay === 0) idle?.();
      });
      requests += 1;
      const id = `#${requests}`;
      if (isDebugging()) noteWhenDone(id, request, response);
      inFlight.run(request.socket, () => answer(door, { id, request, response }));
    },
  );
  server.on('connection', (socket) => connections.take(socket));
  server.on('connect', ({ url = '' }, socket, head) => {
    if (tunnels) void tunnels.open(url, socket as Socket, head);
    else answerRaw(socket, 403, 'no tunnels here');
  });
  server.on('clientError', (_error, socket) =>
    answerRaw(socket, 400, 'that was no request this proxy understands'),
  );

  // Those that came by an inherited descriptor; the http server doesn't know of them.
  const handedOver = new Set<Socket>();
  const listener: NetServer = 'fd' in listen ? acceptInto(server, handedOver) : server;
  await listenOn(listener, listen);
  const { address, port } = (listener.address() ?? {}) as Partial<AddressInfo>;
  return {
    address: { host: address ?? '127.0.0.1', port: port ?? 0 },
    get underWay() {
      return underWay;
    },
    async [Symbol.asyncDispose]() {
      if (listener !== server) listener.close();
      const closed = new Promise<void>((resolve) => {
        if (listener === server) server.close(() => resolve());
        else if (underWay === 0) resolve();
        else idle = resolve;
      });
      server.closeIdleConnections();
      let timer: Timer | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, graceMs);
      });
      await Promise.race([closed, late]);
      clearTimeout(timer);
      tunnels?.[Symbol.dispose]();
      server.closeAllConnections();
      for (const socket of handedOver) socket.destroy();
      if (listener === server) await closed;
    },
  };
}

/** Resolves when the answer is out, or the client gone. */
function answer(door: Door, exchange: Omit<Exchange, 'signal'>): Promise<void> {
  const { id, request, response } = exchange;
  return new Promise((resolve) => {
    const client = new AbortController();
    response.on('close', () => {
      if (!response.writableFinished) client.abort(new DOMException('the client has gone', 'AbortError'));
      resolve();
    });
    if (response.destroyed || request.socket.destroyed) {
      resolve();
      return;
    }
    door({ ...exchange, signal: client.signal }).catch((error: unknown) => {
      if (client.signal.aborted) return;
      tagged.error(id, error);
      if (response.headersSent) cut({ response });
      else answerError({ request, response }, error);
    });
  });
}

/** One line a request, at its end. No credentials: neither those of a URL nor its query. */
function noteWhenDone(id: string, { method, url = '' }: IncomingMessage, response: ServerResponse): void {
  const startedMs = performance.now();
  const shown = url.replace(/^([a-z+.-]+:\/\/)[^/?]*@/i, '$1***@').replace(/\?.*$/s, '?***');
  response.once('close', () => {
    const how = response.writableFinished ? '' : ', not to its end';
    const ms = Math.round(performance.now() - startedMs);
    tagged.debug(`${id} ${method} ${quoteRemote(shown, 300)}: ${response.statusCode}${how}, ${ms} ms`);
  });
}

/** http.Server ignores an inherited descriptor in Bun; a plain server accepts for it. */
function acceptInto(server: Server, sockets: Set<Socket>): NetServer {
  return createNetServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    server.emit('connection', socket);
  });
}

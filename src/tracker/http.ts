/**
 * The tracker's HTTP door: HTTP/1.1 on plain sockets, as a tracker's requests are small and many and need nothing of
 * what a general server does for each (http-request.ts reads them, respond.ts answers). Requests of one connection are
 * answered in order, pipelined ones in one write, so many in a turn of the event loop that others have theirs. The peer's
 * address is the socket's.
 * Limits: 16 KiB a head; 10 s of waiting for a whole request, however it trickles; 4,096 connections, of which the
 * one that has been waiting longest gives way to a new one, so that silent ones can't shut the door; whoever doesn't
 * read its answers isn't read from either.
 */
import type { Socket, TCPSocketListener } from 'bun';
import { parseIp, unmapIpv4 } from '../announce/ip-address.ts';
import type { Clock } from '../lib/clock.ts';
import { RefusedError, UnavailableError } from '../lib/errors.ts';
import { formatHostPort, type HostPort } from '../lib/host-port.ts';
import { MAX_HEAD_BYTES, readRequest } from './http-request.ts';
import { type Answer, respond, textAnswer } from './respond.ts';
import type { Origin, Tracker } from './tracker.ts';

export const REQUEST_TIMEOUT_MS = 10_000;
const MAX_CONNECTIONS = 4096;
const SWEEP_MS = 1000;
/** Most that may wait for a client that doesn't read its answers: a pipeline of small requests. */
const MAX_UNREAD_BYTES = 4 * MAX_HEAD_BYTES;
/** Answers that are written at once; then others have their turn. */
const MAX_BATCH_BYTES = 64 * 1024;

const REASONS: Readonly<Record<number, string>> = {
  200: 'OK',
  400: 'Bad Request',
  404: 'Not Found',
  405: 'Method Not Allowed',
  414: 'URI Too Long',
  431: 'Request Header Fields Too Large',
};

interface Connection {
  readonly origin: Origin;
  /** The beginning of a request whose end hasn't come. */
  unread: Buffer | undefined;
  /** What the socket didn't take yet. */
  unsent: Buffer | undefined;
  isEnding: boolean;
  /** It has its next turn soon, and isn't read from until then. */
  isWaiting: boolean;
  /** When the connection was made or last finished a request. */
  sinceMs: number;
}

export interface HttpDoorOptions {
  readonly tracker: Tracker;
  /** Port 0: any free one. */
  readonly listen: HostPort;
  readonly clock: Clock;
  readonly maxConnections?: number;
}

export class HttpDoor implements Disposable {
  readonly address: HostPort;
  readonly #tracker: Tracker;
  readonly #clock: Clock;
  readonly #maxConnections: number;
  readonly #listener: TCPSocketListener<Connection | undefined>;
  /** Those that have waited longest come first. */
  readonly #sockets = new Set<Socket<Connection | undefined>>();
  #stopSweeping: () => void = () => {};

  /** Listens. Throws UnavailableError when the address can't be had. */
  constructor({ tracker, listen, clock, maxConnections = MAX_CONNECTIONS }: HttpDoorOptions) {
    this.#tracker = tracker;
    this.#clock = clock;
    this.#maxConnections = maxConnections;
    try {
      this.#listener = Bun.listen<Connection | undefined>({
        hostname: listen.host,
        port: listen.port,
        socket: {
          open: (socket) => this.#open(socket),
          data: (socket, bytes) => this.#read(socket, bytes),
          drain: (socket) => this.#drain(socket),
          close: (socket) => void this.#sockets.delete(socket),
          error: (socket) => socket.terminate(),
        },
      });
    } catch (cause) {
      throw couldNotListen(listen, cause);
    }
    this.address = { host: listen.host, port: this.#listener.port };
    this.#sweepLater();
  }

  get connectionCount(): number {
    return this.#sockets.size;
  }

  [Symbol.dispose](): void {
    this.#stopSweeping();
    this.#listener.stop(true);
  }

  #open(socket: Socket<Connection | undefined>): void {
    const address = parseIp(socket.remoteAddress);
    // Gone already.
    if (!address) return void socket.terminate();
    const local = () => parseIp(socket.localAddress);
    const origin = { address: unmapIpv4(address), local };
    socket.data = {
      origin,
      unread: undefined,
      unsent: undefined,
      isEnding: false,
      isWaiting: false,
      sinceMs: this.#clock.nowMs(),
    };
    if (this.#sockets.size >= this.#maxConnections) {
      for (const longestWaiting of this.#sockets) {
        this.#drop(longestWaiting);
        break;
      }
    }
    this.#sockets.add(socket);
  }

  #read(socket: Socket<Connection | undefined>, bytes: Buffer): void {
    const connection = socket.data;
    if (!connection || connection.isEnding) return;
    connection.unread = connection.unread ? Buffer.concat([connection.unread, bytes]) : bytes;
    // Reading is paused, but this was on its way.
    if (connection.unsent) this.#dropIfTooMuch(socket, connection);
    else if (!connection.isWaiting) this.#answerSome(socket, connection);
  }

  /** Answers whole requests that have come: a turn's worth, if the socket takes the answers. */
  #answerSome(socket: Socket<Connection | undefined>, connection: Connection): void {
    const { unread } = connection;
    if (!unread) return;
    let at = 0;
    const answers: Buffer[] = [];
    let length = 0;
    while (length < MAX_BATCH_BYTES && !connection.isEnding) {
      const { bytes, end, closes } = this.#answerAt(unread, at, connection.origin);
      if (!bytes) break;
      answers.push(bytes);
      length += bytes.length;
      at = end;
      connection.isEnding = closes;
    }
    if (answers.length > 0) this.#send(socket, connection, answers);
    const isMore = length >= MAX_BATCH_BYTES && at < unread.length && !connection.isEnding;
    const rest = unread.subarray(at);
    // Mostly a copy: a few bytes must not keep half a megabyte.
    connection.unread = rest.length === 0 ? undefined : isMore ? rest : Buffer.from(rest);
    if (isMore && !connection.unsent) this.#goOnSoon(socket, connection);
    if (connection.unsent) this.#dropIfTooMuch(socket, connection);
    if (at === 0) return;
    connection.sinceMs = this.#clock.nowMs();
    // To the end of those that wait.
    if (this.#sockets.delete(socket)) this.#sockets.add(socket);
  }

  #goOnSoon(socket: Socket<Connection | undefined>, connection: Connection): void {
    connection.isWaiting = true;
    socket.pause();
    setImmediate(() => {
      connection.isWaiting = false;
      // Dropped meanwhile.
      if (!this.#sockets.has(socket)) return;
      this.#answerSome(socket, connection);
      if (!connection.isWaiting && !connection.unsent) socket.resume();
    });
  }

  #dropIfTooMuch(socket: Socket<Connection | undefined>, { unread }: Connection): void {
    if (unread && unread.length > MAX_UNREAD_BYTES) this.#drop(socket);
  }

  #answerAt(unread: Buffer, at: number, origin: Origin): { bytes?: Buffer; end: number; closes: boolean } {
    try {
      const request = readRequest(unread, at);
      if (!request) return { end: at, closes: false };
      // After another method the rest of the stream may be anything.
      const keepAlive = request.keepAlive && request.method === 'GET';
      return {
        bytes: onTheWire(respond(this.#tracker, request, origin), keepAlive),
        end: request.end,
        closes: !keepAlive,
      };
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      this.#tracker.countRefused();
      const bytes = onTheWire(textAnswer(error.status, error.message), false);
      return { bytes, end: unread.length, closes: true };
    }
  }

  #send(socket: Socket<Connection | undefined>, connection: Connection, answers: readonly Buffer[]): void {
    const bytes = answers.length === 1 ? (answers[0] as Buffer) : Buffer.concat(answers);
    const sent = Math.max(0, socket.write(bytes));
    if (sent < bytes.length) {
      if (!connection.unsent) socket.pause();
      connection.unsent = bytes.subarray(sent);
      return;
    }
    connection.unsent = undefined;
    if (connection.isEnding) socket.end();
  }

  #drain(socket: Socket<Connection | undefined>): void {
    const connection = socket.data;
    if (!connection?.unsent) return;
    this.#send(socket, connection, [connection.unsent]);
    if (connection.unsent) return;
    socket.resume();
    if (!connection.isEnding && !connection.isWaiting) this.#answerSome(socket, connection);
  }

  #drop(socket: Socket<Connection | undefined>): void {
    this.#sockets.delete(socket);
    socket.terminate();
  }

  #sweepLater(): void {
    this.#stopSweeping = this.#clock.after(SWEEP_MS, () => {
      const before = this.#clock.nowMs() - REQUEST_TIMEOUT_MS;
      for (const socket of this.#sockets) {
        if (socket.data && socket.data.sinceMs > before) break;
        this.#drop(socket);
      }
      this.#sweepLater();
    });
  }
}

function onTheWire({ status, type, body }: Answer, keepAlive: boolean): Buffer {
  const allow = status === 405 ? 'Allow: GET\r\n' : '';
  const connection = keepAlive ? '' : 'Connection: close\r\n';
  const head = `HTTP/1.1 ${status} ${REASONS[status]}\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\nCache-Control: no-store\r\n${allow}${connection}\r\n`;
  const bytes = Buffer.allocUnsafe(head.length + body.length);
  bytes.write(head, 0, 'latin1');
  bytes.set(body, head.length);
  return bytes;
}

/** Of either socket. */
export function couldNotListen(listen: HostPort, cause: unknown): UnavailableError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const reason = code === 'EADDRINUSE' ? 'the port is taken' : (code ?? message);
  return new UnavailableError(`could not listen on ${formatHostPort(listen)}: ${reason}`, { cause });
}

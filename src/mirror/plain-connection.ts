/**
 * One connection to an HTTP server, and one request on it at a time. It decides when to read: at the reader's pace, and
 * on a slow line in gulps (lib/gulps.ts), which is why this isn't fetch: that reads each packet in a thread of its own
 * and wakes ours for it. It doesn't decide how long anything may take: whoever asks aborts.
 * Invariant: a connection is free again only when exactly the answer has come, and all of it. Source: RFC 9112.
 */
import type { Socket } from 'bun';
import { ProtocolError } from '../lib/errors.ts';
import { socketGulps } from '../lib/gulps.ts';
import { AnswerBody } from './answer-body.ts';
import { headEnd, MAX_HEAD_BYTES, notHttp, parseHead, startsAsHead } from './answer-head.ts';
import { PlainBody } from './plain-body.ts';
import type { RawAnswer } from './raw-answer.ts';

export interface PlainRequest {
  readonly method: 'GET' | 'HEAD';
  /** "GET /x HTTP/1.1" and fields, with the empty line; Latin-1. */
  readonly head: string;
  readonly signal: AbortSignal;
}

/** The request that is being answered. */
interface Exchange {
  readonly method: 'GET' | 'HEAD';
  readonly answered: PromiseWithResolvers<RawAnswer>;
  readonly letGo: () => void;
  /** Start of the head, until all of it is here. */
  start: Uint8Array | undefined;
  interim: number;
  isKept: boolean;
  body: { readonly parser: AnswerBody; readonly out: PlainBody } | undefined;
}

/** Answers of 1xx in front of one: more are no preliminaries. */
const MAX_INTERIM = 16;

type PlainSocket = Socket<PlainConnection | undefined>;

export class PlainConnection {
  /** Whether a byte has come since it was last asked something. */
  hasAnswered = false;
  readonly #socket: PlainSocket;
  /** It may be asked again, or (closed) must not. */
  readonly #changed: (connection: PlainConnection) => void;
  #exchange: Exchange | undefined;
  #unsent: Uint8Array = new Uint8Array(0);
  #closed = false;

  /** Rejects with the system's error, or the signal's reason. */
  static open(
    to: { readonly host: string; readonly port: number },
    changed: (connection: PlainConnection) => void,
    signal: AbortSignal,
  ): Promise<PlainConnection> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const onAbort = () => reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      const failed = (error: unknown) => {
        signal.removeEventListener('abort', onAbort);
        reject(error);
      };
      const open = (socket: PlainSocket) => {
        signal.removeEventListener('abort', onAbort);
        if (signal.aborted) {
          socket.terminate();
          return;
        }
        socket.setNoDelay(true);
        const connection = new PlainConnection(socket, changed);
        socket.data = connection;
        resolve(connection);
      };
      Bun.connect<PlainConnection | undefined>({
        hostname: to.host,
        port: to.port,
        data: undefined,
        socket: { ...handlers, open, connectError: (_socket, error) => failed(error) },
      }).catch(failed);
    });
  }

  private constructor(socket: PlainSocket, changed: (connection: PlainConnection) => void) {
    this.#socket = socket;
    this.#changed = changed;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Not to be asked anything while it still answers. */
  get isFree(): boolean {
    return !this.#closed && this.#exchange === undefined;
  }

  /** Resolves with the head, and a body to read. Rejects with ProtocolError, the system's error or the signal's reason. */
  ask({ method, head, signal }: PlainRequest): Promise<RawAnswer> {
    const onAbort = () => this.#fail(signal.reason);
    const answered = Promise.withResolvers<RawAnswer>();
    const letGo = () => signal.removeEventListener('abort', onAbort);
    this.#exchange = {
      ...{ method, answered, letGo },
      ...{ start: undefined, interim: 0, isKept: false, body: undefined },
    };
    this.hasAnswered = false;
    if (this.#closed) this.#lose(cut());
    else if (signal.aborted) onAbort();
    else {
      signal.addEventListener('abort', onAbort, { once: true });
      this.#socket.ref();
      this.#unsent = Buffer.from(head, 'latin1');
      this.onDrain();
    }
    return answered.promise;
  }

  close(): void {
    this.#fail(cut());
  }

  // ---- events of the socket ----

  onData(chunk: Uint8Array): void {
    if (this.#closed) return;
    this.hasAnswered = true;
    try {
      this.#take(chunk);
    } catch (error) {
      return this.#fail(error);
    }
    if (!this.#closed) socketGulps.read(this.#socket, this.#exchange?.body?.parser.leftBytes ?? 0);
  }

  onDrain(): void {
    if (this.#unsent.length === 0) return;
    const taken = this.#socket.write(this.#unsent);
    if (taken > 0) this.#unsent = this.#unsent.subarray(taken);
  }

  onClose(error: Error | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    socketGulps.forget(this.#socket);
    const body = this.#exchange?.body;
    if (!error && body?.parser.endsWithConnection) this.#whole();
    else this.#lose(error ?? cut());
    this.#changed(this);
  }

  // ---- helpers ----

  #take(chunk: Uint8Array): void {
    let rest = chunk;
    while (rest.length > 0) {
      const exchange = this.#exchange;
      if (!exchange) throw new ProtocolError('it says more than was asked');
      const { body } = exchange;
      rest = body ? body.parser.push(rest, (part) => body.out.add(part)) : this.#takeHead(exchange, rest);
      if (exchange.body?.parser.hasEnded) this.#whole(rest.length > 0);
    }
  }

  /** What stands behind the head; nothing while that isn't all here. */
  #takeHead(exchange: Exchange, chunk: Uint8Array): Uint8Array {
    const bytes = exchange.start ? Buffer.concat([exchange.start, chunk]) : chunk;
    if (!exchange.start && !startsAsHead(bytes)) throw notHttp();
    const end = headEnd(bytes);
    if (end < 0 ? bytes.length > MAX_HEAD_BYTES : end > MAX_HEAD_BYTES)
      throw new ProtocolError('the head of the answer is too long');
    exchange.start = bytes;
    if (end < 0) return bytes.subarray(bytes.length);

    exchange.start = undefined;
    const { status, headers, length, isKept } = parseHead(bytes.subarray(0, end), exchange.method);
    const rest = bytes.subarray(end);
    if (status === 101) throw new ProtocolError('it wants another protocol');
    if (status < 200) {
      exchange.interim += 1;
      if (exchange.interim > MAX_INTERIM) throw new ProtocolError('it announces an answer without end');
      return rest;
    }
    const out = new PlainBody({
      holdBack: (isFull) => this.#holdBack(isFull),
      cancelled: (reason) => this.#fail(reason),
    });
    exchange.isKept = isKept;
    exchange.body = { parser: new AnswerBody(length), out };
    exchange.answered.resolve({ status, headers, body: out });
    return rest;
  }

  /** The answer is here, and the connection free, unless it is of no more use. */
  #whole(isFollowed = false): void {
    const exchange = this.#exchange;
    if (!exchange) return;
    this.#exchange = undefined;
    exchange.letGo();
    exchange.body?.out.finish();
    if (this.#closed) return;
    // Who answers before it was asked leaves half a request behind.
    const isHalfAsked = this.#unsent.length > 0;
    if (!exchange.isKept || isFollowed || isHalfAsked) return this.close();
    // What is unread is all there is.
    this.#socket.resume();
    // One that waits for work is no reason to go on living.
    this.#socket.unref();
    this.#changed(this);
  }

  /** Ends the connection, and with it whoever waits for something. */
  #fail(reason: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    socketGulps.forget(this.#socket);
    this.#socket.terminate();
    this.#lose(reason);
    this.#changed(this);
  }

  #lose(reason: unknown): void {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    exchange?.letGo();
    if (exchange?.body) exchange.body.out.fail(reason);
    else exchange?.answered.reject(reason);
  }

  #holdBack(isFull: boolean): void {
    if (this.#closed) return;
    if (isFull) this.#socket.pause();
    else this.#socket.resume();
  }
}

const handlers = {
  // Not `Buffer`: what is read is kept by others.
  binaryType: 'uint8array' as const,
  data: (socket: PlainSocket, chunk: Uint8Array) => socket.data?.onData(chunk),
  drain: (socket: PlainSocket) => socket.data?.onDrain(),
  close: (socket: PlainSocket, error?: Error) => socket.data?.onClose(error),
  end: (socket: PlainSocket) => {
    socket.data?.onClose(undefined);
    socket.end();
  },
  error: (socket: PlainSocket, error: Error) => socket.data?.onClose(error),
};

function cut(): Error {
  return Object.assign(new Error('the connection was closed'), { code: 'ECONNRESET' });
}

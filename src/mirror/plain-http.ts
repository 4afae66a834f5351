/**
 * GET and HEAD over plain HTTP/1.1, at an address that the caller has checked, on connections that are kept for the next
 * request. It decides which connection is used, and that a request is sent again when one that was kept turns out to
 * have been closed meanwhile (RFC 9112 §9.3.1). Redirects, time-outs and what bytes mean are the caller's.
 */
import { formatHostPort, type HostPort } from '../lib/host-port.ts';
import { PlainConnection, type PlainRequest } from './plain-connection.ts';
import type { RawAnswer } from './raw-answer.ts';

export interface PlainHttpRequest {
  readonly to: HostPort;
  /** For the Host field. */
  readonly host: string;
  /** Path and query, percent-encoded. */
  readonly target: string;
  readonly method: 'GET' | 'HEAD';
  readonly headers: Headers;
  /** Aborting it ends the transfer, until all of the body has come. */
  readonly signal: AbortSignal;
}

const REQUEST_TIMEOUT = 408;
/** Idle connections kept in all: as many as run at once at a few mirrors. */
const MAX_IDLE = 32;

export class PlainHttp {
  /** By address, port and the name that was asked for there, the one used last at the end. */
  readonly #idle = new Map<PlainConnection, string>();

  /** Resolves with the head. Rejects with ProtocolError, the system's error, or the signal's reason. */
  async request(options: PlainHttpRequest): Promise<RawAnswer> {
    const { to, method, signal } = options;
    const request: PlainRequest = { method, head: headOf(options), signal };
    const key = `${formatHostPort(to)} ${options.host}`;
    for (let kept = this.#take(key); kept; kept = this.#take(key)) {
      try {
        const answer = await kept.ask(request);
        if (answer.status !== REQUEST_TIMEOUT) return answer;
        // Said to the connection that was idle, not to this request (RFC 9110 §15.5.9).
        await answer.body?.cancel(new Error('asked again'));
        kept.close();
      } catch (error) {
        if (signal.aborted || kept.hasAnswered) throw error;
      }
    }
    const changed = (connection: PlainConnection) => this.#changed(connection, key);
    return (await PlainConnection.open(to, changed, signal)).ask(request);
  }

  #take(key: string): PlainConnection | undefined {
    for (const [connection, at] of [...this.#idle].reverse()) {
      if (at !== key) continue;
      this.#idle.delete(connection);
      return connection;
    }
    return undefined;
  }

  #changed(connection: PlainConnection, key: string): void {
    this.#idle.delete(connection);
    if (!connection.isFree) return;
    this.#idle.set(connection, key);
    const [oldest] = this.#idle.keys();
    if (this.#idle.size > MAX_IDLE) oldest?.close();
  }
}

function headOf({ host, target, method, headers }: PlainHttpRequest): string {
  const sent = new Headers(headers);
  sent.delete('host');
  if (!sent.has('accept')) sent.set('Accept', '*/*');
  if (!sent.has('accept-encoding')) sent.set('Accept-Encoding', 'identity');
  let head = `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\n`;
  for (const [name, value] of sent) head += `${name}: ${value}\r\n`;
  return `${head}\r\n`;
}

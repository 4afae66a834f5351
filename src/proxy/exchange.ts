/** One request and its answer, as they pass from room to room behind the door. */
import type { IncomingMessage, ServerResponse } from 'node:http';

export interface Exchange {
  /** By which the lines of the log about it are found: "#17". */
  readonly id?: string;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Aborted when the client has gone before it had the whole answer. */
  readonly signal: AbortSignal;
}

/** Answers one request. A rejection is a fault of ours: the server then answers 500, or cuts the connection. */
export type Door = (exchange: Exchange) => Promise<void>;

/** One value of a request field; undefined when it isn't there. */
export function field(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

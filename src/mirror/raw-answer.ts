/**
 * What either way of asking an HTTP server gives (plain-http.ts, fetch-raw.ts): of a Response and its reader those parts
 * that are used here. Bytes are as on the wire, and none is lost silently.
 */
export interface RawAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** Null where the answer has no body. */
  readonly body: RawBody | null;
}

export type RawRead = { done: true; value?: undefined } | { done: false; value: Uint8Array };

export interface RawBody {
  /** The next bytes, the reader's to keep. Rejects when the connection breaks, or with the abort's reason. One at a time. */
  read(): Promise<RawRead>;
  /** Ends the transfer, unless all of it has come. */
  cancel(reason: unknown): Promise<void>;
}

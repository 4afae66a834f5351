/**
 * The contract of the HTTP side: ask an upstream, follow its redirects, keep its health. It decides how an answer
 * is fetched (time-outs on stalls, redirects, which addresses may be dialled); it does not decide whether bytes
 * are right, nor keep them. Source: RFC 9110, RFC 9112.
 */
import type { Location } from '../archive/entry.ts';

export interface MirrorRequest {
  readonly at: Location;
  readonly method?: 'GET' | 'HEAD';
  /** Further request headers (If-Modified-Since, Accept …). Hop-by-hop headers are never passed on. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Bytes [from, to); `to` undefined = to the end. Sent as Range (RFC 9110 §14). */
  readonly range?: { readonly from: number; readonly to?: number };
  /** Without the "?". Only for what is passed through: files of an archive have none. */
  readonly query?: string;
  readonly signal: AbortSignal;
}

export interface MirrorAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** The payload as it comes, never decompressed; ends early only by throwing UnavailableError. Cancelling the iterator cancels the transfer. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** What the next request is likely to cost. Measured, with sensible guesses before the first measurement. */
export interface MirrorEstimate {
  /** Request sent to first byte of the answer. */
  readonly latencyMs: number;
  readonly bytesPerSecond: number;
}

export interface Mirror {
  /**
   * Resolves when the answer's head is here. Throws RefusedError (403) for an upstream that isn't allowed,
   * UnavailableError when it can't be reached, hangs or redirects in circles; any HTTP status is an answer.
   */
  request(request: MirrorRequest): Promise<MirrorAnswer>;
  estimate(host: string): MirrorEstimate;
}

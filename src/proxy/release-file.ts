/**
 * InRelease, Release and Release.gpg: files that have no entry in the catalogue, as they are what makes it. The archive
 * room revalidates, verifies and swaps; here is only what it is asked and how its answer is sent.
 */
import type { Location } from '../archive/entry.ts';
import { answerText } from './answer-text.ts';
import { type Exchange, field } from './exchange.ts';

export interface ReleaseAnswer {
  readonly status: number;
  readonly body?: Uint8Array | undefined;
  readonly headers: Headers | Readonly<Record<string, string>>;
}

export interface ServesReleases {
  /** Undefined when it isn't an archive's file after all: it is then passed through. Throws as Mirror.request does. */
  serve(
    at: Location,
    options: { readonly ifModifiedSince: string | undefined; readonly signal: AbortSignal },
  ): Promise<ReleaseAnswer | undefined>;
}

export function isReleaseFile(path: string): boolean {
  return /\/(?:InRelease|Release|Release\.gpg)$/.test(path);
}

/** False when the request has to be passed through. */
export async function answerRelease(
  exchange: Exchange,
  { refresh, at, via }: { readonly refresh: ServesReleases; readonly at: Location; readonly via: string },
): Promise<boolean> {
  const { request, response, signal } = exchange;
  const answer = await refresh.serve(at, { ifModifiedSince: field(request, 'if-modified-since'), signal });
  if (!answer) return false;
  const fields = answer.headers instanceof Headers ? Object.fromEntries(answer.headers) : answer.headers;
  const headers: Record<string, string> = { Via: via, 'X-Content-Type-Options': 'nosniff', ...fields };
  const body = answer.body ?? new Uint8Array(0);
  if (answer.status >= 400 && body.length === 0) {
    answerText(exchange, answer.status, `${at.host} has no usable ${at.path}`, headers);
    return true;
  }
  if (answer.status === 304) response.writeHead(304, headers).end();
  else {
    response.writeHead(answer.status, { ...headers, 'Content-Length': body.length });
    response.end(request.method === 'HEAD' ? undefined : body);
  }
  return true;
}

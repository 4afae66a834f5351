/**
 * What a client is told of a release file, by what came of the round to its mirror and the client's own conditions
 * (RFC 9110 §13.2.2: If-None-Match first). Pure.
 */
import type { Validators } from './new-release.ts';

export interface RefreshRequest {
  /** The client's If-Modified-Since, as it came. */
  readonly ifModifiedSince?: string | undefined;
  /** The client's If-None-Match, as it came. */
  readonly ifNoneMatch?: string | undefined;
  readonly signal: AbortSignal;
}

export interface RefreshAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Absent with 304. Empty for an upstream's answer without a body. */
  readonly body?: Uint8Array;
}

/** What came of one round to the mirror, before a client's conditions are looked at. */
export interface Outcome {
  readonly status: number;
  readonly body: Uint8Array;
  readonly validators: Validators;
  readonly contentType: string | undefined;
}

/** A 5xx has a body always. */
export function releaseAnswer(outcome: Outcome, request: RefreshRequest): RefreshAnswer {
  const { lastModified, etag } = outcome.validators;
  const headers: Record<string, string> = {};
  if (lastModified !== undefined) headers['Last-Modified'] = lastModified;
  if (etag !== undefined) headers.ETag = etag;
  if (outcome.status !== 200) {
    if (outcome.contentType !== undefined) headers['Content-Type'] = outcome.contentType;
    // apt takes a 5xx without a body for final, and one with a body for a reason to try again.
    const body =
      outcome.body.length > 0 ? outcome.body : Buffer.from(`the mirror answered ${outcome.status}\n`);
    return { status: outcome.status, headers, body };
  }
  if (isUnchanged(request, lastModified, etag)) return { status: 304, headers };
  headers['Content-Type'] = outcome.contentType ?? 'application/octet-stream';
  return { status: 200, headers, body: outcome.body };
}

function isUnchanged(
  request: RefreshRequest,
  lastModified: string | undefined,
  etag: string | undefined,
): boolean {
  if (request.ifNoneMatch !== undefined) {
    const wanted = request.ifNoneMatch.split(',').map((tag) => weak(tag.trim()));
    return wanted.includes('*') || (etag !== undefined && wanted.includes(weak(etag)));
  }
  if (request.ifModifiedSince === undefined || lastModified === undefined) return false;
  const [since, modified] = [Date.parse(request.ifModifiedSince), Date.parse(lastModified)];
  return Number.isFinite(since) && Number.isFinite(modified) && modified <= since;
}

function weak(tag: string): string {
  return tag.replace(/^W\//, '');
}

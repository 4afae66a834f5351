/**
 * Gets a release file from its mirror as a whole: bounded in length and in silence, and nobody's to cancel, as all who
 * ask meanwhile wait for the same.
 */
import type { Clock } from '../lib/clock.ts';
import { UnavailableError } from '../lib/errors.ts';
import { type Location, locationName } from './entry.ts';
import { MAX_RELEASE_BYTES } from './release.ts';
import type { Outcome } from './release-answer.ts';
import { Silence } from './silence.ts';

/** The part of mirror/mirror.ts that is needed here. */
export interface UpstreamRequest {
  request(request: {
    readonly at: Location;
    readonly headers?: Readonly<Record<string, string>>;
    readonly signal: AbortSignal;
  }): Promise<{
    readonly status: number;
    readonly headers: Headers;
    readonly body: AsyncIterable<Uint8Array>;
  }>;
}

export interface FetchOptions {
  readonly mirror: UpstreamRequest;
  readonly clock: Clock;
  /** The longest a mirror may say nothing. */
  readonly silenceMs: number;
  /** Called for the head of the answer and for each part of it. */
  readonly heard?: () => void;
}

/** Throws UnavailableError, also for a file that is longer than apt would take it; RefusedError as the mirror room does. */
export async function fetchReleaseFile(
  at: Location,
  headers: Readonly<Record<string, string>>,
  { mirror, clock, silenceMs, heard }: FetchOptions,
): Promise<Outcome> {
  const silence = new Silence(clock, silenceMs, locationName(at));
  try {
    const got = await silence.race(mirror.request({ at, headers, signal: silence.signal }));
    heard?.();
    const chunks: Uint8Array[] = [];
    let length = 0;
    const body = got.body[Symbol.asyncIterator]();
    try {
      for (let next = await silence.race(body.next()); !next.done; next = await silence.race(body.next())) {
        heard?.();
        length += next.value.length;
        if (length > MAX_RELEASE_BYTES)
          throw new UnavailableError(`${locationName(at)} is longer than apt would take it`);
        chunks.push(next.value);
      }
    } catch (error) {
      // Not waited for: a body that hangs may hang here too.
      body.return?.(undefined)?.catch(() => {});
      throw error;
    }
    return {
      status: got.status,
      body: Buffer.concat(chunks),
      validators: {
        lastModified: got.headers.get('last-modified') ?? undefined,
        etag: got.headers.get('etag') ?? undefined,
      },
      contentType: got.headers.get('content-type') ?? undefined,
    };
  } finally {
    silence.end();
  }
}

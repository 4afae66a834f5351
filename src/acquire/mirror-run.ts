/**
 * One run of the mirror for a flight: bytes [from, to) streamed in order, continued by Range where a transfer breaks.
 * It decides what an answer's head is worth (right size, right range); whether bytes are right is the gate's.
 */
import { type Location, locationName } from '../archive/entry.ts';
import type { Clock } from '../lib/clock.ts';
import { RefusedError, UnavailableError, WrongFileError } from '../lib/errors.ts';
import type { TokenBucket } from '../lib/token-bucket.ts';
import type { Mirror, MirrorAnswer } from '../mirror/mirror.ts';
import { Gatherer } from './gatherer.ts';

export interface MirrorRunOptions {
  readonly mirror: Mirror;
  readonly at: Location;
  readonly sizeBytes: number;
  readonly from: number;
  readonly to: number;
  readonly clock: Clock;
  readonly bucket: TokenBucket;
  readonly signal: AbortSignal;
  /** The Last-Modified of the mirror's answer, milliseconds; called before the first bytes. */
  dated(lastModifiedMs: number): void;
  /** It was asked for a part and gives the whole: each further request would bring it all again. */
  unranged?(): void;
  /** False ends the run: the next bytes are here already or come from elsewhere. */
  bytes(offset: number, chunk: Uint8Array): boolean;
}

const CONTENT_RANGE = /^bytes (\d+)-(\d+)\/(\d+|\*)$/;
const MAX_BREAKS = 3;
const PAUSE_MS = 200;

/** Resolves when all of [from, to) was given or the receiver has had enough. Throws RefusedError with the mirror's 4xx, else UnavailableError. */
export async function runMirror(options: MirrorRunOptions): Promise<void> {
  let at = options.from;
  let breaks = 0;
  while (at < options.to) {
    const before = at;
    try {
      const answer = await ask(options, at);
      const reached = await stream(options, answer, at, (offset) => {
        at = offset;
      });
      if (reached === 'enough') return;
      if (at < options.to) throw new UnavailableError(`${locationName(options.at)} ended at byte ${at}`);
    } catch (error) {
      if (options.signal.aborted || !(error instanceof UnavailableError)) throw error;
      if (error instanceof WrongFileError) throw error;
      breaks = at > before ? 1 : breaks + 1;
      if (breaks >= MAX_BREAKS) throw error;
      await pause(options.clock, PAUSE_MS * breaks);
    }
  }
}

async function ask(
  { mirror, at, from, to, sizeBytes, signal, unranged }: MirrorRunOptions,
  offset: number,
): Promise<MirrorAnswer> {
  const whole = offset === 0 && from === 0 && to === sizeBytes;
  const answer = await mirror.request({
    at,
    signal,
    ...(!whole && { range: to === sizeBytes ? { from: offset } : { from: offset, to } }),
  });
  const { status, headers } = answer;
  const wrong = wrongHead(status, headers, offset, whole);
  if (status === 200 && !whole) unranged?.();
  const has = wrong === undefined ? statedBytes(status, headers) : undefined;
  if (wrong === undefined && (has === undefined || has === sizeBytes)) return answer;
  await discard(answer);
  if (has !== undefined) {
    const text = `the mirror has ${has} bytes, the index says ${sizeBytes} (is it being updated?)`;
    throw new WrongFileError(`${locationName(at)}: ${text}`);
  }
  if (status >= 400 && status < 500 && status !== 408 && status !== 416 && status !== 429) {
    throw new RefusedError(status, `${locationName(at)}: the mirror answers ${status}`);
  }
  throw new UnavailableError(`${locationName(at)}: ${wrong}`);
}

/** What is wrong with an answer's head, whatever the file; undefined when it may be streamed. */
function wrongHead(status: number, headers: Headers, offset: number, whole: boolean): string | undefined {
  if (status === 200) return undefined;
  if (status === 206 && !whole) {
    const range = CONTENT_RANGE.exec(headers.get('content-range') ?? '');
    return range && Number(range[1]) === offset ? undefined : 'the mirror answers another range than asked';
  }
  return `the mirror answers ${status}`;
}

/** The length of the whole file as a 200 or a 206 states it; undefined where it doesn't. */
function statedBytes(status: number, headers: Headers): number | undefined {
  const range = CONTENT_RANGE.exec(headers.get('content-range') ?? '');
  const stated = status === 200 ? headers.get('content-length') : range?.[3];
  return stated == null || stated === '*' ? undefined : Number(stated);
}

/** Gives the answer's bytes from `from` on; skips what a mirror without Range sends before. */
async function stream(
  options: MirrorRunOptions,
  answer: MirrorAnswer,
  from: number,
  reached: (offset: number) => void,
): Promise<'end' | 'enough'> {
  const modified = Date.parse(answer.headers.get('last-modified') ?? '');
  if (!Number.isNaN(modified)) options.dated(modified);
  let at = answer.status === 206 ? from : 0;
  const gathered = new Gatherer(options.clock, (offset, bytes) => {
    reached(offset + bytes.length);
    return options.bytes(offset, bytes);
  });
  try {
    return await pump();
  } finally {
    gathered.flush();
    gathered.drop();
  }

  async function pump(): Promise<'end' | 'enough'> {
    for await (const chunk of answer.body) {
      const start = at;
      at += chunk.length;
      if (at <= from) continue;
      if (at > options.sizeBytes)
        throw new WrongFileError(`${locationName(options.at)}: more bytes than the index says`);
      const useful = start < from ? chunk.subarray(from - start) : chunk;
      if (!gathered.add(at - useful.length, useful)) return 'enough';
      const waitMs = options.bucket.spend(chunk.length, options.clock.nowMs());
      if (waitMs > 0) await pause(options.clock, waitMs);
      if (at >= options.to) break;
    }
    return gathered.flush() ? 'end' : 'enough';
  }
}

async function discard(answer: MirrorAnswer): Promise<void> {
  const iterator = answer.body[Symbol.asyncIterator]();
  await iterator.return?.().catch(() => {});
}

function pause(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(delayMs, resolve);
  });
}

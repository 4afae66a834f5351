/**
 * One run of the mirror for a flight: bytes [from, to) streamed in order, continued by Range where a transfer breaks.
 * It decides what an answer's head is worth (right size, right range); whether bytes are right is the gate's.
 */
import { type Location, locationName } from '../archive/entry.ts';
import type { Clock } from '../lib/clock.ts';
import { RefusedError, UnavailableError } from '../lib/errors.ts';
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
  const wrong = wrongHead(status, headers, offset, sizeBytes, whole);
  if (status === 200 && !whole) unranged?.();
  if (wrong === undefined) return answer;
  await discard(answer);
  if (status >= 400 && status < 500 && status !== 408 && status !== 416 && status !== 429) {
    throw new RefusedError(status, `${locationName(at)}: the mirror answers ${status}`);
  }
  throw new UnavailableError(`${locationName(at)}: ${wrong}`);
}

/** What is wrong with an answer's head; undefined when it may be streamed. */
function wrongHead(
  status: number,
  headers: Headers,
  offset: number,
  sizeBytes: number,
  whole: boolean,
): string | undefined {
  const length = headers.get('content-length');
  if (status === 200) {
    if (length !== null && Number(length) !== sizeBytes) {
      return `the mirror has ${length} bytes, the index says ${sizeBytes} (is it being updated?)`;
    }
    return undefined;
  }
  if (status === 206 && !whole) {
    const range = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(headers.get('content-range') ?? '');
    if (!range || Number(range[1]) !== offset) return 'the mirror answers another range than asked';
    if (range[3] !== '*' && Number(range[3]) !== sizeBytes) {
      return `the mirror has ${range[3]} bytes, the index says ${sizeBytes} (is it being updated?)`;
    }
    return undefined;
  }
  return `the mirror answers ${status}`;
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
        throw new UnavailableError(`${locationName(options.at)}: more bytes than the index says`);
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

/**
 * Sends a file, whole or growing, as the answer to a request. It decides status, length, range, dates and pace
 * (conditional.ts has the rules); it doesn't decide which bytes may be shown: the content shows only those.
 * Invariants: Content-Length is exact; an answer that can't be completed is never ended as if it were; the content is
 * disposed on every way out.
 */
import type { Content } from '../acquire/content.ts';
import { answerText } from './answer-text.ts';
import { type Selection, select } from './conditional.ts';
import { type Exchange, field } from './exchange.ts';
import { GrowingBody } from './growing-body.ts';
import { flushed, written } from './send-body.ts';
import { whileMoving } from './while-moving.ts';

/** Measured with 128 KiB to 1 MiB: beyond this nothing is gained, below it each byte costs more. */
const CHUNK_BYTES = 512 * 1024;

export interface RespondOptions {
  /** Path of the file: its suffix gives the Content-Type. */
  readonly path: string;
  readonly via: string;
  /** Told of bytes that came out of the store. */
  readonly onFromStore: (bytes: number) => void;
  /** When bytes of it last came from anywhere, by the system's clock; undefined where nobody knows. */
  readonly movedMs: () => number | undefined;
}

/** Takes over `content`. Rejects when the answer can't be completed: the caller tells so, or cuts what has begun. */
export async function respond(exchange: Exchange, content: Content, options: RespondOptions): Promise<void> {
  using file = content;
  const { request, response, signal } = exchange;
  const selection = select(file, {
    method: request.method === 'HEAD' ? 'HEAD' : 'GET',
    ifNoneMatch: field(request, 'if-none-match'),
    ifModifiedSince: field(request, 'if-modified-since'),
    ifRange: field(request, 'if-range'),
    range: field(request, 'range'),
  });
  const headers = { ...describe(file, options), ...describeSelection(file, selection) };
  if (selection.status === 416) {
    answerText(exchange, 416, `the file has ${file.sizeBytes} bytes`, headers);
    return;
  }
  if (selection.status === 304 || request.method === 'HEAD') {
    response.writeHead(selection.status, headers).end();
    return;
  }
  // The first byte is awaited before the head is sent: until then a failure can still be told.
  if (selection.from < selection.to && file.available <= selection.from) {
    const wait = (until: AbortSignal) => file.waitBeyond(selection.from, until);
    await whileMoving(wait, { name: options.path, movedMs: options.movedMs, signal });
  }
  // It goes out with the first bytes.
  response.writeHead(selection.status, headers);
  await sendRange(exchange, file, selection, options);
}

async function sendRange(
  { response, signal }: Exchange,
  file: Content,
  { from, to }: { readonly from: number; readonly to: number },
  { path: name, onFromStore, movedMs }: RespondOptions,
): Promise<void> {
  using growing = new GrowingBody(file, { to, name, movedMs, signal });
  const reused = file.readInto && to - from > CHUNK_BYTES ? Buffer.allocUnsafeSlow(CHUNK_BYTES) : undefined;
  let offset = from;
  while (offset < to) {
    const ready = file.available >= to ? to : await growing.readyBeyond(offset);
    const length = Math.min(CHUNK_BYTES, ready - offset);
    const chunk = reused ? readInto(file, offset, reused.subarray(0, length)) : file.read(offset, length);
    if (chunk.length === 0) throw new RangeError(`no byte could be read at ${offset}`);
    offset += chunk.length;
    if (file.origin === 'store') onFromStore(chunk.length);
    if (offset === to) {
      // Not written again: this may stay where it is.
      response.end(chunk);
      return;
    }
    await (reused ? flushed : written)(response, chunk, signal);
  }
  response.end();
}

function readInto(file: Content, offset: number, target: Uint8Array): Uint8Array {
  return target.subarray(0, file.readInto?.(offset, target) ?? 0);
}

function describe(file: Content, { path, via }: RespondOptions): Record<string, string> {
  return {
    'Content-Type': /\.[ud]?deb$/.test(path)
      ? 'application/vnd.debian.binary-package'
      : 'application/octet-stream',
    'Last-Modified': new Date(file.lastModifiedMs).toUTCString(),
    'Accept-Ranges': 'bytes',
    ...(file.etag === undefined ? {} : { ETag: file.etag }),
    Via: via,
    'X-DebTorrent-Source': sourceOf(file),
    // A file of a mirror never runs as a page of ours.
    'X-Content-Type-Options': 'nosniff',
  };
}

/** "store", "flight" while nobody knows yet, or "peers=1234; mirror=0". */
function sourceOf({ origin, givers }: Content): string {
  return givers ? `peers=${givers.peers}; mirror=${givers.mirror}` : origin;
}

function describeSelection({ sizeBytes }: Content, selection: Selection): Record<string, string> {
  if (selection.status === 304) return {};
  if (selection.status === 416) return { 'Content-Range': `bytes */${sizeBytes}` };
  const { status, from, to } = selection;
  const length = { 'Content-Length': String(to - from) };
  return status === 200 ? length : { ...length, 'Content-Range': `bytes ${from}-${to - 1}/${sizeBytes}` };
}

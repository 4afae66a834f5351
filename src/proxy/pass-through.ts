/**
 * The mirror's own answer, handed on as it comes: for what the catalogue doesn't know, for requests with a query, and
 * for those with credentials. Never stored, never shared. It decides which header fields cross over; the mirror room
 * decides who may be asked.
 */
import { type Location, locationName } from '../archive/entry.ts';
import type { Mirror } from '../mirror/mirror.ts';
import { answerText } from './answer-text.ts';
import { type Exchange, field } from './exchange.ts';
import { written } from './send-body.ts';
import { whileMoving } from './while-moving.ts';

const REQUEST_FIELDS = [
  ...[
    'accept',
    'accept-encoding',
    'accept-language',
    'authorization',
    'cache-control',
    'cookie',
    'pragma',
    'range',
  ],
  ...['if-match', 'if-modified-since', 'if-none-match', 'if-range', 'if-unmodified-since', 'via'],
];
const ANSWER_FIELDS = [
  ...['accept-ranges', 'age', 'cache-control', 'content-disposition', 'content-encoding', 'content-language'],
  ...['content-length', 'content-range', 'content-type', 'date', 'etag', 'expires', 'last-modified', 'link'],
  ...['retry-after', 'vary', 'warning', 'www-authenticate'],
];

export interface PassThroughOptions {
  readonly mirror: Mirror;
  readonly at: Location;
  readonly query: string | undefined;
  /** "user:password" of the request's URI: sent as Basic credentials (RFC 7617). */
  readonly userinfo: string | undefined;
  /** Our own Via entry. */
  readonly via: string;
  /** Told of the bytes that came from the mirror. */
  readonly onFromMirror: (bytes: number) => void;
  /** When something last came from that upstream, by the system's clock. */
  readonly movedMs: () => number | undefined;
}

/** Rejects when the answer can't be completed: the caller tells so, or cuts what has begun. */
export async function passThrough(exchange: Exchange, options: PassThroughOptions): Promise<void> {
  const { request, response, signal } = exchange;
  const { at, query, mirror } = options;
  const isHead = request.method === 'HEAD';
  const ask = (until: AbortSignal) =>
    mirror.request({
      at,
      method: isHead ? 'HEAD' : 'GET',
      headers: requestFields(exchange, options.userinfo),
      ...(query === undefined ? {} : { query }),
      signal: until,
    });
  const answer = await whileMoving(ask, { name: locationName(at), movedMs: options.movedMs, signal });
  const via = answer.headers.get('via');
  const headers: Record<string, string> = {
    Via: via === null ? options.via : `${via}, ${options.via}`,
    'X-DebTorrent-Source': 'mirror',
    // What a mirror sends shares an origin with our own pages when it is named mirror-style: it must not run there.
    'Content-Security-Policy': 'sandbox',
    'X-Content-Type-Options': 'nosniff',
  };
  for (const name of ANSWER_FIELDS) {
    const value = answer.headers.get(name);
    if (value !== null) headers[name] = value;
  }
  const chunks = answer.body[Symbol.asyncIterator]();
  try {
    // The first bytes are awaited: until then a failure can be told, and the head goes out with them.
    const first = await chunks.next();
    if (first.done && answer.status >= 400 && !isHead) {
      for (const name of ['content-length', 'content-encoding', 'content-type']) delete headers[name];
      answerText(exchange, answer.status, `${at.host} answered ${answer.status} and said no more`, headers);
      return;
    }
    response.writeHead(answer.status, headers);
    for (let next = first; !next.done; next = await chunks.next()) {
      options.onFromMirror(next.value.length);
      await written(response, next.value, signal);
    }
    response.end();
  } finally {
    await chunks.return?.();
  }
}

function requestFields({ request }: Exchange, userinfo: string | undefined): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const name of REQUEST_FIELDS) {
    const value = field(request, name);
    if (value !== undefined) fields[name] = value;
  }
  if (userinfo !== undefined && fields.authorization === undefined) {
    fields.authorization = `Basic ${Buffer.from(userinfo).toString('base64')}`;
  }
  return fields;
}

/**
 * The head of an HTTP/1.1 answer: status, fields, and how its body is marked off. It decides what a head is worth; what
 * status and fields mean is the reader's. Throws ProtocolError for what is no answer. Pure. Source: RFC 9112 §2–6.
 */
import { ProtocolError } from '../lib/errors.ts';

/** `chunked`, to the end of the connection, or so many bytes. */
export type BodyLength = 'chunked' | 'until-close' | number;

export interface AnswerHead {
  readonly status: number;
  readonly headers: Headers;
  readonly length: BodyLength;
  /** Whether the connection may be used again when the body has ended. */
  readonly isKept: boolean;
}

/** More is no head of a mirror. */
export const MAX_HEAD_BYTES = 64 * 1024;

/** More than any server sends; each costs more than its bytes. */
const MAX_FIELDS = 256;
const NO_BODY_STATUS = new Set([204, 304]);

const START = new TextEncoder().encode('HTTP/1.');

/** Whether a head may begin so: what speaks something else is told at its first bytes, not when nothing more comes. */
export function startsAsHead(bytes: Uint8Array): boolean {
  return START.subarray(0, bytes.length).every((byte, i) => bytes[i] === byte);
}

/** Where the head ends that `bytes` begin with: index of the first byte behind its empty line, -1 when that isn't here. */
export function headEnd(bytes: Uint8Array): number {
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) {
    if (bytes[at + 1] === 10) return at + 2;
    if (bytes[at + 1] === 13 && bytes[at + 2] === 10) return at + 3;
  }
  return -1;
}

/** `bytes` up to headEnd. A status of 1xx isn't the answer yet, and has no body. */
export function parseHead(bytes: Uint8Array, method: 'GET' | 'HEAD'): AnswerHead {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  const [first = '', ...lines] = text
    .replace(/\r?\n[ \t]+/g, ' ')
    .trimEnd()
    .split(/\r?\n/);
  const start = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: |$)/.exec(first);
  if (!start) throw notHttp();
  const status = Number(start[2]);
  const headers = new Headers();
  if (lines.length > MAX_FIELDS) throw new ProtocolError('the answer has too many fields');
  for (const line of lines) {
    const colon = line.indexOf(':');
    try {
      if (colon <= 0) throw new TypeError(line);
      headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
    } catch (cause) {
      throw new ProtocolError('the answer has a field that is none', { cause });
    }
  }
  const hasBody = method !== 'HEAD' && status >= 200 && !NO_BODY_STATUS.has(status);
  const length = hasBody ? bodyLength(headers) : 0;
  const isAmbiguous = headers.has('transfer-encoding') && headers.has('content-length');
  // The one that doesn't count must not be passed on (RFC 9112 §6.3).
  if (isAmbiguous) headers.delete('content-length');
  const says = (headers.get('connection') ?? '').toLowerCase().split(/\s*,\s*/);
  const isKept = start[1] === '1' && !says.includes('close') && length !== 'until-close' && !isAmbiguous;
  return { status, headers, length, isKept };
}

function bodyLength(headers: Headers): BodyLength {
  const encoding = headers.get('transfer-encoding');
  if (encoding !== null) {
    if (encoding.trim().toLowerCase() === 'chunked') return 'chunked';
    throw new ProtocolError('the answer is encoded for transfer in a way that nobody asked for');
  }
  const text = headers.get('content-length');
  if (text === null) return 'until-close';
  // The same length said twice is one.
  const lengths = new Set(text.split(/\s*,\s*/));
  const [length = ''] = lengths;
  if (lengths.size !== 1 || !/^\d{1,15}$/.test(length))
    throw new ProtocolError('the answer has no length that can be understood');
  headers.set('content-length', length);
  return Number(length);
}

export function notHttp(): ProtocolError {
  return new ProtocolError('what answers does not speak HTTP/1.1');
}

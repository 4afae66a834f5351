/**
 * A tracker's share of HTTP/1.1 (RFC 9112): requests without a body, one after the other in a stream of bytes. Decides
 * where a request's head ends, what it asks for and whether the connection stays; answers nothing itself. Lines end
 * with CR LF, nothing else. What has a body is refused, and the connection with it, as what follows isn't a request.
 */
import { RefusedError } from '../lib/errors.ts';

/** Longest head: a URL of 8 KiB and as much of fields. */
export const MAX_HEAD_BYTES = 16 * 1024;
/** A scrape of 74 info-hashes, each byte escaped, has 5.2 KiB. */
export const MAX_URL_LENGTH = 8 * 1024;

export interface HttpRequest {
  readonly method: string;
  /** Path and query as they came, one character a byte. */
  readonly target: string;
  /** Whether another request may follow on this connection. */
  readonly keepAlive: boolean;
  /** Where the next request begins. */
  readonly end: number;
}

/** The request that begins at `from`, or undefined while its head isn't all there. Throws RefusedError. */
export function readRequest(bytes: Buffer, from: number): HttpRequest | undefined {
  const headEnd = bytes.indexOf('\r\n\r\n', from, 'latin1');
  if (headEnd < 0 || headEnd - from > MAX_HEAD_BYTES) {
    if (bytes.length - from > MAX_HEAD_BYTES) throw new RefusedError(431, 'the request is too long');
    return undefined;
  }
  const head = bytes.toString('latin1', from, headEnd);
  const lineEnd = head.indexOf('\r\n');
  const line = lineEnd < 0 ? head : head.slice(0, lineEnd);
  const fields = lineEnd < 0 ? '' : head.slice(lineEnd);
  const methodEnd = line.indexOf(' ');
  const targetEnd = line.lastIndexOf(' ');
  const version = line.slice(targetEnd + 1);
  if (methodEnd < 1 || targetEnd <= methodEnd + 1 || !/^HTTP\/1\.\d$/.test(version))
    throw new RefusedError(400, 'this is no HTTP/1.1 request');
  if (targetEnd - methodEnd > MAX_URL_LENGTH) throw new RefusedError(414, 'the URL is too long');
  if (hasBody(fields)) throw new RefusedError(400, 'a request here has no body');
  return {
    method: line.slice(0, methodEnd),
    target: withoutAuthority(line.slice(methodEnd + 1, targetEnd)),
    keepAlive: staysOpen(version, fields),
    end: headEnd + 4,
  };
}

/** RFC 9112 §3.2.2: a server takes the absolute form, too. */
function withoutAuthority(target: string): string {
  if (target.startsWith('/')) return target;
  return target.replace(/^https?:\/\/[^/?#]*/i, '') || '/';
}

function hasBody(fields: string): boolean {
  // Most requests have neither field; this looks for both at once.
  if (!/\r\n(?:content-length|transfer-encoding):/i.test(fields)) return false;
  return (
    /\r\ntransfer-encoding:/i.test(fields) || !/\r\ncontent-length:[ \t]*0[ \t]*(?:\r\n|$)/i.test(fields)
  );
}

function staysOpen(version: string, fields: string): boolean {
  const connection = /\r\nconnection:([^\r]*)/i.exec(fields)?.[1] ?? '';
  if (/\bclose\b/i.test(connection)) return false;
  return version !== 'HTTP/1.0' || /\bkeep-alive\b/i.test(connection);
}

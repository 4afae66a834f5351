/**
 * Query strings as trackers have them: values are raw bytes, percent-encoded. URLSearchParams can't be used: it takes
 * values for UTF-8 and turns an info-hash into replacement characters. "+" is itself, not a space (RFC 3986 §2.2).
 */
import { ProtocolError } from '../lib/errors.ts';

/** Most parameters of a query that are looked at. */
const MAX_PARAMETERS = 256;

/** Every byte but the unreserved ones (RFC 3986 §2.3) as %XX. */
export function percentEncode(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) {
    const char = String.fromCharCode(byte);
    text += /[A-Za-z0-9._~-]/.test(char) ? char : `%${byte.toString(16).padStart(2, '0').toUpperCase()}`;
  }
  return text;
}

/** The bytes of percent-encoded text; characters that aren't encoded stand for themselves, as UTF-8. */
export function percentDecode(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  let length = 0;
  for (let at = 0; at < text.length; at += 1) {
    let byte = text.charCodeAt(at);
    if (byte > 0x7f) return percentDecode(escapedRest(text));
    if (byte === 0x25) {
      const high = hexDigit(text.charCodeAt(at + 1));
      const low = hexDigit(text.charCodeAt(at + 2));
      if (high < 0 || low < 0)
        throw new ProtocolError('could not read query: "%" without two hexadecimal digits');
      byte = high * 16 + low;
      at += 2;
    }
    bytes[length] = byte;
    length += 1;
  }
  return bytes.slice(0, length);
}

/** The same text with everything beyond ASCII encoded. */
function escapedRest(text: string): string {
  return text.replaceAll(/[^\0-\x7f]+/g, (part) => percentEncode(Buffer.from(part)));
}

/** Each parameter of a query without its "?", its value still encoded. Throws ProtocolError when there are too many. */
export function forEachParameter(query: string, take: (name: string, value: string) => void): void {
  let count = 0;
  for (let from = 0; from < query.length; ) {
    const ampersand = query.indexOf('&', from);
    const end = ampersand < 0 ? query.length : ampersand;
    const equals = query.indexOf('=', from);
    count += 1;
    if (count > MAX_PARAMETERS) throw new ProtocolError('could not read query: too many parameters');
    if (equals < 0 || equals > end) take(query.slice(from, end), '');
    else take(query.slice(from, equals), query.slice(equals + 1, end));
    from = end + 1;
  }
}

/** A query without its "?", by parameter in the order given. Throws ProtocolError. */
export function parseQuery(query: string): Map<string, Uint8Array[]> {
  const parameters = new Map<string, Uint8Array[]>();
  forEachParameter(query, (name, encoded) => {
    const value = percentDecode(encoded);
    const earlier = parameters.get(name);
    if (earlier) earlier.push(value);
    else parameters.set(name, [value]);
  });
  return parameters;
}

/** -1 also for NaN, where the text ends. */
function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : -1;
}

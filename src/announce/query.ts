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
  const bytes = Buffer.from(text);
  let length = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    let byte = bytes[at] as number;
    if (byte === 0x25) {
      const high = hexDigit(bytes[at + 1]);
      const low = hexDigit(bytes[at + 2]);
      if (high < 0 || low < 0)
        throw new ProtocolError('could not read query: "%" without two hexadecimal digits');
      byte = high * 16 + low;
      at += 2;
    }
    bytes[length] = byte;
    length += 1;
  }
  return new Uint8Array(bytes.subarray(0, length));
}

/** A query without its "?", by parameter in the order given. Throws ProtocolError. */
export function parseQuery(query: string): Map<string, Uint8Array[]> {
  const parameters = new Map<string, Uint8Array[]>();
  if (query === '') return parameters;
  const parts = query.split('&', MAX_PARAMETERS + 1);
  if (parts.length > MAX_PARAMETERS) throw new ProtocolError('could not read query: too many parameters');
  for (const part of parts) {
    const equals = part.indexOf('=');
    const name = equals < 0 ? part : part.slice(0, equals);
    const value = equals < 0 ? new Uint8Array(0) : percentDecode(part.slice(equals + 1));
    const earlier = parameters.get(name);
    if (earlier) earlier.push(value);
    else parameters.set(name, [value]);
  }
  return parameters;
}

function hexDigit(byte: number | undefined): number {
  if (byte === undefined) return -1;
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : -1;
}

/**
 * One normal form for the paths that clients send, so that a file has one name however it was written: escapes
 * decoded ("%2b" is "+", "%7E" is "~"), "." and empty segments gone, ".." resolved while it stays inside. What could
 * mean different things to different servers is refused: an encoded slash, control characters, broken escapes,
 * bytes that aren't UTF-8, a way out of the top. Sources: RFC 3986 §2, §5.2.4, §6.2.2.
 * Invariant: normalising a normal path, encoded anew, gives the same path.
 */
export type NormalPath = { readonly path: string } | { readonly refused: string };

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** `raw` starts with "/", has no query, and one character for each byte (as node:http gives it). */
export function normalPath(raw: string): NormalPath {
  const decoded = percentDecode(raw);
  if (typeof decoded !== 'string') return decoded;
  const kept: string[] = [];
  const segments = decoded.split('/').slice(1);
  for (const segment of segments) {
    if (segment === '' || segment === '.') continue;
    if (segment !== '..') kept.push(segment);
    else if (kept.pop() === undefined) return { refused: 'the path leads out of the top' };
  }
  const last = segments.at(-1);
  const isDirectory = kept.length > 0 && (last === '' || last === '.' || last === '..');
  return { path: `/${kept.join('/')}${isDirectory ? '/' : ''}` };
}

function percentDecode(raw: string): string | { readonly refused: string } {
  const bytes = new Uint8Array(raw.length);
  let length = 0;
  for (let i = 0; i < raw.length; i += 1) {
    let code = raw.charCodeAt(i);
    if (code > 0xff || code === 0x23) return { refused: 'the path has a character that must be encoded' };
    if (code === 0x25) {
      const hex = raw.slice(i + 1, i + 3);
      if (!/^[0-9a-fA-F]{2}$/.test(hex)) return { refused: 'the path has a broken percent escape' };
      code = Number.parseInt(hex, 16);
      if (code === 0x2f) return { refused: 'the path has an encoded slash' };
      i += 2;
    }
    if (code < 0x20 || code === 0x7f) return { refused: 'the path has a control character' };
    bytes[length] = code;
    length += 1;
  }
  try {
    return utf8.decode(bytes.subarray(0, length));
  } catch {
    return { refused: "the path isn't UTF-8" };
  }
}

/**
 * Takes a clearsigned file (InRelease) apart into its text and its signature, as RFC 9580 §7 has it and as apt does
 * before it calls gpgv: only what stands inside the signed part counts, and anything before it, behind it or
 * between its parts is refused, so that the text we parse is the very text that was signed. Stricter than the RFC:
 * one message, one signature block, no armour header but "Hash:". Pure.
 */
import { ProtocolError } from '../lib/errors.ts';

const BEGIN_MESSAGE = '-----BEGIN PGP SIGNED MESSAGE-----';
const BEGIN_SIGNATURE = '-----BEGIN PGP SIGNATURE-----';
const END_SIGNATURE = '-----END PGP SIGNATURE-----';

export interface ClearSigned {
  /** The signed text: dash-escapes and white space at line ends removed, lines joined by LF, none after the last. */
  readonly text: Uint8Array;
  /** The armoured signature over that text (of type "canonical text document", 0x01). */
  readonly signature: Uint8Array;
}

/** True when the bytes begin as a clearsigned file does. */
export function isClearSigned(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, BEGIN_MESSAGE.length)).equals(
    Buffer.from(BEGIN_MESSAGE),
  );
}

/** Throws ProtocolError for anything but one clearsigned message and nothing else. */
export function splitClearSigned(bytes: Uint8Array): ClearSigned {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  if (all.includes('\0')) throw new ProtocolError('a clearsigned file has a NUL in it');
  const lines = all.split('\n').map(withoutTrailingBlanks);
  if (lines[0] !== BEGIN_MESSAGE)
    throw new ProtocolError('a clearsigned file does not begin with its message');
  let at = 1;
  while (at < lines.length && lines[at] !== '') {
    if (!/^Hash: [A-Za-z0-9, /-]+$/.test(lines[at] as string)) {
      throw new ProtocolError('a clearsigned message has a header that it may not');
    }
    at += 1;
  }
  const text: string[] = [];
  for (at += 1; at < lines.length && lines[at] !== BEGIN_SIGNATURE; at += 1) {
    const line = lines[at] as string;
    if (!line.startsWith('-')) text.push(line);
    else if (line.startsWith('- ')) text.push(line.slice(2));
    // "- " whose blank was cut off as trailing white space: an escaped empty line.
    else if (line === '-') text.push('');
    else throw new ProtocolError('a clearsigned message has a line that is not dash-escaped');
  }
  const from = at;
  while (at < lines.length && lines[at] !== END_SIGNATURE) at += 1;
  if (at >= lines.length) throw new ProtocolError('a clearsigned file has no signature, or is cut short');
  const signature = lines.slice(from, at + 1);
  if (signature.slice(1, -1).some((line) => line.startsWith('-'))) {
    throw new ProtocolError('a clearsigned file has more than one signature block');
  }
  if (lines.slice(at + 1).some((line) => line !== '')) {
    throw new ProtocolError('a clearsigned file has unsigned lines behind its signature');
  }
  return {
    text: Buffer.from(text.join('\n'), 'latin1'),
    signature: Buffer.from(`${signature.join('\n')}\n`, 'latin1'),
  };
}

function withoutTrailingBlanks(line: string): string {
  let end = line.length;
  while (end > 0 && ' \t\r'.includes(line[end - 1] as string)) end -= 1;
  return end === line.length ? line : line.slice(0, end);
}

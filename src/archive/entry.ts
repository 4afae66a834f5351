/**
 * What the catalogue says of a path. An entry is a fact vouched for by a Release (or by a .dtorrent that the
 * operator gave); where its bytes come from is acquire's business.
 */
import type { Sha256 } from '../lib/sha256.ts';

export interface Entry {
  readonly key: Sha256;
  readonly sizeBytes: number;
  /** Info-hashes (hex) of the swarms in which it is looked for and offered; empty = private: mirror only. */
  readonly swarms: readonly string[];
  /** BEP 52 root of the piece layer from a signed or operator-given .dtorrent: grade "signed". */
  readonly root?: Uint8Array;
  /** Of a security pocket: who is asked for it learns that this machine lacks the fix (pocket.ts). */
  readonly isSecurity?: boolean;
}

/** Where a file lies at an upstream, after the door has parsed it. Nobody looks at a request's URL after that. */
export interface Location {
  readonly scheme: 'http' | 'https';
  /** Lower case, with ":port" only when it isn't the scheme's default. */
  readonly host: string;
  /** Starts with "/", percent-decoded where that is safe (one normal form: "+" and "~" literal), no "." or ".." segments. */
  readonly path: string;
}

/** "host/path", the name people see and the key of catalogue look-ups (http and https share it). */
export function locationName(at: Location): string {
  return at.host + at.path;
}

/** The URL to ask an upstream for, percent-encoded anew. */
export function locationUrl(at: Location): string {
  return `${at.scheme}://${at.host}${encodePath(at.path)}`;
}

/** Encodes what may not stand in a path (RFC 3986 §3.3); "+" and "~" stay, as Debian's mirrors have them. */
function encodePath(path: string): string {
  return encodeURI(path).replace(/[?#]/g, (c) => (c === '?' ? '%3F' : '%23'));
}

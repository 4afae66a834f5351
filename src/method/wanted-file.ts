/**
 * One file that apt asks for (600 URI Acquire): what it must be, where it goes, and how the daemon is asked for it.
 * Pure. It decides what may be handed to apt's own methods instead: everything, but a Release would take all its
 * indexes along, as apt goes on where the Release came from.
 */
import { fieldOf, type Message } from './message.ts';

export interface WantedFile {
  /** As apt wrote it: its name in all answers. */
  readonly uri: string;
  /** The same without "debtorrent+": what apt can fetch without us. */
  readonly plainUri: string;
  /** For a daemon: "/host:80/path" or "/HTTPS///host/path"; undefined for a URI with credentials, which are none of its business. */
  readonly target: string | undefined;
  /** Latin1 of its bytes. Of `apt-get source` it is in the folder that apt runs in, as we do. */
  readonly fileName: string;
  readonly expected: Expected | undefined;
  readonly sizeBytes: number | undefined;
  /** For what has no expected size. */
  readonly maximumBytes: number | undefined;
  /** Of the copy that apt has already, as it wrote it. */
  readonly ifModifiedSince: string | undefined;
  /** InRelease, Release, Release.gpg: nothing says what they must be. */
  readonly isRelease: boolean;
}

/** The strongest hash that apt gave and that we know; hexadecimal, lower case. */
export interface Expected {
  readonly algorithm: 'sha256' | 'sha512';
  readonly hex: string;
}

/** Undefined when it isn't anything that we could answer for: no URI of ours, or no file name. */
export function wantedFile(message: Message): WantedFile | undefined {
  const uri = fieldOf(message, 'URI');
  const fileName = fieldOf(message, 'Filename');
  const match = /^debtorrent\+((https?):\/\/([^/?#]+)(\/.*)?)$/i.exec(uri ?? '');
  if (!match || uri === undefined || !fileName) return undefined;
  const [, plainUri = '', scheme = '', authority = '', path = '/'] = match;
  return {
    uri,
    plainUri,
    target: targetOf(scheme.toLowerCase(), authority, path),
    fileName,
    expected: expectedOf(message),
    sizeBytes: numberOf(fieldOf(message, 'Expected-Checksum-FileSize')),
    maximumBytes: numberOf(fieldOf(message, 'Maximum-Size')),
    ifModifiedSince: fieldOf(message, 'Last-Modified'),
    isRelease: /\/(?:InRelease|Release|Release\.gpg)$/.test(path),
  };
}

function targetOf(scheme: string, authority: string, path: string): string | undefined {
  if (authority.includes('@')) return undefined;
  if (scheme === 'https') return `/HTTPS///${authority}${path}`;
  // With a port, even a host without dots is one beyond doubt.
  return /:\d+$/.test(authority) ? `/${authority}${path}` : `/${authority}:80${path}`;
}

function expectedOf(message: Message): Expected | undefined {
  for (const [algorithm, length] of [
    ['sha256', 64],
    ['sha512', 128],
  ] as const) {
    const hex = fieldOf(message, `Expected-${algorithm}`)?.toLowerCase();
    if (hex?.length === length && /^[0-9a-f]+$/.test(hex)) return { algorithm, hex };
  }
  return undefined;
}

function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

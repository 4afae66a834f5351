/**
 * Magnet links: a torrent by its info-hashes alone, with where to meet and, if given, where to begin. Both ways; reading
 * passes over parameters it doesn't know and values that make no sense, but not a link without an info-hash.
 * Throws ProtocolError only. Pure. Source: BEP 9, BEP 52 (`urn:btmh`), BEP 53's `x.pe`.
 */
import { ProtocolError } from '../lib/errors.ts';
import { parseHostPort } from '../lib/host-port.ts';
import {
  type InfoHash,
  type InfoHashV2,
  infoHashFromBytes,
  parseInfoHash,
  parseInfoHashV2,
} from './info-hash.ts';

export interface Magnet {
  /** At least one of both is there. */
  readonly infoHashV1?: InfoHash | undefined;
  readonly infoHashV2?: InfoHashV2 | undefined;
  /** What to show until the metadata is here: a stranger's text. */
  readonly name?: string | undefined;
  readonly trackers: readonly string[];
  readonly webSeeds: readonly string[];
  /** "HOST:PORT". */
  readonly peers: readonly string[];
}

const MAX_CHARS = 64 * 1024;
const MAX_OF_EACH = 200;
const NAME_MAX_CHARS = 255;
const URL_MAX_CHARS = 2048;
/** A multihash: SHA-256, 32 bytes long. */
const SHA256_MULTIHASH = '1220';
const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

export function isMagnet(text: string): boolean {
  return /^magnet:\?/i.test(text);
}

export function parseMagnet(text: string): Magnet {
  if (!isMagnet(text))
    throw new ProtocolError('could not read magnet link: it does not begin with "magnet:?"');
  if (text.length > MAX_CHARS)
    throw new ProtocolError(`could not read magnet link: longer than ${MAX_CHARS} characters`);
  let infoHashV1: InfoHash | undefined;
  let infoHashV2: InfoHashV2 | undefined;
  let name: string | undefined;
  const trackers = new Set<string>();
  const webSeeds = new Set<string>();
  const peers = new Set<string>();
  for (const [key, value] of new URLSearchParams(text.slice('magnet:?'.length))) {
    // Numbered where there are several: "tr.1".
    const field = key === 'x.pe' ? key : key.replace(/\.\d+$/, '');
    if (field === 'xt') {
      infoHashV1 ??= v1Of(value);
      infoHashV2 ??= v2Of(value);
    } else if (field === 'dn') name ??= value.slice(0, NAME_MAX_CHARS);
    else if (field === 'tr') addUrl(trackers, value, ['http:', 'https:', 'udp:']);
    else if (field === 'ws') addUrl(webSeeds, value, ['http:', 'https:']);
    else if (field === 'x.pe' && (parseHostPort(value)?.port ?? 0) > 0 && peers.size < MAX_OF_EACH)
      peers.add(value);
  }
  if (infoHashV1 === undefined && infoHashV2 === undefined)
    throw new ProtocolError(
      'could not read magnet link: no info-hash in it ("xt=urn:btih:…" or "xt=urn:btmh:1220…")',
    );
  return {
    infoHashV1,
    infoHashV2,
    name,
    trackers: [...trackers],
    webSeeds: [...webSeeds],
    peers: [...peers],
  };
}

/** The link. Names and URLs are encoded, info-hashes are not. */
export function formatMagnet(magnet: Magnet): string {
  const { infoHashV1, infoHashV2, name, trackers, webSeeds, peers } = magnet;
  const parts: string[] = [];
  if (infoHashV1 !== undefined) parts.push(`xt=urn:btih:${infoHashV1}`);
  if (infoHashV2 !== undefined) parts.push(`xt=urn:btmh:${SHA256_MULTIHASH}${infoHashV2}`);
  if (name !== undefined) parts.push(`dn=${encodeURIComponent(name)}`);
  for (const url of trackers) parts.push(`tr=${encodeURIComponent(url)}`);
  for (const url of webSeeds) parts.push(`ws=${encodeURIComponent(url)}`);
  for (const peer of peers) parts.push(`x.pe=${encodeURIComponent(peer)}`);
  return `magnet:?${parts.join('&')}`;
}

/** 40 hexadecimal digits, or 32 of base32 as older links have it. */
function v1Of(urn: string): InfoHash | undefined {
  const digits = /^urn:btih:(.*)$/i.exec(urn)?.[1];
  if (digits === undefined) return undefined;
  return digits.length === 32 ? fromBase32(digits.toUpperCase()) : parseInfoHash(digits);
}

function v2Of(urn: string): InfoHashV2 | undefined {
  const digits = /^urn:btmh:(.*)$/i.exec(urn)?.[1];
  return digits?.startsWith(SHA256_MULTIHASH)
    ? parseInfoHashV2(digits.slice(SHA256_MULTIHASH.length))
    : undefined;
}

/** RFC 4648 §6. */
function fromBase32(text: string): InfoHash | undefined {
  const bytes = new Uint8Array(20);
  let bits = 0;
  let held = 0;
  let at = 0;
  for (const letter of text) {
    const value = BASE32.indexOf(letter);
    if (value < 0) return undefined;
    bits = ((bits << 5) | value) & 0xfff;
    held += 5;
    if (held < 8) continue;
    held -= 8;
    bytes[at++] = (bits >> held) & 0xff;
  }
  return infoHashFromBytes(bytes);
}

function addUrl(urls: Set<string>, text: string, schemes: readonly string[]): void {
  if (urls.size >= MAX_OF_EACH || text.length > URL_MAX_CHARS) return;
  if (schemes.includes(URL.parse(text)?.protocol ?? '')) urls.add(text);
}

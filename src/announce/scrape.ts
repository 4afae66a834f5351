/**
 * The HTTP tracker protocol's scrape, for both ends (BEP 48): how many peers each swarm has. The answer's dictionary
 * has raw info-hashes as keys. Decoders throw ProtocolError and nothing else.
 */
import { decodeDict, isDict } from '../bencode/decode.ts';
import { encode } from '../bencode/encode.ts';
import { getDict, getInt } from '../bencode/fields.ts';
import { keyFromBytes, keyToBytes } from '../bencode/value.ts';
import { ProtocolError } from '../lib/errors.ts';
import { ANSWER_LIMITS, twentyBytes, withQuery } from './http.ts';
import { parseQuery, percentEncode } from './query.ts';

/** Most info-hashes that one scrape may ask for. */
export const MAX_SCRAPE_HASHES = 74;

export interface ScrapeEntry {
  /** 20 bytes. */
  readonly infoHash: Uint8Array;
  /** Peers that have all. */
  readonly complete: number;
  /** Times that a peer said `completed`. */
  readonly downloaded: number;
  readonly incomplete: number;
}

/** The scrape URL of a tracker, or undefined when it has none: the last part of the path must begin with "announce". */
export function scrapeUrl(trackerUrl: string, infoHashes: readonly Uint8Array[]): string | undefined {
  const match = /^([^?#]*\/)announce([^/?#]*)([?#].*)?$/s.exec(trackerUrl);
  if (!match) return undefined;
  const query = infoHashes.map((infoHash) => `info_hash=${percentEncode(infoHash)}`).join('&');
  return withQuery(`${match[1]}scrape${match[2]}${match[3] ?? ''}`, query);
}

/** The info-hashes asked for; none means all swarms, which a tracker may refuse. Throws ProtocolError. */
export function parseScrapeQuery(query: string): Uint8Array[] {
  const hashes = parseQuery(query).get('info_hash') ?? [];
  if (hashes.length > MAX_SCRAPE_HASHES) throw new ProtocolError(`more than ${MAX_SCRAPE_HASHES} info_hash`);
  return hashes.map((infoHash) => twentyBytes(new Map([['info_hash', [infoHash]]]), 'info_hash'));
}

/** The answer's body. */
export function encodeScrapeAnswer(entries: readonly ScrapeEntry[]): Uint8Array {
  const files = Object.fromEntries(
    entries.map(({ infoHash, complete, downloaded, incomplete }) => [
      keyFromBytes(infoHash),
      { complete, downloaded, incomplete },
    ]),
  );
  return encode({ files });
}

/** The entries in the order of their info-hashes. */
export function decodeScrapeAnswer(body: Uint8Array): ScrapeEntry[] {
  const files = getDict(decodeDict(body, ANSWER_LIMITS), 'files');
  return Object.entries(files).map(([key, value]) => {
    const infoHash = keyToBytes(key);
    if (infoHash.length !== 20 || !isDict(value))
      throw new ProtocolError('"files" holds something else than swarms');
    return {
      infoHash,
      complete: getInt(value, 'complete'),
      downloaded: getInt(value, 'downloaded'),
      incomplete: getInt(value, 'incomplete'),
    };
  });
}

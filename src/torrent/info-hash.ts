/**
 * The 20-byte name of a swarm as a value that can't be mixed with other strings: 40 lower-case hexadecimal digits,
 * made only here. It is the SHA-1 of the bencoded `info` dictionary as it came. Source: BEP 3.
 */

export type InfoHash = string & { readonly __brand: 'InfoHash' };

const HEX40 = /^[0-9a-f]{40}$/;

/** The info-hash of the raw bytes of an `info` dictionary (never of a re-encoding: see bencode/slice.ts). */
export function infoHashOf(info: Uint8Array): InfoHash {
  return new Bun.CryptoHasher('sha1').update(info).digest('hex') as InfoHash;
}

/** Parses 40 hexadecimal digits of either case; undefined for anything else. */
export function parseInfoHash(hex: string): InfoHash | undefined {
  const lower = hex.toLowerCase();
  return HEX40.test(lower) ? (lower as InfoHash) : undefined;
}

/** Of 20 raw bytes, as handshakes and trackers have them. Throws RangeError for another length. */
export function infoHashFromBytes(bytes: Uint8Array): InfoHash {
  if (bytes.length !== 20) throw new RangeError(`an info-hash has 20 bytes, not ${bytes.length}`);
  return bytes.toHex() as InfoHash;
}

export function infoHashToBytes(infoHash: InfoHash): Uint8Array {
  return Uint8Array.fromHex(infoHash);
}

/** The whole 32-byte name of a torrent's v2 half: 64 lower-case hexadecimal digits, made only here. Source: BEP 52. */
export type InfoHashV2 = string & { readonly __brand: 'InfoHashV2' };

const HEX64 = /^[0-9a-f]{64}$/;

/** SHA-256 of the raw bytes of an `info` dictionary. */
export function infoHashV2Of(info: Uint8Array): InfoHashV2 {
  return new Bun.CryptoHasher('sha256').update(info).digest('hex') as InfoHashV2;
}

/** Parses 64 hexadecimal digits of either case; undefined for anything else. */
export function parseInfoHashV2(hex: string): InfoHashV2 | undefined {
  const lower = hex.toLowerCase();
  return HEX64.test(lower) ? (lower as InfoHashV2) : undefined;
}

/** What handshakes, trackers and the DHT take for a v2 info-hash: its first 20 bytes (BEP 52). */
export function shortInfoHash(infoHash: InfoHashV2): InfoHash {
  return infoHash.slice(0, 40) as InfoHash;
}

/**
 * A SHA-256 digest as a value that can't be mixed with other strings. It is how the whole program names
 * files ("key"): 64 lower-case hexadecimal digits, made only here. Source: FIPS 180-4.
 */

export type Sha256 = string & { readonly __brand: 'Sha256' };

const HEX64 = /^[0-9a-f]{64}$/;

/** Parses 64 hexadecimal digits of either case; undefined for anything else. */
export function parseSha256(hex: string): Sha256 | undefined {
  const lower = hex.toLowerCase();
  return HEX64.test(lower) ? (lower as Sha256) : undefined;
}

/** The key for 32 raw digest bytes. Throws RangeError for another length. */
export function sha256FromBytes(digest: Uint8Array): Sha256 {
  if (digest.length !== 32) throw new RangeError(`a SHA-256 digest has 32 bytes, not ${digest.length}`);
  return digest.toHex() as Sha256;
}

/** The 32 raw bytes of a key. */
export function sha256ToBytes(key: Sha256): Uint8Array {
  return Uint8Array.fromHex(key);
}

/** SHA-256 of bytes that are at hand as a whole. */
export function sha256Of(bytes: Uint8Array): Sha256 {
  return new Bun.CryptoHasher('sha256').update(bytes).digest('hex') as Sha256;
}

/**
 * What bencoding can say, as TypeScript types. Byte strings are Uint8Array; a dictionary is a plain object whose
 * keys hold one character a byte (Latin-1), so that keys which aren't text (`piece layers`, scrape `files`) keep
 * their bytes, and comparing keys compares bytes. For ASCII keys, that is nearly always, nothing is to be seen of this.
 * Read dictionaries through fields.ts only: a remote may name a key "constructor" or "__proto__". Source: BEP 3.
 */

export type BValue = number | Uint8Array | readonly BValue[] | BDict;

export interface BDict {
  readonly [key: string]: BValue;
}

/** What can be encoded: besides decoded values also text (as UTF-8) and bigint; a key whose value is undefined is left out. */
export type BInput = number | bigint | string | Uint8Array | readonly BInput[] | BInputDict;

export interface BInputDict {
  readonly [key: string]: BInput | undefined;
}

/** The key for raw bytes (an info-hash in scrape `files`, a root in `piece layers`). */
export function keyFromBytes(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

/** The raw bytes of a key. */
export function keyToBytes(key: string): Uint8Array {
  return new Uint8Array(Buffer.from(key, 'latin1'));
}

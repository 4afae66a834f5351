/**
 * The strict door around npm bencode: input is first validated by scan.ts, then turned into values.
 * The library does that for what peers and trackers usually send: small messages with ASCII keys, where it is fast and
 * its copies are welcome (a view would keep a whole socket buffer alive). It gets wrong, and reader code here does:
 * keys that aren't text (it turns them to hex), "__proto__" (it sets the prototype), and large blobs (it copies
 * the input and every string again). What it would accept though it is wrong (trailing bytes, duplicate or unsorted
 * keys, i007e, strings cut short, 2^53, endless nesting) never reaches it. Throws ProtocolError only. Source: BEP 3.
 */
import bencode from 'bencode';
import { ProtocolError } from '../lib/errors.ts';
import { type Limits, scan } from './scan.ts';
import type { BDict, BValue } from './value.ts';

/** Up to here byte strings are copies; beyond, views of the input. */
const COPY_MAX_BYTES = 16 * 1024;

/** Decodes input that is one canonical value and nothing after it. */
export function decodeStrict(bytes: Uint8Array, limits: Limits = {}): BValue {
  const { value, bytesUsed } = decodePrefix(bytes, limits);
  if (bytesUsed !== bytes.length) throw new ProtocolError('could not decode bencoding: trailing bytes');
  return value;
}

/** As decodeStrict(), for the usual case that the value must be a dictionary. */
export function decodeDict(bytes: Uint8Array, limits: Limits = {}): BDict {
  const value = decodeStrict(bytes, limits);
  if (!isDict(value)) throw new ProtocolError('could not decode bencoding: not a dictionary');
  return value;
}

/** Decodes the value at the start and says how long it was: ut_metadata's data follows its dictionary (BEP 9). */
export function decodePrefix(bytes: Uint8Array, limits: Limits = {}): { value: BValue; bytesUsed: number } {
  const { bytesUsed, plainKeys } = scan(bytes, limits);
  if (plainKeys && bytesUsed <= COPY_MAX_BYTES) {
    return { value: bencode.decode(bytes.subarray(0, bytesUsed)) as BValue, bytesUsed };
  }
  return { value: new Reader(bytes).value(), bytesUsed };
}

export function isDict(value: BValue): value is BDict {
  return typeof value === 'object' && !(value instanceof Uint8Array) && !Array.isArray(value);
}

/** Builds values from input that scan() has passed: no checks here, recursion as deep as `maxDepth` allows. */
class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  value(): BValue {
    switch (this.#bytes[this.#at]) {
      case 0x69: {
        const end = this.#bytes.indexOf(0x65, this.#at);
        const value = Number(this.#bytes.toString('latin1', this.#at + 1, end));
        this.#at = end + 1;
        return value;
      }
      case 0x6c: {
        const list: BValue[] = [];
        this.#at += 1;
        while (this.#bytes[this.#at] !== 0x65) list.push(this.value());
        this.#at += 1;
        return list;
      }
      case 0x64: {
        // Without a prototype "__proto__" is a key as any other.
        const dict: Record<string, BValue> = Object.create(null);
        this.#at += 1;
        while (this.#bytes[this.#at] !== 0x65) {
          const length = this.#enterString();
          const key = this.#bytes.toString('latin1', this.#at, this.#at + length);
          this.#at += length;
          dict[key] = this.value();
        }
        this.#at += 1;
        return dict;
      }
      default: {
        const length = this.#enterString();
        const from = this.#at;
        this.#at += length;
        return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + from, length);
      }
    }
  }

  /** Moves to a string's first byte, returns its length. */
  #enterString(): number {
    let length = 0;
    for (;;) {
      const byte = this.#bytes[this.#at++] as number;
      if (byte === 0x3a) return length;
      length = length * 10 + byte - 48;
    }
  }
}

/**
 * A dictionary whose large values aren't built: those are left as they came, to be walked through without holding more
 * than a part of them. For what strangers can make large at little cost, lists of a million files.
 * Throws ProtocolError only. Source: BEP 3.
 */
import { ProtocolError } from '../lib/errors.ts';
import { decodePrefix } from './decode.ts';
import { type Limits, scan } from './scan.ts';
import type { BDict, BValue } from './value.ts';

const DICT = 0x64;
const LIST = 0x6c;
const END = 0x65;
const COLON = 0x3a;

export interface Shallow {
  readonly dict: BDict;
  /** Raw values of the keys that were to be left alone, where they are there. */
  readonly raw: ReadonlyMap<string, Uint8Array>;
}

/**
 * Decodes one dictionary and nothing after it, but for the values under `apart`. `limits` hold for all of it, of what is
 * built each value has at most `maxBuiltItems` in it.
 */
export function decodeShallow(
  bytes: Uint8Array,
  apart: ReadonlySet<string>,
  limits: Limits & { readonly maxBuiltItems: number },
): Shallow {
  const { bytesUsed } = scan(bytes, limits);
  if (bytesUsed !== bytes.length) throw new ProtocolError('could not decode bencoding: trailing bytes');
  const dict: Record<string, BValue> = Object.create(null);
  const raw = new Map<string, Uint8Array>();
  for (const [key, value] of entries(bytes)) {
    if (apart.has(key)) raw.set(key, value);
    else dict[key] = decodePrefix(value, { ...limits, maxItems: limits.maxBuiltItems }).value;
  }
  return { dict, raw };
}

/** Keys and raw values of a dictionary that scan() has passed. Throws ProtocolError when it is something else. */
export function* entries(bytes: Uint8Array): Generator<readonly [string, Uint8Array]> {
  if (bytes[0] !== DICT) throw new ProtocolError('could not decode bencoding: not a dictionary');
  for (let at = 1; bytes[at] !== END; ) {
    const [key, from] = keyAt(bytes, at);
    const value = valueAt(bytes, from);
    yield [key, value];
    at = from + value.length;
  }
}

/** The key at `at`, in a dictionary that scan() has passed, and where its value begins. */
export function keyAt(bytes: Uint8Array, at: number): readonly [key: string, valueFrom: number] {
  const colon = bytes.indexOf(COLON, at);
  const to = colon + 1 + Number(textOf(bytes, at, colon));
  return [textOf(bytes, colon + 1, to), to];
}

/** Raw values of a list that scan() has passed. Throws ProtocolError when it is something else. */
export function* items(bytes: Uint8Array): Generator<Uint8Array> {
  if (bytes[0] !== LIST) throw new ProtocolError('could not decode bencoding: not a list');
  for (let at = 1; bytes[at] !== END; ) {
    const value = valueAt(bytes, at);
    yield value;
    at += value.length;
  }
}

const PASSED: Limits = {
  maxBytes: Number.MAX_SAFE_INTEGER,
  maxDepth: 1024,
  maxItems: Number.MAX_SAFE_INTEGER,
  anyKeyOrder: true,
};

/** The raw value that begins at `at`, of what scan() has passed. Walks over all that is in it. */
export function valueAt(bytes: Uint8Array, at: number): Uint8Array {
  const rest = bytes.subarray(at);
  return rest.subarray(0, scan(rest, PASSED).bytesUsed);
}

function textOf(bytes: Uint8Array, from: number, to: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('latin1');
}

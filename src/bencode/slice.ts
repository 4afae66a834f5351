/**
 * The raw bytes of one value of the outermost dictionary. An info-hash is over the bytes of `info` as they came,
 * never over a re-encoding of what was understood of them. Source: BEP 3, BEP 52.
 */
import { ProtocolError } from '../lib/errors.ts';
import { type Limits, scan } from './scan.ts';
import { keyToBytes } from './value.ts';

/** A view of the value under `key`; undefined when there is no such key. Throws ProtocolError as decodeStrict() does. */
export function rawValue(bytes: Uint8Array, key: string, limits: Limits = {}): Uint8Array | undefined {
  const { bytesUsed, slice } = scan(bytes, limits, keyToBytes(key));
  if (bytesUsed !== bytes.length) throw new ProtocolError('could not decode bencoding: trailing bytes');
  return slice && bytes.subarray(slice.from, slice.to);
}

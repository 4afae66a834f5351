/**
 * Numbers in the datagrams of the UDP tracker protocol, all big-endian (BEP 15). By hand and not by DataView, as a
 * tracker reads a few hundred thousand datagrams a second and would make a view for each.
 */
import { ProtocolError } from '../lib/errors.ts';

/** What a datagram is about; `ERROR` in answers only. */
export const CONNECT = 0;
export const ANNOUNCE = 1;
export const SCRAPE = 2;
export const ERROR = 3;

export const MAX_U31 = 2 ** 31 - 1;
export const U32 = 2 ** 32;

export function readU32(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16);
  return (high | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)) >>> 0;
}

export function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

export function writeU16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

export function cutShort(what: string): ProtocolError {
  return new ProtocolError(`the ${what} is cut short`);
}

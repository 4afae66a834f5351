/**
 * Node ids that are bound to an address, so that nobody can choose where in the DHT they sit: the first 21 bits come
 * from a CRC-32C of the masked address, the last byte says which. Pure. Spec: BEP 42 (IPv4).
 */
import { NODE_ID_BYTES } from './krpc.ts';

const MASK = [0x03, 0x0f, 0x3f, 0xff] as const;
/** CRC-32C (Castagnoli), reflected. */
const POLYNOMIAL = 0x82f63b78;

/** An id for the node at `address` (4 bytes), out of 20 bytes of chance. */
export function nodeIdAt(address: Uint8Array, random: Uint8Array): Uint8Array {
  const id = Uint8Array.from(random.subarray(0, NODE_ID_BYTES));
  const crc = prefixCrc(address, (random[NODE_ID_BYTES - 1] ?? 0) & 7);
  id[0] = crc >>> 24;
  id[1] = crc >>> 16;
  id[2] = ((crc >>> 8) & 0xf8) | ((random[2] ?? 0) & 7);
  return id;
}

/** Whether a node at `address` (4 bytes) may have this id. */
export function isNodeIdAt(id: Uint8Array, address: Uint8Array): boolean {
  const crc = prefixCrc(address, (id[NODE_ID_BYTES - 1] ?? 0) & 7);
  const [a = 0, b = 0, c = 0] = id;
  return a === crc >>> 24 && b === ((crc >>> 16) & 0xff) && (c & 0xf8) === ((crc >>> 8) & 0xf8);
}

function prefixCrc(address: Uint8Array, r: number): number {
  const masked = MASK.map((mask, i) => (address[i] ?? 0) & mask);
  masked[0] = (masked[0] ?? 0) | (r << 5);
  return crc32c(masked);
}

function crc32c(bytes: readonly number[]): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? POLYNOMIAL : 0);
  }
  return ~crc >>> 0;
}

/**
 * One bit a piece, the first in the high bit, as BITFIELD has them. What a peer sends is checked here: its length must
 * fit, and the bits beyond the last piece must be 0. Pure. Source: BEP 3.
 */
import { ProtocolError } from '../lib/errors.ts';

const BITS = Uint8Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll('0', '').length);

export class Bitfield {
  readonly length: number;
  readonly bytes: Uint8Array;
  #count = 0;

  /** `bytes` are taken, not copied; empty unless given. Throws ProtocolError. */
  constructor(length: number, bytes?: Uint8Array) {
    this.length = length;
    this.bytes = bytes ?? new Uint8Array(Math.ceil(length / 8));
    if (!bytes) return;
    if (bytes.length !== Math.ceil(length / 8))
      throw new ProtocolError(`a bitfield of ${bytes.length} bytes for ${length} pieces`);
    const spare = bytes.length * 8 - length;
    if (spare > 0 && ((bytes.at(-1) as number) & ((1 << spare) - 1)) !== 0)
      throw new ProtocolError('a bitfield with bits beyond the last piece');
    for (const byte of bytes) this.#count += BITS[byte] as number;
  }

  static full(length: number): Bitfield {
    const bytes = new Uint8Array(Math.ceil(length / 8)).fill(0xff);
    const spare = bytes.length * 8 - length;
    if (spare > 0) bytes[bytes.length - 1] = (0xff << spare) & 0xff;
    return new Bitfield(length, bytes);
  }

  /** Bits that are set. */
  get count(): number {
    return this.#count;
  }

  get isFull(): boolean {
    return this.#count === this.length;
  }

  has(index: number): boolean {
    return ((this.bytes[index >> 3] as number) & (0x80 >> (index & 7))) !== 0;
  }

  /** Those that are set, in order. */
  *indices(): Generator<number> {
    for (let at = 0; at < this.bytes.length; at += 1) {
      const byte = this.bytes[at] as number;
      if (byte === 0) continue;
      for (let bit = 0; bit < 8; bit += 1) if (byte & (0x80 >> bit)) yield at * 8 + bit;
    }
  }

  /** False when it was set already. */
  set(index: number): boolean {
    if (this.has(index)) return false;
    this.bytes[index >> 3] = (this.bytes[index >> 3] as number) | (0x80 >> (index & 7));
    this.#count += 1;
    return true;
  }

  setAll(): void {
    for (let i = 0; i < this.length; i += 1) this.set(i);
  }

  /** False when it was not set. */
  clear(index: number): boolean {
    if (!this.has(index)) return false;
    this.bytes[index >> 3] = (this.bytes[index >> 3] as number) & ~(0x80 >> (index & 7));
    this.#count -= 1;
    return true;
  }
}

/**
 * Whose fault a wrong piece is. Sent by one peer alone: that one's. Sent by several: nobody is blamed yet; what each
 * sent is remembered as a hash, and when the piece has come out right, whoever sent another block than the right one is
 * told. What came from a web seed is blamed on it in the same way. Pure; bounded: the pieces that failed first are
 * forgotten first.
 */
import { BLOCK_BYTES } from '../wire/message.ts';

const MAX_PIECES = 64;

interface Wrong<P> {
  readonly senders: readonly (P | undefined)[];
  /** Of each block. */
  readonly hashes: readonly bigint[];
}

export class Blame<P> {
  /** Of each piece the tries that came out wrong. */
  readonly #wrong = new Map<number, Wrong<P>[]>();

  /** The one who alone sent it; undefined when that can't be told yet. */
  wrong(piece: number, bytes: Uint8Array, senders: readonly (P | undefined)[]): P | undefined {
    const [first] = senders;
    if (first !== undefined && senders.every((sender) => sender === first)) return first;
    const tries = this.#wrong.get(piece) ?? [];
    tries.push({ senders, hashes: senders.map((_, block) => hashOf(bytes, block)) });
    this.#wrong.delete(piece);
    this.#wrong.set(piece, tries.slice(-4));
    if (this.#wrong.size > MAX_PIECES) {
      const [oldest] = this.#wrong.keys();
      if (oldest !== undefined) this.#wrong.delete(oldest);
    }
    return undefined;
  }

  /** It has come out right: those that sent something else before. */
  right(piece: number, bytes: Uint8Array): Set<P> {
    const liars = new Set<P>();
    for (const { senders, hashes } of this.#wrong.get(piece) ?? []) {
      senders.forEach((sender, block) => {
        if (sender !== undefined && hashes[block] !== hashOf(bytes, block)) liars.add(sender);
      });
    }
    this.#wrong.delete(piece);
    return liars;
  }

  /** It came out wrong before. */
  isSuspect(piece: number): boolean {
    return this.#wrong.has(piece);
  }
}

/** Of one process and one moment, so it needn't withstand anybody but chance; 64 bits of SHA-1 all the same. */
function hashOf(bytes: Uint8Array, block: number): bigint {
  const digest = Bun.SHA1.hash(bytes.subarray(block * BLOCK_BYTES, (block + 1) * BLOCK_BYTES)) as Uint8Array;
  return Buffer.from(digest.buffer, digest.byteOffset, 8).readBigUInt64LE();
}

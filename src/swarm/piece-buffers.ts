/**
 * Memory for pieces that are on their way: buffers that have been used, by length, as at a gigabyte a second the
 * collector would trail far behind. Shared by all peers; holds a few windows' worth. A simulator, whose bytes are all
 * alike, hands in its own.
 */
import { BLOCK_BYTES } from '../wire/message.ts';

export interface PieceBuffers {
  /** A buffer of exactly this length, of any content. */
  take(lengthBytes: number): Uint8Array;
  /** The bytes of a piece that nobody looks at any more. */
  give(bytes: Uint8Array): void;
}

const MAX_SPARE_BYTES = 16 * 1024 * 1024;
const MAX_LENGTHS = 64;

const spare = new Map<number, Uint8Array[]>();
let spareBytes = 0;

export const pieceBuffers: PieceBuffers = {
  take(lengthBytes) {
    const found = spare.get(lengthBytes)?.pop();
    if (!found) return new Uint8Array(lengthBytes);
    spareBytes -= lengthBytes;
    return found;
  },

  give(bytes) {
    if (bytes.length < BLOCK_BYTES || spareBytes + bytes.length > MAX_SPARE_BYTES) return;
    const list = spare.get(bytes.length);
    if (!list && spare.size >= MAX_LENGTHS) return;
    spareBytes += bytes.length;
    if (list) list.push(bytes);
    else spare.set(bytes.length, [bytes]);
  },
};

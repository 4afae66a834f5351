/**
 * Memory for pieces that are on their way: buffers that have been used, as at a gigabyte a second the collector would
 * trail far behind, and memory that was never touched is a fault a page. Lengths are powers of two from a block up, so
 * that a small file's buffer, whose length is its own, serves the next one. Shared by all peers; holds a few windows'
 * worth. A simulator, whose bytes are all alike, hands in its own.
 */
import { BLOCK_BYTES } from '../wire/message.ts';

export interface PieceBuffers {
  /** A buffer of exactly this length, of any content. */
  take(lengthBytes: number): Uint8Array;
  /** The bytes of a piece, as they were taken, that nobody looks at any more. */
  give(bytes: Uint8Array): void;
}

const MAX_SPARE_BYTES = 16 * 1024 * 1024;

/** By length. */
const spare = new Map<number, Uint8Array[]>();
let spareBytes = 0;

export const pieceBuffers: PieceBuffers = {
  take(lengthBytes) {
    const roomBytes = roomFor(lengthBytes);
    const found = spare.get(roomBytes)?.pop();
    if (found) spareBytes -= roomBytes;
    const whole = found ?? new Uint8Array(roomBytes);
    return lengthBytes === roomBytes ? whole : whole.subarray(0, lengthBytes);
  },

  give(bytes) {
    const roomBytes = bytes.buffer.byteLength;
    if (spareBytes + roomBytes > MAX_SPARE_BYTES) return;
    spareBytes += roomBytes;
    // The very view that was taken, where it is of the whole: who hashes it knows it again (merkle.ts).
    const whole = bytes.length === roomBytes ? bytes : new Uint8Array(bytes.buffer);
    const list = spare.get(roomBytes);
    if (list) list.push(whole);
    else spare.set(roomBytes, [whole]);
  },
};

function roomFor(lengthBytes: number): number {
  let roomBytes = BLOCK_BYTES;
  while (roomBytes < lengthBytes) roomBytes *= 2;
  return roomBytes;
}

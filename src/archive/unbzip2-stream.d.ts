/** The part of npm unbzip2-stream 1.4.3 that is used here (its core, not its stream); the package brings no types. */
declare module 'unbzip2-stream/lib/bit_iterator.js' {
  /** Reads that many bits; null goes to the next whole byte. */
  export interface BitReader {
    (bits: number | null): number;
    readonly bytesRead: number;
  }
  /** `nextBuffer` is called when the one before is used up, and at once. Reading on beyond the last one throws. */
  export default function bitIterator(nextBuffer: () => Uint8Array | undefined): BitReader;
}

declare module 'unbzip2-stream/lib/bzip2.js' {
  import type { BitReader } from 'unbzip2-stream/lib/bit_iterator.js';

  const bzip2: {
    /** Reads a stream's header; the result is its block size in 100 kB. Throws. */
    header(bits: BitReader): number;
    /**
     * Decodes one block, calls `put` for each byte; the result is the stream's CRC so far, or null when there was
     * no block but the stream's end. Throws for what is damaged.
     */
    decompress(
      bits: BitReader,
      put: (byte: number) => void,
      work: Int32Array,
      workLength: number,
      crc: number,
    ): number | null;
  };
  export default bzip2;
}

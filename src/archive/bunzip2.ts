/**
 * Streams bzip2 by the decoder of npm unbzip2-stream, block by block. Its own stream collects output in arrays of
 * numbers (eight bytes each), and can't be stopped within a block: 46 MB may come out of fifty bytes. Here a block's
 * bytes go into one buffer, and the cap holds at every byte. Concatenated streams (pbzip2's) are one content.
 */
import bitIterator, { type BitReader } from 'unbzip2-stream/lib/bit_iterator.js';
import bzip2 from 'unbzip2-stream/lib/bzip2.js';
import { ProtocolError } from '../lib/errors.ts';

const LEVEL_BYTES = 100_000;
/** A block that doesn't compress is a little longer than its content. */
const MARGIN_BYTES = 25_000;
const HEADER_BYTES = 4;

/** Throws whatever the decoder does for damaged data, ProtocolError beyond `maxOutputBytes`. Blocks the thread. */
export async function* bunzip2(
  chunks: AsyncIterable<Uint8Array>,
  maxOutputBytes: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  const queue: Uint8Array[] = [];
  const source = chunks[Symbol.asyncIterator]();
  const output = new BlockOutput(maxOutputBytes);
  let bits: BitReader | undefined;
  let work = new Int32Array(0);
  let fedBytes = 0;
  let ended = false;
  /** In 100 kB; 0 between streams. */
  let level = 0;
  let crc = 0;
  for (;;) {
    const needBytes = level === 0 ? HEADER_BYTES : MARGIN_BYTES + level * LEVEL_BYTES;
    while (!ended && fedBytes - (bits?.bytesRead ?? 0) < needBytes) {
      const next = await source.next();
      if (next.done) {
        ended = true;
      } else {
        fedBytes += next.value.length;
        queue.push(next.value.slice());
      }
    }
    bits ??= bitIterator(() => queue.shift());
    if (level === 0) {
      if (fedBytes > 0 && fedBytes === bits.bytesRead) return;
      level = bzip2.header(bits);
      crc = 0;
      if (work.length < level * LEVEL_BYTES) work = new Int32Array(level * LEVEL_BYTES);
      continue;
    }
    const after = bzip2.decompress(bits, output.put, work, level * LEVEL_BYTES, crc);
    if (after === null) {
      level = 0;
    } else {
      crc = after;
      yield output.take();
    }
  }
}

/** One block's bytes. */
class BlockOutput {
  readonly #maxBytes: number;
  #bytes = new Uint8Array(1 << 20);
  #length = 0;
  #total = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  readonly put = (byte: number): void => {
    if (this.#length === this.#bytes.length) {
      const larger = new Uint8Array(this.#bytes.length * 2);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes[this.#length++] = byte;
    this.#total += 1;
    if (this.#total > this.#maxBytes) {
      throw new ProtocolError(`could not decompress: there is more than ${this.#maxBytes} bytes in it`);
    }
  };

  /** Valid until the next put(). */
  take(): Uint8Array {
    const taken = this.#bytes.subarray(0, this.#length);
    this.#length = 0;
    return taken;
  }
}

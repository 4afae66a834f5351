/**
 * Streams lz4 frames, block by block: apt keeps its lists so where Acquire::GzipIndexes is set (it takes the cheapest
 * compressor). It holds one block and the 64 KiB before it that the block may refer to. Checksums in the frame are
 * passed over: whoever reads an index proves its SHA-256. Concatenated and skippable frames are one content.
 * Source: the lz4 frame format 1.6.4 and block format, github.com/lz4/lz4 doc/.
 */
import { ProtocolError } from '../lib/errors.ts';

const FRAME_MAGIC = 0x184d2204;
const SKIPPABLE_MAGIC = 0x184d2a50;
const WINDOW_BYTES = 64 << 10;
const MIN_MATCH = 4;
/** By the block size number in BD; 0 to 3 are not given out. */
const BLOCK_BYTES: readonly number[] = [0, 0, 0, 0, 64 << 10, 256 << 10, 1 << 20, 4 << 20];

/** Each chunk is valid until the next is asked for. Throws ProtocolError for what is damaged or cut short. */
export async function* unlz4(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const input = new Bytes(chunks);
  for (let isFirst = true; ; isFirst = false) {
    const head = await input.take(4, true);
    if (head === undefined && !isFirst) return;
    const magic = head?.readUInt32LE(0);
    if (magic !== undefined && (magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) {
      await input.skip((await input.need(4)).readUInt32LE(0));
    } else if (magic === FRAME_MAGIC) {
      yield* frame(input);
    } else {
      throw new ProtocolError('could not decompress: this is no lz4 frame');
    }
  }
}

async function* frame(input: Bytes): AsyncGenerator<Uint8Array, void, undefined> {
  const [flags, descriptor] = (await input.need(2)) as unknown as [number, number];
  const maxBlockBytes = BLOCK_BYTES[(descriptor >> 4) & 7] ?? 0;
  if (flags >> 6 !== 1 || maxBlockBytes === 0 || (flags & 1) !== 0)
    throw new ProtocolError('could not decompress: an lz4 frame of an unknown kind');
  const isLinked = (flags & 0x20) === 0;
  const hasBlockChecksum = (flags & 0x10) !== 0;
  // Content size, then the header's own checksum.
  await input.skip(((flags & 8) === 0 ? 0 : 8) + 1);
  const output = Buffer.alloc(WINDOW_BYTES + maxBlockBytes);
  let from = 0;
  for (;;) {
    const word = (await input.need(4)).readUInt32LE(0);
    if (word === 0) break;
    const sizeBytes = word & 0x7fffffff;
    if (sizeBytes > maxBlockBytes) throw new ProtocolError('could not decompress: an lz4 block is too long');
    const block = await input.need(sizeBytes);
    let to: number;
    if (word >>> 31 === 1) {
      block.copy(output, from);
      to = from + sizeBytes;
    } else {
      to = unpackBlock(block, output, from, from + maxBlockBytes, isLinked ? 0 : from);
    }
    if (hasBlockChecksum) await input.skip(4);
    // No Buffer: whoever copies a chunk with slice() must get a copy.
    yield new Uint8Array(output.buffer, output.byteOffset + from, to - from);
    const keptBytes = isLinked ? Math.min(to, WINDOW_BYTES) : 0;
    output.copyWithin(0, to - keptBytes, to);
    from = keptBytes;
  }
  if ((flags & 4) !== 0) await input.skip(4);
}

/** Writes the block's content at `at` and says where it ends; matches reach back to `lowest`. */
function unpackBlock(block: Buffer, output: Buffer, at: number, limit: number, lowest: number): number {
  const damaged = () => new ProtocolError('could not decompress: an lz4 block is damaged');
  let i = 0;
  let o = at;
  const longer = (length: number): number => {
    let sum = length;
    for (let byte = 255; byte === 255; i += 1) {
      if (i >= block.length) throw damaged();
      byte = block[i] as number;
      sum += byte;
    }
    return sum;
  };
  while (i < block.length) {
    const token = block[i++] as number;
    const literals = token >> 4 === 15 ? longer(15) : token >> 4;
    if (i + literals > block.length || o + literals > limit) throw damaged();
    for (const end = i + literals; i < end; ) output[o++] = block[i++] as number;
    if (i === block.length) return o;
    if (i + 2 > block.length) throw damaged();
    const distance = (block[i] as number) | ((block[i + 1] as number) << 8);
    i += 2;
    const length = ((token & 15) === 15 ? longer(15) : token & 15) + MIN_MATCH;
    const source = o - distance;
    if (distance === 0 || source < lowest || o + length > limit) throw damaged();
    // Byte by byte: a match may overlap what it makes.
    for (let m = source, end = o + length; o < end; ) output[o++] = output[m++] as number;
  }
  throw damaged();
}

/** A stream's bytes by count. */
class Bytes {
  readonly #source: AsyncIterator<Uint8Array>;
  #held: Buffer[] = [];
  #heldBytes = 0;

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#source = chunks[Symbol.asyncIterator]();
  }

  /** Exactly so many; undefined at the very end where that is allowed. Throws ProtocolError when there are fewer. */
  async take(count: number, mayEnd = false): Promise<Buffer | undefined> {
    while (this.#heldBytes < count) {
      const { done, value } = await this.#source.next();
      if (done) {
        if (mayEnd && this.#heldBytes === 0) return undefined;
        throw new ProtocolError('could not decompress: the data is cut short');
      }
      this.#held.push(Buffer.from(value));
      this.#heldBytes += value.length;
    }
    const [first] = this.#held;
    const all = first !== undefined && first.length >= count ? first : Buffer.concat(this.#held);
    this.#held = first === all ? this.#held.slice(1) : [];
    if (all.length > count) this.#held.unshift(all.subarray(count));
    this.#heldBytes -= count;
    return all.subarray(0, count);
  }

  async need(count: number): Promise<Buffer> {
    return (await this.take(count)) ?? Buffer.alloc(0);
  }

  async skip(count: number): Promise<void> {
    for (let left = count; left > 0; ) {
      const step = Math.min(left, WINDOW_BYTES);
      await this.need(step);
      left -= step;
    }
  }
}

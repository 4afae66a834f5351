/**
 * Decompresses an index as it streams by. The format is told by its first bytes (by-hash names have no suffix, and a
 * suffix proves nothing); gzip, xz, zstd, bzip2, lz4 and plain text are read, lzma is named and refused.
 * Output is bounded: beyond `maxOutputBytes` it is a ProtocolError, as is everything a decoder objects to.
 *
 * xz and bzip2 run in this thread and block it while they work (about a second for 50 MB): the daemon never calls
 * this itself, its child process does (build-table.ts). xz-decompress runs one stream at a time in a process.
 */
import { XzReadableStream } from 'xz-decompress';
import { ProtocolError, UnavailableError } from '../lib/errors.ts';
import { bunzip2 } from './bunzip2.ts';
import { unlz4 } from './unlz4.ts';

export type Compression = 'gzip' | 'xz' | 'zstd' | 'bzip2' | 'lz4' | 'lzma' | 'plain';

const MAGIC: readonly (readonly [Compression, readonly number[]])[] = [
  ['gzip', [0x1f, 0x8b, 0x08]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
  ['bzip2', [0x42, 0x5a, 0x68]],
  ['lz4', [0x04, 0x22, 0x4d, 0x18]],
  ['lzma', [0x5d, 0x00, 0x00]],
];
/** Enough first bytes for detectCompression(). */
export const MAGIC_BYTES = 6;
/** The largest index known (all of Ubuntu's Contents) is under 1 GB. */
const DEFAULT_MAX_OUTPUT_BYTES = 2 ** 30;
/** What a decoder is given at once, so that one step's output stays small. */
const INPUT_STEP_BYTES = 64 << 10;

/** Tells the format by the first MAGIC_BYTES bytes (fewer where the file is shorter). */
export function detectCompression(head: Uint8Array): Compression {
  for (const [compression, magic] of MAGIC) {
    if (head.length >= magic.length && magic.every((byte, i) => head[i] === byte)) return compression;
  }
  return 'plain';
}

/**
 * The decompressed bytes of `source`, in order, each chunk valid until the next is asked for. Throws ProtocolError
 * for damaged, truncated or too long data, UnavailableError for a format that can't be read, and passes the errors
 * of `source` itself on.
 */
export async function* decompress(
  source: AsyncIterable<Uint8Array>,
  options: { readonly maxOutputBytes?: number } = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const maxOutputBytes = options.maxOutputBytes ?? DEFAULT_MAX_OUTPUT_BYTES;
  const input = new Input(source);
  try {
    const head = await input.head();
    let outputBytes = 0;
    for await (const chunk of decoded(detectCompression(head), input, maxOutputBytes)) {
      outputBytes += chunk.length;
      if (outputBytes > maxOutputBytes) throw tooLong(maxOutputBytes);
      yield chunk;
    }
  } catch (error) {
    if (input.failure !== undefined) throw input.failure;
    if (error instanceof ProtocolError || error instanceof UnavailableError) throw error;
    throw new ProtocolError('could not decompress: the data is damaged or cut short', { cause: error });
  } finally {
    await input.close();
  }
}

function decoded(compression: Compression, input: Input, maxOutputBytes: number): AsyncIterable<Uint8Array> {
  switch (compression) {
    case 'plain':
      return input.chunks();
    case 'gzip':
      return drain(input.stream().pipeThrough(new DecompressionStream('gzip')));
    case 'zstd':
      // Bun's, beyond what the DOM types know.
      return drain(input.stream().pipeThrough(new DecompressionStream('zstd' as 'gzip')));
    case 'xz':
      return drain(new XzReadableStream(input.stream()));
    case 'bzip2':
      return bunzip2(input.chunks(), maxOutputBytes);
    case 'lz4':
      return unlz4(input.chunks());
    default:
      throw new UnavailableError(`could not decompress: ${compression} is not supported`);
  }
}

/** A stream's chunks; leaving early cancels the stream. */
async function* drain(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  let complete = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      complete = done;
      if (done) return;
      yield value;
    }
  } finally {
    if (!complete) await reader.cancel().catch(() => {});
  }
}

/** The source, cut into small steps, with its first bytes looked at beforehand and its own failure remembered. */
class Input {
  readonly #iterator: AsyncIterator<Uint8Array>;
  #pending: Uint8Array = new Uint8Array(0);
  #ended = false;
  failure: unknown;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#iterator = source[Symbol.asyncIterator]();
  }

  async head(): Promise<Uint8Array> {
    while (this.#pending.length < MAGIC_BYTES) {
      const chunk = await this.#read();
      if (chunk === undefined) break;
      this.#pending = Buffer.concat([this.#pending, chunk]);
    }
    return this.#pending.subarray(0, MAGIC_BYTES);
  }

  async *chunks(): AsyncGenerator<Uint8Array> {
    for (let chunk = await this.#next(); chunk !== undefined; chunk = await this.#next()) yield chunk;
  }

  stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return new ReadableStream<Uint8Array<ArrayBuffer>>(
      {
        pull: async (controller) => {
          const chunk = await this.#next();
          if (chunk === undefined) controller.close();
          // A copy: the decoders keep what they are given, the source may use its memory again.
          else controller.enqueue(chunk.slice());
        },
      },
      { highWaterMark: 0 },
    );
  }

  async close(): Promise<void> {
    if (!this.#ended) await this.#iterator.return?.();
    this.#ended = true;
  }

  async #next(): Promise<Uint8Array | undefined> {
    while (this.#pending.length === 0) {
      const chunk = await this.#read();
      if (chunk === undefined) return undefined;
      this.#pending = chunk;
    }
    const step = this.#pending.subarray(0, INPUT_STEP_BYTES);
    this.#pending = this.#pending.subarray(step.length);
    return step;
  }

  async #read(): Promise<Uint8Array | undefined> {
    if (this.#ended) return undefined;
    try {
      const { done, value } = await this.#iterator.next();
      if (!done) return value;
    } catch (error) {
      this.failure = error;
      this.#ended = true;
      throw error;
    }
    this.#ended = true;
    return undefined;
  }
}

function tooLong(maxOutputBytes: number): ProtocolError {
  return new ProtocolError(`could not decompress: there is more than ${maxOutputBytes} bytes in it`);
}

/** How fast a TCP stream of peer messages is cut: large payloads pass through untouched, small messages are decoded. */
import { Framer, type FramerSink } from '../../src/wire/framer.ts';
import { encodeHave, encodePiece } from '../../src/wire/message.ts';
import { type Figure, frequency } from './figure.ts';

const CHUNK_BYTES = 64 * 1024;
const STREAM_BYTES = 64 * 2 ** 20;
const SMALL_MESSAGES = 500_000;

export async function framerFigures(): Promise<Figure[]> {
  const have = encodeHave(7);
  const haves = stream(have, SMALL_MESSAGES * have.length);
  return [
    await pieces(16),
    await pieces(128),
    await frequency('framer: HAVEs', SMALL_MESSAGES, () => push(haves)),
  ];
}

/** In messages, not bytes: no byte of a payload is touched. */
function pieces(kibibytes: number): Promise<Figure> {
  const message = encodePiece(1, 0, new Uint8Array(kibibytes * 1024));
  const chunks = stream(message, STREAM_BYTES);
  const count = Math.floor(STREAM_BYTES / message.length);
  return frequency(`framer: PIECEs of ${kibibytes} KiB in chunks of 64 KiB`, count, () => push(chunks));
}

/** The message over and over, about so many bytes, in chunks that tear it as TCP does. */
function stream(message: Uint8Array, bytes: number): Uint8Array[] {
  const all = Buffer.concat(Array.from({ length: Math.floor(bytes / message.length) }, () => message));
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < all.length; at += CHUNK_BYTES) chunks.push(all.subarray(at, at + CHUNK_BYTES));
  return chunks;
}

function push(chunks: readonly Uint8Array[]): void {
  let messages = 0;
  const sink: FramerSink = {
    message() {
      messages += 1;
    },
    pieceStart() {},
    pieceData() {},
    pieceEnd() {
      messages += 1;
    },
  };
  const framer = new Framer(sink);
  for (const chunk of chunks) framer.push(chunk);
  if (messages === 0) throw new Error('no message came out of the framer');
}

import { describe, expect, test } from 'bun:test';
import { ProtocolError } from '../../src/lib/errors.ts';
import { Framer, type FramerSink } from '../../src/wire/framer.ts';
import {
  encodeBitfield,
  encodeExtended,
  encodeHave,
  encodeKeepAlive,
  encodeMessage,
  encodePiece,
  encodePieceHeader,
  MAX_REQUEST_BYTES,
  type Message,
} from '../../src/wire/message.ts';
import { everyMessage, join, randomBytes, seeded } from './samples.ts';

/** Puts pieces together again and checks the sink's contract on the way. */
class Recorder implements FramerSink {
  readonly messages: Message[] = [];
  views = 0;
  #piece: { index: number; begin: number; lengthBytes: number; parts: Uint8Array[] } | undefined;

  message(message: Message): void {
    if (this.#piece) throw new Error('a message inside a piece');
    this.messages.push(message);
  }
  pieceStart(index: number, begin: number, lengthBytes: number): void {
    if (this.#piece) throw new Error('a piece inside a piece');
    this.#piece = { index, begin, lengthBytes, parts: [] };
  }
  pieceData(bytes: Uint8Array): void {
    if (bytes.length === 0) throw new Error('empty data');
    this.views += 1;
    this.#piece?.parts.push(bytes.slice());
  }
  pieceEnd(): void {
    if (!this.#piece) throw new Error('an end without a start');
    const { index, begin, lengthBytes, parts } = this.#piece;
    const payload = join(...parts);
    if (payload.length !== lengthBytes) throw new Error('a piece of another length');
    this.messages.push({ type: 'piece', index, begin, payload });
    this.#piece = undefined;
  }
}

function frame(...chunks: readonly Uint8Array[]): Recorder {
  const recorder = new Recorder();
  const framer = new Framer(recorder);
  for (const chunk of chunks) framer.push(chunk);
  return recorder;
}

describe('Framer', () => {
  const all = everyMessage();
  const stream = join(...all.map(encodeMessage));

  test('gives every kind of message out of one chunk', () => {
    expect(frame(stream).messages).toEqual(all);
  });

  test('gives the same messages wherever the stream is cut in two', () => {
    for (let cut = 0; cut <= stream.length; cut += 1) {
      expect(frame(stream.subarray(0, cut), stream.subarray(cut)).messages).toEqual(all);
    }
  });

  test('gives the same messages byte by byte', () => {
    const bytes = Array.from(stream, (_, at) => stream.subarray(at, at + 1));
    expect(frame(...bytes).messages).toEqual(all);
  });

  test('gives the same messages for chunks of random sizes', () => {
    const draw = seeded(5);
    const sent = Array.from({ length: 300 }, (): Message => {
      const pick = all[draw(all.length)] as Message;
      if (pick.type === 'piece') return { ...pick, payload: randomBytes(draw, draw(5000)) };
      if (pick.type === 'extended') return { ...pick, payload: randomBytes(draw, draw(5000)) };
      return pick;
    });
    const bytes = join(...sent.map(encodeMessage));
    for (let round = 0; round < 20; round += 1) {
      const chunks: Uint8Array[] = [];
      for (let at = 0; at < bytes.length; ) {
        const size = 1 + draw(2 ** (1 + draw(14)));
        chunks.push(bytes.subarray(at, at + size));
        at += size;
      }
      expect(frame(...chunks).messages).toEqual(sent);
    }
  });

  test('delivers a message with its last byte, not with the next chunk', () => {
    const recorder = new Recorder();
    const framer = new Framer(recorder);
    all.forEach((message, index) => {
      framer.push(encodeMessage(message));
      expect(recorder.messages.length).toBe(index + 1);
      expect(framer.idle).toBe(true);
    });
  });

  test('gives PIECE payload as views of the chunk, without copying', () => {
    const chunk = encodePiece(1, 0, new Uint8Array(100).fill(9));
    let buffer: unknown;
    const framer = new Framer({
      message: () => {},
      pieceStart: () => {},
      pieceData: (bytes) => {
        buffer = bytes.buffer;
      },
      pieceEnd: () => {},
    });
    framer.push(chunk);
    expect(buffer).toBe(chunk.buffer);
  });

  test('gives the payload of a PIECE as it comes, before its end', () => {
    const recorder = new Recorder();
    const framer = new Framer(recorder);
    framer.push(encodePieceHeader(1, 0, 1000));
    framer.push(new Uint8Array(400));
    expect(recorder.views).toBe(1);
    expect(recorder.messages).toEqual([]);
    expect(framer.idle).toBe(false);
    framer.push(new Uint8Array(600));
    expect(recorder.messages.length).toBe(1);
    expect(framer.idle).toBe(true);
  });

  test('takes a PIECE of 256 KiB in one chunk of 512 KiB and refuses a longer one at its header', () => {
    const piece = encodePiece(0, 0, new Uint8Array(MAX_REQUEST_BYTES).fill(1));
    expect(frame(join(piece, piece)).messages.length).toBe(2);
    expect(() => frame(encodePieceHeader(0, 0, MAX_REQUEST_BYTES + 1).subarray(0, 5))).toThrow(ProtocolError);
    expect(() => frame(encodePieceHeader(0, 0, MAX_REQUEST_BYTES + 1))).toThrow(ProtocolError);
  });

  test('takes a PIECE without payload, and refuses one without its numbers', () => {
    expect(frame(encodePieceHeader(1, 2, 0)).messages).toEqual([
      { type: 'piece', index: 1, begin: 2, payload: new Uint8Array(0) },
    ]);
    expect(() => frame(Uint8Array.of(0, 0, 0, 8, 7))).toThrow(ProtocolError);
    expect(() => frame(Uint8Array.of(0, 0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0))).toThrow(ProtocolError);
  });

  test('refuses a length above its own limit before the body comes', () => {
    expect(() => frame(Uint8Array.of(0, 0, 0, 6, 4))).toThrow(ProtocolError);
    expect(() => frame(Uint8Array.of(0, 1, 0x10, 0, 20))).toThrow(ProtocolError);
    expect(() => frame(Uint8Array.of(255, 255, 255, 255, 5))).toThrow(ProtocolError);
    expect(() => frame(encodeBitfield(new Uint8Array(65 * 1024)))).toThrow(ProtocolError);
    expect(frame(encodeBitfield(new Uint8Array(64 * 1024))).messages.length).toBe(1);
    expect(frame(encodeExtended(1, new Uint8Array(64 * 1024))).messages.length).toBe(1);
  });

  test('maxMessageBytes lowers the limit of every message', () => {
    const framer = new Framer(new Recorder(), { maxMessageBytes: 100 });
    framer.push(encodeBitfield(new Uint8Array(99)));
    expect(() => framer.push(encodeBitfield(new Uint8Array(100)))).toThrow(ProtocolError);
  });

  test('is closed by a broken stream: later bytes are ignored', () => {
    const recorder = new Recorder();
    const framer = new Framer(recorder);
    expect(() => framer.push(Uint8Array.of(0, 0, 0, 9, 0))).toThrow(ProtocolError);
    framer.push(encodeHave(1));
    expect(recorder.messages).toEqual([]);
  });

  test('close() from inside the sink ends the running push', () => {
    const seen: string[] = [];
    const framer: Framer = new Framer({
      message: (message) => {
        seen.push(message.type);
        framer.close();
      },
      pieceStart: () => seen.push('start'),
      pieceData: () => seen.push('data'),
      pieceEnd: () => seen.push('end'),
    });
    framer.push(join(encodeKeepAlive(), encodeHave(1), encodePiece(0, 0, new Uint8Array(3))));
    expect(seen).toEqual(['keep-alive']);
  });

  test('what the sink throws leaves push() as it is', () => {
    const framer = new Framer({
      message: () => {
        throw new TypeError('mine');
      },
      pieceStart: () => {},
      pieceData: () => {},
      pieceEnd: () => {},
    });
    expect(() => framer.push(encodeHave(1))).toThrow('mine');
  });

  test('gives for arbitrary bytes messages or ProtocolError, nothing else', () => {
    const draw = seeded(8);
    let refused = 0;
    for (let round = 0; round < 3000; round += 1) {
      const bytes = randomBytes(draw, draw(400));
      for (let at = 0; at + 4 < bytes.length; at += 1 + draw(60)) {
        bytes.set([0, 0, 0, draw(20), draw(24)], at);
      }
      const cut = draw(bytes.length + 1);
      try {
        frame(bytes.subarray(0, cut), bytes.subarray(cut));
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        refused += 1;
      }
    }
    expect(refused).toBeGreaterThan(100);
  });
});

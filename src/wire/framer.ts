/**
 * Cuts a TCP stream, in chunks of any size, into peer messages. The payload of a PIECE is never assembled: the sink
 * gets views of the chunks as they come, so a byte that passes through here is not touched. Every other message is
 * small; one that lies in a single chunk is decoded in place, a torn one is collected first.
 * Invariant: a length is checked against its message's own limit before anything is kept, so at most one message's
 * limit is ever buffered. Starts after the handshake (handshake.ts). Spec: BEP 3, limits in message.ts.
 */
import { ProtocolError } from '../lib/errors.ts';
import { decodeMessage, MAX_REQUEST_BYTES, type Message, MessageId, maxBodyBytes } from './message.ts';
import { readU32 } from './u32.ts';

/**
 * Who receives. Called synchronously from `push`, in stream order. A sink may call `Framer.close` from inside and
 * will not be called again; what it throws leaves `push` as it is and closes the framer too.
 */
export interface FramerSink {
  /** Any message but PIECE; it owns its bytes. */
  message(message: Message): void;
  /** A PIECE begins whose payload has `lengthBytes` bytes (0 to the limit). */
  pieceStart(index: number, begin: number, lengthBytes: number): void;
  /** The next bytes of its payload, never empty: a view of the pushed chunk, good until `push` returns. */
  pieceData(bytes: Uint8Array): void;
  /** All `lengthBytes` bytes were given. */
  pieceEnd(): void;
}

export interface FramerOptions {
  /** Largest body (id and fields) accepted at all, in bytes; each message's own limit holds besides. */
  readonly maxMessageBytes?: number;
}

/** Length, id, and a PIECE's two numbers: the most that is needed before the way a message goes is known. */
const HEAD_BYTES = 13;

export class Framer {
  readonly #sink: FramerSink;
  readonly #maxBodyBytes: number;
  /** Start of a message that the last chunk tore: its first `#headHave` bytes. */
  readonly #head = new Uint8Array(HEAD_BYTES);
  #headHave = 0;
  /** Bytes of PIECE payload still to come; 0 when not inside one. */
  #pieceLeft = 0;
  /** Body being collected, and how much of it is here. */
  #body: Uint8Array | undefined;
  #bodyHave = 0;
  #closed = false;

  constructor(sink: FramerSink, { maxMessageBytes = 9 + MAX_REQUEST_BYTES }: FramerOptions = {}) {
    this.#sink = sink;
    this.#maxBodyBytes = maxMessageBytes;
  }

  /** True while nothing of a message is pending: the stream may end here without a message being cut. */
  get idle(): boolean {
    return this.#pieceLeft === 0 && this.#body === undefined && this.#headHave === 0;
  }

  /** Drops what is pending; later (and the running) pushes are ignored. */
  close(): void {
    this.#closed = true;
    this.#body = undefined;
  }

  /** The next bytes of the stream. Throws ProtocolError on a broken stream, and is closed then. */
  push(chunk: Uint8Array): void {
    if (this.#closed) return;
    try {
      this.#take(chunk);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  #take(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length && !this.#closed) {
      if (this.#pieceLeft > 0) at = this.#takePiece(chunk, at);
      else if (this.#body !== undefined) at = this.#takeBody(this.#body, chunk, at);
      else if (this.#headHave > 0 || chunk.length - at < HEAD_BYTES) at = this.#takeHead(chunk, at);
      else at = this.#open(chunk, at, chunk, at, chunk.length - at);
    }
  }

  #takePiece(chunk: Uint8Array, at: number): number {
    const end = Math.min(chunk.length, at + this.#pieceLeft);
    this.#pieceLeft -= end - at;
    this.#sink.pieceData(at === 0 && end === chunk.length ? chunk : chunk.subarray(at, end));
    if (this.#pieceLeft === 0 && !this.#closed) this.#sink.pieceEnd();
    return end;
  }

  #takeBody(body: Uint8Array, chunk: Uint8Array, at: number): number {
    const end = Math.min(chunk.length, at + body.length - this.#bodyHave);
    body.set(chunk.subarray(at, end), this.#bodyHave);
    this.#bodyHave += end - at;
    if (this.#bodyHave === body.length) {
      this.#body = undefined;
      this.#sink.message(decodeMessage(body));
    }
    return end;
  }

  /** One byte at a time, as a head is at most 13 bytes and rarely torn. */
  #takeHead(chunk: Uint8Array, from: number): number {
    let at = from;
    while (at < chunk.length && this.#headHave < HEAD_BYTES) {
      this.#head[this.#headHave] = chunk[at] as number;
      this.#headHave += 1;
      at += 1;
      if (headIsComplete(this.#head, this.#headHave)) {
        const have = this.#headHave;
        this.#headHave = 0;
        this.#open(this.#head, 0, chunk, at, have);
        return at + this.#openTook;
      }
    }
    return at;
  }
}

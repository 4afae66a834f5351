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
/** Id, index and begin: a PIECE's body without its payload. */
const PIECE_FIELD_BYTES = 9;

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
      else at = this.#takeWhole(chunk, at);
    }
  }

  #takePiece(chunk: Uint8Array, at: number): number {
    const end = Math.min(chunk.length, at + this.#pieceLeft);
    this.#pieceLeft -= end - at;
    this.#sink.pieceData(at === 0 && end === chunk.length ? chunk : chunk.subarray(at, end));
    if (this.#pieceLeft === 0 && !this.#closed) this.#sink.pieceEnd();
    return end;
  }

  /** A message whose first 13 bytes are at `at`: the usual way, without a copy. */
  #takeWhole(chunk: Uint8Array, at: number): number {
    const length = readU32(chunk, at);
    const bodyAt = at + 4;
    if (length === 0) {
      this.#sink.message({ type: 'keep-alive' });
      return bodyAt;
    }
    const id = chunk[bodyAt] as number;
    this.#checkLength(id, length);
    if (id === MessageId.piece) {
      this.#startPiece(chunk, at);
      return at + HEAD_BYTES;
    }
    if (bodyAt + length <= chunk.length) {
      this.#sink.message(decodeMessage(chunk.subarray(bodyAt, bodyAt + length)));
      return bodyAt + length;
    }
    this.#body = new Uint8Array(length);
    this.#bodyHave = 0;
    return bodyAt;
  }

  /** A message whose first bytes may be torn over chunks; byte by byte, as they are at most 13. */
  #takeHead(chunk: Uint8Array, from: number): number {
    const head = this.#head;
    let at = from;
    while (at < chunk.length) {
      head[this.#headHave] = chunk[at] as number;
      this.#headHave += 1;
      at += 1;
      if (this.#headHave < 4) continue;
      const length = readU32(head, 0);
      if (length > 0 && this.#headHave === 4) continue;
      const id = head[4] as number;
      if (length > 0) this.#checkLength(id, length);
      if (length > 0 && id === MessageId.piece && this.#headHave < HEAD_BYTES) continue;

      this.#headHave = 0;
      if (length === 0) this.#sink.message({ type: 'keep-alive' });
      else if (id === MessageId.piece) this.#startPiece(head, 0);
      else this.#startBody(id, length);
      return at;
    }
    return at;
  }

  #startPiece(head: Uint8Array, at: number): void {
    const lengthBytes = readU32(head, at) - PIECE_FIELD_BYTES;
    this.#pieceLeft = lengthBytes;
    this.#sink.pieceStart(readU32(head, at + 5), readU32(head, at + 9), lengthBytes);
    if (lengthBytes === 0 && !this.#closed) this.#sink.pieceEnd();
  }

  #startBody(id: number, length: number): void {
    const body = new Uint8Array(length);
    body[0] = id;
    this.#bodyHave = 1;
    if (length === 1) this.#sink.message(decodeMessage(body));
    else this.#body = body;
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

  #checkLength(id: number, length: number): void {
    if (length > maxBodyBytes(id) || length > this.#maxBodyBytes) {
      throw new ProtocolError(`could not read message ${id}: a body of ${length} bytes is too long`);
    }
    if (id === MessageId.piece && length < PIECE_FIELD_BYTES) {
      throw new ProtocolError(`could not read message ${id}: a body of ${length} bytes is too short`);
    }
  }
}

/**
 * Takes the body of an HTTP/1.1 answer out of the stream of a connection, by its length, by chunks, or to the end.
 * Payload is handed on as views of what came. Pure. Source: RFC 9112 §6–7.
 */
import { ProtocolError } from '../lib/errors.ts';
import type { BodyLength } from './answer-head.ts';

/** A chunk's size and extensions, or a line of the trailer. */
const MAX_LINE_BYTES = 4096;
const MAX_TRAILER_LINES = 100;

export class AnswerBody {
  #where: 'payload' | 'size' | 'after-chunk' | 'trailer' | 'end';
  readonly #length: BodyLength;
  /** Of the body, or of the chunk; infinite where the connection's end is the body's. */
  #left: number;
  #line = '';
  #trailerLines = 0;

  constructor(length: BodyLength) {
    this.#length = length;
    this.#left = length === 'until-close' ? Number.POSITIVE_INFINITY : length === 'chunked' ? 0 : length;
    this.#where = length === 'chunked' ? 'size' : this.#left === 0 ? 'end' : 'payload';
  }

  /** All is here. */
  get hasEnded(): boolean {
    return this.#where === 'end';
  }

  /** Payload that is certainly to come; 0 where nobody knows. */
  get leftBytes(): number {
    return typeof this.#length === 'number' ? this.#left : 0;
  }

  /** Whether the body may end when the connection does. */
  get endsWithConnection(): boolean {
    return this.#length === 'until-close' || this.hasEnded;
  }

  /** Calls `payload` for each part of it; returns what stands behind the body. Throws ProtocolError on a broken chunk. */
  push(bytes: Uint8Array, payload: (part: Uint8Array) => void): Uint8Array {
    let at = 0;
    while (at < bytes.length && this.#where !== 'end') {
      if (this.#where !== 'payload') {
        const lineFeed = bytes.indexOf(10, at);
        const to = lineFeed < 0 ? bytes.length : lineFeed + 1;
        this.#line += Buffer.from(bytes.buffer, bytes.byteOffset + at, to - at).toString('latin1');
        if (this.#line.length > MAX_LINE_BYTES) throw broken();
        at = to;
        if (lineFeed >= 0) this.#takeLine();
        continue;
      }
      const to = Math.min(bytes.length, at + this.#left);
      payload(at === 0 && to === bytes.length ? bytes : bytes.subarray(at, to));
      this.#left -= to - at;
      at = to;
      if (this.#left === 0) this.#where = this.#length === 'chunked' ? 'after-chunk' : 'end';
    }
    return bytes.subarray(at);
  }

  #takeLine(): void {
    const line = this.#line.trim();
    this.#line = '';
    if (this.#where === 'size') {
      const size = /^([0-9a-fA-F]{1,12})(?:\s*;.*)?$/.exec(line)?.[1];
      if (size === undefined) throw broken();
      this.#left = Number.parseInt(size, 16);
      this.#where = this.#left === 0 ? 'trailer' : 'payload';
    } else if (this.#where === 'after-chunk') {
      if (line !== '') throw broken();
      this.#where = 'size';
    } else if (line === '') this.#where = 'end';
    else {
      this.#trailerLines += 1;
      if (this.#trailerLines > MAX_TRAILER_LINES) throw broken();
    }
  }
}

function broken(): ProtocolError {
  return new ProtocolError('the answer comes in chunks that are broken');
}

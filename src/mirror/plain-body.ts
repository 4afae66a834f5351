/**
 * What has come of a body and isn't read yet. It decides when the sender is to be held back: while more than a little is
 * unread. It lives on when its connection serves another request.
 */
import type { RawBody, RawRead } from './raw-answer.ts';

/** Unread bytes at which the sender is held back, and below which it goes on. */
const FULL_BYTES = 512 * 1024;
const ROOM_BYTES = 128 * 1024;
/** What a part costs besides its bytes: a sender of tiny chunks is held back in time, too. */
const PART_BYTES = 512;

export interface PlainBodyHost {
  /** Reads no more, or goes on. */
  holdBack(isFull: boolean): void;
  /** Nobody wants the rest. */
  cancelled(reason: unknown): void;
}

export class PlainBody implements RawBody {
  readonly #host: PlainBodyHost;
  readonly #unread: Uint8Array[] = [];
  #unreadBytes = 0;
  #isFull = false;
  #reader: PromiseWithResolvers<RawRead> | undefined;
  #end: { readonly failure?: unknown } | undefined;

  constructor(host: PlainBodyHost) {
    this.#host = host;
  }

  // ---- for the connection ----

  add(value: Uint8Array): void {
    const reader = this.#reader;
    if (reader) {
      this.#reader = undefined;
      reader.resolve({ done: false, value });
      return;
    }
    this.#unread.push(value);
    this.#unreadBytes += value.length + PART_BYTES;
    if (this.#unreadBytes >= FULL_BYTES) this.#setFull(true);
  }

  /** All has come. */
  finish(): void {
    if (this.#end) return;
    this.#end = {};
    this.#reader?.resolve({ done: true });
  }

  /** No more will come. What has come before can still be read. */
  fail(failure: unknown): void {
    if (this.#end) return;
    this.#end = { failure };
    this.#reader?.reject(failure);
  }

  // ---- for the reader ----

  read(): Promise<RawRead> {
    const value = this.#unread.shift();
    if (value) {
      this.#unreadBytes -= value.length + PART_BYTES;
      if (this.#unreadBytes < ROOM_BYTES) this.#setFull(false);
      return Promise.resolve({ done: false, value });
    }
    if (this.#end)
      return 'failure' in this.#end ? Promise.reject(this.#end.failure) : Promise.resolve({ done: true });
    this.#reader = Promise.withResolvers();
    return this.#reader.promise;
  }

  async cancel(reason: unknown): Promise<void> {
    this.#unread.length = 0;
    if (!this.#end) this.#host.cancelled(reason);
  }

  #setFull(isFull: boolean): void {
    if (this.#isFull === isFull || this.#end) return;
    this.#isFull = isFull;
    this.#host.holdBack(isFull);
  }
}

/**
 * The body of one answer, read at the reader's pace. It decides when a transfer has failed: silence for too long while
 * somebody waits, an end before the stated length, a connection cut. It never ends early without an error, and leaving
 * it (`return`, or nobody ever starting to read) cancels the transfer for real. Time the reader spends elsewhere isn't
 * counted as silence.
 */
import type { Clock } from '../lib/clock.ts';
import { UnavailableError } from '../lib/errors.ts';
import type { RawBody } from './raw-answer.ts';

export interface TransferBodyOptions {
  /** For messages. */
  readonly name: string;
  /** Undefined when the answer doesn't say. */
  readonly expectedBytes: number | undefined;
  readonly stallTimeoutMs: number;
  /** An answer that nobody starts to read is dropped after this. */
  readonly unreadTimeoutMs: number;
  readonly clock: Clock;
  /** Aborting it ends the transfer; its reason is what the reader then gets. */
  readonly transfer: AbortController;
  /** Bytes have come. */
  readonly onBytes?: () => void;
  /** Called once, however it ends. `readerMs` of `elapsedMs` went by while the reader was busy elsewhere. */
  readonly onEnd: (end: { bytes: number; elapsedMs: number; readerMs: number }) => void;
}

export class TransferBody implements AsyncIterableIterator<Uint8Array> {
  readonly #options: TransferBodyOptions;
  readonly #reader: RawBody | undefined;
  readonly #startedMs: number;
  readonly #takeBackUnreadTimer: () => void;
  #handedOverMs: number | undefined;
  #readerMs = 0;
  #bytes = 0;
  #ended = false;

  constructor(body: RawBody | null, options: TransferBodyOptions) {
    this.#options = options;
    this.#reader = body ?? undefined;
    this.#startedMs = options.clock.nowMs();
    const unread = () =>
      this.#cancel(new UnavailableError(`dropped the answer for ${options.name}: nobody read it`));
    this.#takeBackUnreadTimer = options.clock.after(options.unreadTimeoutMs, unread);
    if (!this.#reader) this.#end();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const { clock, name, stallTimeoutMs, transfer, expectedBytes } = this.#options;
    this.#takeBackUnreadTimer();
    if (this.#ended || !this.#reader) {
      if (transfer.signal.aborted) throw transfer.signal.reason;
      return { done: true, value: undefined };
    }
    if (this.#handedOverMs !== undefined) this.#readerMs += clock.nowMs() - this.#handedOverMs;
    const takeBackTimer = clock.after(stallTimeoutMs, () => {
      const seconds = Math.round(stallTimeoutMs / 1000);
      transfer.abort(
        new UnavailableError(`could not fetch ${name}: no byte for ${seconds} s`, { timedOut: true }),
      );
    });
    try {
      const { done, value } = await this.#reader.read();
      if (!done) {
        this.#bytes += value.length;
        this.#options.onBytes?.();
        this.#handedOverMs = clock.nowMs();
        return { done: false, value };
      }
    } catch (cause) {
      this.#end();
      if (transfer.signal.aborted) throw transfer.signal.reason;
      throw new UnavailableError(`could not fetch ${name}: the transfer was cut after ${this.#bytes} bytes`, {
        cause,
      });
    } finally {
      takeBackTimer();
    }
    this.#end();
    if (expectedBytes !== undefined && this.#bytes !== expectedBytes) {
      throw new UnavailableError(`could not fetch ${name}: ${this.#bytes} bytes came of ${expectedBytes}`);
    }
    return { done: true, value: undefined };
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#cancel(new DOMException(`the reader of ${this.#options.name} left`, 'AbortError'));
    return { done: true, value: undefined };
  }

  #cancel(reason: unknown): void {
    if (this.#ended) return;
    this.#options.transfer.abort(reason);
    // The stream would otherwise report the abort as an unhandled rejection.
    this.#reader?.cancel(reason).catch(() => {});
    this.#end();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#takeBackUnreadTimer();
    const elapsedMs = this.#options.clock.nowMs() - this.#startedMs;
    this.#options.onEnd({ bytes: this.#bytes, elapsedMs, readerMs: this.#readerMs });
  }
}

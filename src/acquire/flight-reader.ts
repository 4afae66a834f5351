/**
 * One reader of a flight: what apt's connection holds while the file still grows. Passes on what the flight shows;
 * decides nothing. A reader that was given bytes of a generation that turned out wrong fails and never sees more.
 */
import type { Content } from './content.ts';
import type { Flight } from './flight.ts';

export class FlightReader implements Content {
  readonly origin = 'flight';
  readonly #flight: Flight;
  #lastModifiedMs = 0;
  #etag: string | undefined;
  #failure: Error | undefined;
  #waiting: { readonly offset: number; readonly done: PromiseWithResolvers<number> }[] = [];
  #seen = 0;
  #left = false;
  started = false;

  constructor(flight: Flight) {
    this.#flight = flight;
  }

  get sizeBytes(): number {
    return this.#flight.pieces.sizeBytes;
  }

  get givers(): Content['givers'] {
    return this.#flight.givers;
  }

  get lastModifiedMs(): number {
    return this.#lastModifiedMs;
  }

  get etag(): string | undefined {
    return this.#etag;
  }

  get available(): number {
    return this.#failure ? this.#seen : this.#flight.available;
  }

  /** The answer's head is being made: from now on the reader holds bytes of this generation. */
  start(lastModifiedMs: number, etag: string | undefined): void {
    this.started = true;
    this.#lastModifiedMs = lastModifiedMs;
    this.#etag = etag;
  }

  waitBeyond(offset: number, signal: AbortSignal): Promise<number> {
    if (this.#failure) return Promise.reject(this.#failure);
    if (this.available > offset) return Promise.resolve(this.available);
    if (signal.aborted) return Promise.reject(signal.reason);
    const done = Promise.withResolvers<number>();
    const waiter = { offset, done };
    this.#waiting.push(waiter);
    const onAbort = () => {
      this.#waiting = this.#waiting.filter((other) => other !== waiter);
      done.reject(signal.reason);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    done.promise.finally(() => signal.removeEventListener('abort', onAbort)).catch(() => {});
    return done.promise;
  }

  read(offset: number, maxBytes: number): Uint8Array {
    if (this.#failure) throw this.#failure;
    const bytes = this.#flight.read(offset, maxBytes);
    this.#seen = Math.max(this.#seen, offset + bytes.length);
    return bytes;
  }

  readInto(offset: number, target: Uint8Array): number {
    if (this.#failure) throw this.#failure;
    const got = this.#flight.readInto(offset, target);
    this.#seen = Math.max(this.#seen, offset + got);
    return got;
  }

  /** The flight may show more: wakes who waits. True when somebody did. */
  advance(): boolean {
    const { available } = this;
    const ready = this.#waiting.filter(({ offset }) => available > offset);
    if (ready.length === 0) return false;
    this.#waiting = this.#waiting.filter(({ offset }) => available <= offset);
    for (const { done } of ready) done.resolve(available);
    return true;
  }

  fail(error: Error): void {
    this.#failure ??= error;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { done } of waiting) done.reject(error);
  }

  [Symbol.dispose](): void {
    if (this.#left) return;
    this.#left = true;
    this.fail(new Error('the reader has left'));
    this.#flight.left(this);
  }
}

/** A Content in memory that grows when the test says so, and remembers how it was used. */
import type { Content } from '../../src/acquire/content.ts';
import { UnavailableError } from '../../src/lib/errors.ts';

export const LAST_MODIFIED = 'Mon, 06 Dec 2010 10:11:12 GMT';

export interface FakeContentOptions {
  /** Bytes that may be read from the start; default all. */
  readonly available?: number;
  readonly origin?: Content['origin'];
  readonly etag?: string | undefined;
}

export class FakeContent implements Content {
  readonly bytes: Uint8Array;
  readonly lastModifiedMs = Date.parse(LAST_MODIFIED);
  readonly origin: Content['origin'];
  readonly etag: string | undefined;
  available: number;
  /** Bytes handed out by read(). */
  bytesRead = 0;
  disposals = 0;
  /** Resolves when the reader has let go. */
  readonly disposed: Promise<void>;
  #onDisposed = () => {};
  #broken: Error | undefined;
  readInto?: (offset: number, target: Uint8Array) => number;
  readonly #waiting = new Set<() => void>();

  constructor(bytes: Uint8Array | string, options: FakeContentOptions = {}) {
    this.bytes = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
    this.available = options.available ?? this.bytes.length;
    this.origin = options.origin ?? 'store';
    this.etag = 'etag' in options ? options.etag : '"sha256"';
    this.disposed = new Promise((resolve) => {
      this.#onDisposed = resolve;
    });
  }

  get sizeBytes(): number {
    return this.bytes.length;
  }

  grow(available: number): void {
    this.available = available;
    for (const wake of [...this.#waiting]) wake();
  }

  /** The rest will never come. */
  fail(): void {
    this.#broken = new UnavailableError('could not fetch the rest');
    for (const wake of [...this.#waiting]) wake();
  }

  waitBeyond(offset: number, signal: AbortSignal): Promise<number> {
    return new Promise((resolve, reject) => {
      const settle = () => {
        if (!this.#broken && this.available <= offset) return;
        this.#waiting.delete(settle);
        if (this.#broken) reject(this.#broken);
        else resolve(this.available);
      };
      this.#waiting.add(settle);
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      settle();
    });
  }

  read(offset: number, maxBytes: number): Uint8Array {
    const chunk = this.bytes.slice(offset, Math.min(offset + maxBytes, this.available));
    this.bytesRead += chunk.length;
    return chunk;
  }

  /** Set `readInto` to this for a content that fills the reader's memory. */
  fill(offset: number, target: Uint8Array): number {
    const chunk = this.read(offset, target.length);
    target.set(chunk);
    return chunk.length;
  }

  [Symbol.dispose](): void {
    this.disposals += 1;
    this.#onDisposed();
  }
}

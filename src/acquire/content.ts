/**
 * The bytes of one catalogue entry on their way to a reader: a file from the store, or one that still grows.
 * Readers see only what may be shown (swarm-protocol grades, docs/protocol.md), in order, from the start.
 */
export interface Content extends Disposable {
  readonly sizeBytes: number;
  /**
   * What to answer as Last-Modified. While anything unproven may be among the bytes it isn't the mirror's date
   * (one second less), so that a resume anywhere starts anew.
   */
  readonly lastModifiedMs: number;
  /** Strong validator (RFC 9110 §8.8.3) with quotes; undefined while anything unproven may be among the bytes. */
  readonly etag: string | undefined;
  /** How the bytes come: for logs and the X-DebTorrent-Source header. */
  readonly origin: 'store' | 'flight';
  /** Of a flight that has landed: bytes by who gave them. Undefined while it may be more, and for what was here. */
  readonly givers?: { readonly peers: number; readonly mirror: number } | undefined;
  /** Bytes [0, available) may be read now. */
  readonly available: number;
  /**
   * Resolves with the new `available`, greater than `offset`. Rejects with UnavailableError when the rest will
   * never come (the transfer must then be cut), with the signal's reason when that is aborted.
   */
  waitBeyond(offset: number, signal: AbortSignal): Promise<number>;
  /** At most `maxBytes` from `offset`, at least one when offset < available. The result may be kept by the caller. */
  read(offset: number, maxBytes: number): Uint8Array;
  /**
   * As read(), into the caller's own memory: fills `target` from its start as far as bytes may be read, and returns how
   * many. Optional: whoever has it spares the reader a fresh buffer for each read (about a third of the cost of serving
   * a large file from the page cache).
   */
  readInto?(offset: number, target: Uint8Array): number;
  /** The reader is gone or done. The last reader of a flight that nobody else wants ends it. */
  [Symbol.dispose](): void;
}

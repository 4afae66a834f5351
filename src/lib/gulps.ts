/**
 * How long a socket that brings a lot slowly is left alone after a read, so that each read brings a gulp. On a line of
 * 20 Mbit/s a program that reads at once gets a packet or two each time, and what a byte costs grows tenfold. It decides
 * only that: whether more is to come at all, and nothing urgent, is the caller's to know.
 *
 * Invariants: a line so quick that gulps come by themselves is never left alone (what the system can hold would hold it
 * up); a rest is a power of two, so that the rests of many sockets end together (Rests). Pure.
 */

/** So much is worth a read; and fits in what Linux takes in by default for a connection it knows nothing of (64 KiB). */
const GULP_BYTES = 48 * 1024;
const MIN_REST_MS = 2;
/** Nobody may see it: an answer may lie behind the payload that is awaited. */
const MAX_REST_MS = 32;
/** A rate is taken over so much time at least. */
const SPAN_MS = 16;

export class Gulps {
  #sinceMs: number | undefined;
  #bytes = 0;
  #restMs = 0;

  /** So many bytes were read just now, and many are to come: the rest that follows, 0 for none. */
  read(bytes: number, nowMs: number): number {
    if (this.#sinceMs === undefined) {
      this.#sinceMs = nowMs;
      return 0;
    }
    this.#bytes += bytes;
    const spanMs = nowMs - this.#sinceMs;
    if (spanMs >= Math.max(SPAN_MS, this.#restMs) || this.#bytes > 2 * GULP_BYTES) {
      this.#restMs = restFor(this.#bytes / Math.max(spanMs, 0.001));
      this.#sinceMs = nowMs;
      this.#bytes = 0;
    }
    return bytes >= GULP_BYTES ? 0 : this.#restMs;
  }

  /** Nothing (much) is awaited any more: what comes next has a pace of its own. */
  end(): void {
    this.#sinceMs = undefined;
    this.#bytes = 0;
    this.#restMs = 0;
  }
}

function restFor(bytesPerMs: number): number {
  let restMs = MAX_REST_MS;
  while (restMs >= MIN_REST_MS && restMs * bytesPerMs > GULP_BYTES) restMs /= 2;
  return restMs >= MIN_REST_MS ? restMs : 0;
}

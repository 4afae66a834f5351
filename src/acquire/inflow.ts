/**
 * How much comes in by all ways together, and whether that is about as much as ever: then the line is full, and what one
 * source brings says nothing of what it could bring. Pure but for the times handed in.
 */

const WINDOW_MS = 500;
/** What the most counts for after each window: lines change. */
const FADE = 0.98;
/** Windows end in the middle of pieces: so much of the most is full. */
const FULL = 0.8;

export class Inflow {
  /** Bytes a second that came at best lately. */
  #most = 0;
  #last = 0;
  #bytes = 0;
  #sinceMs = 0;

  get mostBytesPerSecond(): number {
    return this.#most;
  }

  /** In the last window that is over. */
  get isFull(): boolean {
    return this.#last >= FULL * this.#most;
  }

  add(bytes: number, nowMs: number): void {
    const spanMs = nowMs - this.#sinceMs;
    if (spanMs >= WINDOW_MS) {
      // After a pause there is no telling when in it the bytes came.
      this.#last = spanMs < 2 * WINDOW_MS ? (this.#bytes / spanMs) * 1000 : 0;
      this.#most = Math.max(this.#most * FADE, this.#last);
      this.#bytes = 0;
      this.#sinceMs = nowMs;
    }
    this.#bytes += bytes;
  }
}

/**
 * A rate limit as a bucket of tokens (bytes). Pure but for the times handed in. A rate of 0 means no limit.
 * The bucket holds a quarter of a second's worth, at least one block of 16 KiB, so that slow limits still move.
 */
export class TokenBucket {
  #bytesPerSecond: number;
  #tokens: number;
  #filledMs: number;

  constructor(bytesPerSecond: number, nowMs: number) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#tokens = this.#capacity();
    this.#filledMs = nowMs;
  }

  get unlimited(): boolean {
    return this.#bytesPerSecond === 0;
  }

  /** Milliseconds to wait before `bytes` may pass; 0 = they passed just now and are paid for. */
  take(bytes: number, nowMs: number): number {
    if (this.unlimited) return 0;
    this.#tokens = Math.min(
      this.#capacity(),
      this.#tokens + ((nowMs - this.#filledMs) / 1000) * this.#bytesPerSecond,
    );
    this.#filledMs = nowMs;
    // Going into debt is allowed from a positive balance: blocks larger than the bucket must pass too.
    if (this.#tokens > 0) {
      this.#tokens -= bytes;
      return 0;
    }
    return Math.max(1, Math.ceil((-this.#tokens / this.#bytesPerSecond) * 1000));
  }

  #capacity(): number {
    return Math.max(16_384, this.#bytesPerSecond / 4);
  }
}

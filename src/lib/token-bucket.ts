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

  /** Another rate from now on; what has been spent stays spent. */
  setRate(bytesPerSecond: number, nowMs: number): void {
    if (bytesPerSecond === this.#bytesPerSecond) return;
    if (!this.unlimited) this.#fill(nowMs);
    this.#filledMs = nowMs;
    this.#bytesPerSecond = bytesPerSecond;
    this.#tokens = Math.min(this.#tokens, this.#capacity());
  }

  get unlimited(): boolean {
    return this.#bytesPerSecond === 0;
  }

  /** What may pass at once, bytes; negative while in debt, Infinity without a limit. */
  spareBytes(nowMs: number): number {
    if (this.unlimited) return Number.POSITIVE_INFINITY;
    this.#fill(nowMs);
    return this.#tokens;
  }

  /** The most that is ever spare, bytes. */
  get capacityBytes(): number {
    return this.unlimited ? Number.POSITIVE_INFINITY : this.#capacity();
  }

  /** 0 means no limit. */
  get bytesPerSecond(): number {
    return this.#bytesPerSecond;
  }

  /**
   * For bytes that can be held back: milliseconds to wait before `bytes` may pass, nothing being paid; 0 = they pass
   * now and are paid for.
   */
  take(bytes: number, nowMs: number): number {
    if (this.unlimited) return 0;
    this.#fill(nowMs);
    if (this.#tokens <= 0) return this.#debtMs();
    // Going into debt is allowed from a positive balance: blocks larger than the bucket must pass too.
    this.#tokens -= bytes;
    return 0;
  }

  /** For bytes that are here already: they are paid for, and the answer is how long to take no more, milliseconds. */
  spend(bytes: number, nowMs: number): number {
    if (this.unlimited) return 0;
    this.#fill(nowMs);
    this.#tokens -= bytes;
    return this.#tokens > 0 ? 0 : this.#debtMs();
  }

  #fill(nowMs: number): void {
    const grown = ((nowMs - this.#filledMs) / 1000) * this.#bytesPerSecond;
    this.#tokens = Math.min(this.#capacity(), this.#tokens + grown);
    this.#filledMs = nowMs;
  }

  #debtMs(): number {
    return Math.max(1, Math.ceil((-this.#tokens / this.#bytesPerSecond) * 1000));
  }

  #capacity(): number {
    return Math.max(16_384, this.#bytesPerSecond / 4);
  }
}

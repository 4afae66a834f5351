/**
 * How much of something that costs us (work, answers) a stranger may have: so much at once, so much a second after that.
 * Pure but for the times handed in. Unlike the token bucket it never asks anybody to wait: there is enough, or there isn't.
 */
export class Budget {
  readonly #most: number;
  readonly #perSecond: number;
  #left: number;
  #filledMs: number;

  constructor(most: number, perSecond: number, nowMs: number) {
    this.#most = most;
    this.#perSecond = perSecond;
    this.#left = most;
    this.#filledMs = nowMs;
  }

  /** False when there isn't as much left; then nothing is spent. */
  spend(amount: number, nowMs: number): boolean {
    const grown = ((nowMs - this.#filledMs) / 1000) * this.#perSecond;
    this.#left = Math.min(this.#most, this.#left + grown);
    this.#filledMs = nowMs;
    if (this.#left < amount) return false;
    this.#left -= amount;
    return true;
  }
}

/**
 * One swarm in the DHT: when to look it up and announce it next. Nodes forget an announced peer after half an hour or
 * so, so it is told about every 20 minutes; sooner, but ever more seldom, while we are short of peers. Pure but for the
 * times and chance handed in. Spec: BEP 5.
 */
export const INTERVAL_MS = 20 * 60_000;
export const FIRST_RETRY_MS = 60_000;
export const LAST_RETRY_MS = 15 * 60_000;

export class Looking {
  #nextMs: number;
  #shortTimes = 0;

  constructor(nowMs: number) {
    this.#nextMs = nowMs;
  }

  get nextMs(): number {
    return this.#nextMs;
  }

  /** A look-up has ended. `draw`: 0 to 1; the times of nodes started together drift apart. */
  done(isShort: boolean, nowMs: number, draw: number): void {
    const waitMs = isShort ? Math.min(FIRST_RETRY_MS * 2 ** this.#shortTimes, LAST_RETRY_MS) : INTERVAL_MS;
    this.#shortTimes = isShort ? this.#shortTimes + 1 : 0;
    this.#nextMs = nowMs + waitMs * (0.75 + 0.5 * draw);
  }

  /** Nothing can be done before then. */
  postpone(untilMs: number): void {
    this.#nextMs = Math.max(this.#nextMs, untilMs);
  }

  /** Somebody waits for peers. */
  hurry(atMs: number): void {
    this.#nextMs = Math.min(this.#nextMs, atMs);
  }
}

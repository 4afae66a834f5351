/**
 * How fast something delivers while it is asked to: an exponentially weighted mean over its busy time only, so that
 * idle minutes don't make a quick source look slow. Pure but for the times handed in.
 */
export class BusyRate {
  #bytesPerSecond: number | undefined;
  #sinceMs = 0;
  #bytes = 0;
  #busy = false;

  /** The source has something to do from now on. */
  begin(nowMs: number): void {
    if (this.#busy) return;
    this.#busy = true;
    this.#sinceMs = nowMs;
    this.#bytes = 0;
  }

  /** The source has delivered all it was asked for. */
  end(nowMs: number): void {
    this.#fold(nowMs, 1);
    this.#busy = false;
  }

  add(bytes: number, nowMs: number): void {
    if (!this.#busy) return;
    this.#bytes += bytes;
    if (nowMs - this.#sinceMs >= 250) this.#fold(nowMs, 250);
  }

  /** Bytes a second; undefined before anything could be measured. Falls while a busy source stays silent. */
  at(nowMs: number): number | undefined {
    const spanMs = nowMs - this.#sinceMs;
    if (!this.#busy || spanMs < 300) return this.#bytesPerSecond;
    const running = (this.#bytes / spanMs) * 1000;
    return this.#bytesPerSecond === undefined ? running : Math.min(this.#bytesPerSecond, running);
  }

  #fold(nowMs: number, minimumMs: number): void {
    const spanMs = nowMs - this.#sinceMs;
    if (!this.#busy || spanMs < minimumMs || this.#bytes < 16_384) return;
    const sample = (this.#bytes / spanMs) * 1000;
    this.#bytesPerSecond =
      this.#bytesPerSecond === undefined ? sample : 0.6 * this.#bytesPerSecond + 0.4 * sample;
    this.#sinceMs = nowMs;
    this.#bytes = 0;
  }
}

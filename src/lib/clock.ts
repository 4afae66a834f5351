/**
 * Time comes in through a constructor, so that tests and the simulator can run it by hand.
 * `nowMs` is monotonic and says nothing of the date; `wallMs` is the date and may jump.
 */
export interface Clock {
  /** Monotonic milliseconds since an arbitrary moment. */
  nowMs(): number;
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  wallMs(): number;
  /** Calls `run` once after `delayMs`; the returned function takes that back. */
  after(delayMs: number, run: () => void): () => void;
}

/** The machine's own clock. Its timers don't keep the process alive. */
export const systemClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    timer.unref?.();
    return () => clearTimeout(timer);
  },
};

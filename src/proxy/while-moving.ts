/**
 * A limit on stalls, not on the whole: work goes on as long as something moves, however slowly, and ends in a clear
 * failure when nothing has moved for a while. Retrying is then apt's: its second try finds what has come by then.
 */
import { type Clock, systemClock } from '../lib/clock.ts';
import { UnavailableError } from '../lib/errors.ts';

/** Nothing may be silent towards apt for 25 s. */
export const STILL_MS = 20_000;

export interface WhileMovingOptions {
  /** For the message. */
  readonly name: string;
  /** When something last moved, by `clock`; undefined where nobody knows. */
  readonly movedMs: () => number | undefined;
  readonly signal: AbortSignal;
  /** Since when apt has been waiting, by `clock`; now unless told. */
  readonly sinceMs?: number;
  readonly clock?: Clock;
  readonly stillMs?: number;
}

/** As `work`, whose signal is aborted when it has come to nothing: then throws UnavailableError (504). */
export async function whileMoving<T>(
  work: (signal: AbortSignal) => Promise<T>,
  options: WhileMovingOptions,
): Promise<T> {
  const { name, movedMs, signal, clock = systemClock, stillMs = STILL_MS } = options;
  const own = new AbortController();
  const startedMs = options.sinceMs ?? clock.nowMs();
  let takeBackTimer = () => {};
  const stopped = new Promise<never>((_, reject) => {
    const look = () => {
      const leftMs = Math.max(startedMs, movedMs() ?? startedMs) + stillMs - clock.nowMs();
      if (leftMs > 0) {
        takeBackTimer = clock.after(leftMs, look);
        return;
      }
      const text = `could not get ${name}: nothing has come for ${Math.round(stillMs / 1000)} s`;
      const error = new UnavailableError(text, { timedOut: true });
      own.abort(error);
      reject(error);
    };
    takeBackTimer = clock.after(Math.max(0, startedMs + stillMs - clock.nowMs()), look);
  });
  try {
    return await Promise.race([work(AbortSignal.any([signal, own.signal])), stopped]);
  } finally {
    takeBackTimer();
  }
}

/**
 * Several addresses of one name, tried in their order: the next one starts when the last has failed or been silent
 * for a while, the first success wins and the others are cancelled for real ("happy eyeballs", RFC 8305, with a longer
 * delay as a whole request is sent each time).
 */
import type { Clock } from '../lib/clock.ts';

export interface DialInTurnOptions {
  readonly clock: Clock;
  readonly delayMs: number;
  readonly signal: AbortSignal;
}

/** Resolves with the first success; rejects with the last failure, or the signal's reason. `candidates` isn't empty. */
export function dialInTurn<C, T>(
  candidates: readonly C[],
  dial: (candidate: C, signal: AbortSignal) => Promise<T>,
  { clock, delayMs, signal }: DialInTurnOptions,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const running = new Set<AbortController>();
    let started = 0;
    let takeBackTimer = () => {};

    const startNext = () => {
      takeBackTimer();
      if (started >= candidates.length) return;
      const candidate = candidates[started] as C;
      started += 1;
      if (started < candidates.length) takeBackTimer = clock.after(delayMs, startNext);
      const own = new AbortController();
      running.add(own);
      dial(candidate, AbortSignal.any([signal, own.signal])).then(
        (result) => {
          running.delete(own);
          takeBackTimer();
          started = candidates.length;
          for (const loser of running) loser.abort(new Error('another address answered first'));
          resolve(result);
        },
        (error: unknown) => {
          running.delete(own);
          if (started < candidates.length && !signal.aborted) startNext();
          else if (running.size === 0) {
            takeBackTimer();
            reject(error);
          }
        },
      );
    };
    startNext();
  });
}

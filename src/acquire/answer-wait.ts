/**
 * Until when answers to a want are worth waiting for while nobody has said `have`. Pure. The rule: nobody is made slower
 * than the mirror alone would make it, so an answer is waited for only for a tenth of the mirror's time; longer only where
 * it is likely that waiting pays: where a peer looked for the file before and isn't far, where a near one is about to
 * answer, in a swarm so wide that a crowd may be larger than it looks, or while other files come from the mirror anyway. docs/protocol.md "The plan" 1.
 */

export interface AnswerWait {
  /** When this node began to look for the file. */
  readonly startedMs: number;
  /** When the last answer is due. */
  readonly dueMs: number;
  /** What the mirror alone would take from the start. */
  readonly mirrorMs: number;
  /** A peer given by hand is being dialled. */
  readonly isDialling: boolean;
  /** Other files of this node come from the mirror meanwhile: nothing is lost by waiting. */
  readonly isBusy: boolean;
  /** Peers that are likely to have it: their round trip, and what they take for all of the file, this included. */
  readonly likely: readonly { readonly latencyMs: number; readonly wholeMs: number }[];
  /** A near peer hasn't answered: it will in a moment, one way or the other. */
  readonly isNear: boolean;
  /** The swarm is larger than what this node sees of it. */
  readonly isWide: boolean;
}

/** Waiting may make this node at most so much slower than the mirror alone. */
const SLOWER_SHARE = 0.1;
const LEAST_MS = 10;
/** Who is likely to have it may take so much longer than the mirror: its two round trips are its head start. */
const HEAD_START_MS = 35;
/** What an answer may take beyond a round trip. */
const ANSWER_MS = 15;
const MOMENT_MS = 60;
const BUSY_MS = 250;

export function answersUntilMs(wait: AnswerWait): number {
  const { startedMs, dueMs, mirrorMs, isBusy, isDialling, isNear, likely, isWide } = wait;
  let waitMs = Math.max(LEAST_MS, SLOWER_SHARE * mirrorMs);
  if (isBusy) waitMs = Math.max(waitMs, BUSY_MS);
  if (isDialling || isNear || isWide) waitMs = Math.max(waitMs, MOMENT_MS);
  for (const { latencyMs, wholeMs } of likely) {
    if (wholeMs <= (1 + SLOWER_SHARE) * mirrorMs + HEAD_START_MS)
      waitMs = Math.max(waitMs, Math.min(latencyMs + ANSWER_MS, MOMENT_MS));
  }
  return Math.min(dueMs, startedMs + waitMs);
}

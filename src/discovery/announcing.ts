/**
 * One swarm at one tracker: when to announce next, and which event. Pure but for the times and chance handed in.
 * `started` is said until the tracker has heard it; the tracker's interval is kept within bounds of our own, and its
 * `min interval` even when somebody is impatient; failures double the wait, up to an hour. Spec: BEP 3.
 */
import type { AnnounceEvent } from '../announce/http.ts';

const MIN_INTERVAL_MS = 60_000;
const MAX_INTERVAL_MS = 60 * 60_000;
/** An impatient announce comes no sooner than this after the last one. */
const IMPATIENT_MS = 15_000;
const FIRST_RETRY_MS = 15_000;
const MAX_RETRY_MS = 60 * 60_000;

export class Announcing {
  /** What the next announce says; undefined for a regular one. */
  #event: AnnounceEvent | undefined = 'started';
  #nextMs: number;
  #earliestMs = 0;
  #failures = 0;
  #trackerId: Uint8Array | undefined;

  constructor(nowMs: number) {
    this.#nextMs = nowMs;
  }

  get event(): AnnounceEvent | undefined {
    return this.#event;
  }

  /** When the next announce is due. */
  get nextMs(): number {
    return this.#nextMs;
  }

  /** To be sent back (BEP 3). */
  get trackerId(): Uint8Array | undefined {
    return this.#trackerId;
  }

  /** Whether the tracker knows of us, and so wants to hear `stopped`. */
  get isKnown(): boolean {
    return this.#event !== 'started';
  }

  /** Whether another tracker of its list may be passed over for this one now: it isn't backing off, nor asked just now. */
  mayBeTried(nowMs: number): boolean {
    return nowMs >= (this.#failures > 0 ? this.#nextMs : this.#earliestMs);
  }

  /** The tracker answered. */
  answered(
    answer: { intervalSeconds: number; minIntervalSeconds?: number; trackerId?: Uint8Array },
    nowMs: number,
  ): void {
    const minMs = Math.max((answer.minIntervalSeconds ?? 0) * 1000, IMPATIENT_MS);
    const intervalMs = Math.max(answer.intervalSeconds * 1000, minMs, MIN_INTERVAL_MS);
    this.#event = undefined;
    this.#failures = 0;
    this.#trackerId = answer.trackerId ?? this.#trackerId;
    this.#nextMs = nowMs + Math.min(intervalMs, MAX_INTERVAL_MS);
    this.#earliestMs = nowMs + Math.min(minMs, MAX_INTERVAL_MS);
  }

  /** There was no answer, or none of use. `draw`: 0 to 1, so that a fleet doesn't come back in one moment. */
  failed(nowMs: number, draw: number): void {
    const waitMs = Math.min(FIRST_RETRY_MS * 2 ** this.#failures, MAX_RETRY_MS);
    this.#failures += 1;
    this.#nextMs = nowMs + waitMs * (0.75 + 0.5 * draw);
    this.#earliestMs = nowMs + Math.min(IMPATIENT_MS, waitMs);
  }

  /** There is nothing to ask for now, such as no address of the family: looked at again in an hour. */
  postponed(nowMs: number, draw: number): void {
    this.#failures = Math.max(this.#failures, 1);
    this.#nextMs = nowMs + MAX_RETRY_MS * (0.75 + 0.5 * draw);
    this.#earliestMs = this.#nextMs;
  }

  /** Whether `hurry` would change anything. */
  mayComeSooner(nowMs: number): boolean {
    return this.#nextMs > Math.max(nowMs, this.#earliestMs);
  }

  /** Somebody is short of peers: announce as soon as the tracker allows. */
  hurry(nowMs: number): void {
    this.#nextMs = Math.min(this.#nextMs, Math.max(nowMs, this.#earliestMs));
  }

  /** The next announce says that nothing is left to download, and is due now. */
  complete(nowMs: number): void {
    if (this.#event === 'started') return;
    this.#event = 'completed';
    this.#nextMs = nowMs;
  }
}

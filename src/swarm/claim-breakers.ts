/**
 * Who claimed and did not keep it: for a while neither their claims nor their rank count. Whether a claim is broken is
 * found out by the flights (acquire/crowd.ts). Bounded: the oldest is forgotten.
 */
import type { Clock } from '../lib/clock.ts';
import { type Speaker, speakerId } from './speaker.ts';

const CLAIM_BREAK_MS = 600_000;
const MAX_CLAIM_BREAKERS = 1_000;

export class ClaimBreakers {
  readonly #clock: Clock;
  readonly #untilMs = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(peer: Speaker): void {
    this.#untilMs.set(speakerId(peer), this.#clock.nowMs() + CLAIM_BREAK_MS);
    if (this.#untilMs.size <= MAX_CLAIM_BREAKERS) return;
    const [oldest] = this.#untilMs.keys();
    if (oldest !== undefined) this.#untilMs.delete(oldest);
  }

  has(peer: Speaker): boolean {
    return (this.#untilMs.get(speakerId(peer)) ?? 0) > this.#clock.nowMs();
  }
}

/**
 * Who claimed and did not keep it: for a while neither their claims nor their rank count. Whether a claim is broken is
 * found out by the flights (acquire/crowd.ts). Bounded: the oldest is forgotten.
 */
import type { Clock } from '../lib/clock.ts';
import { addressGroup } from './address.ts';

const CLAIM_BREAK_MS = 600_000;
const MAX_CLAIM_BREAKERS = 1_000;

export interface Claimant {
  readonly address: string;
  readonly id: Uint8Array;
  readonly trusted: boolean;
}

export class ClaimBreakers {
  readonly #clock: Clock;
  readonly #untilMs = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(peer: Claimant): void {
    this.#untilMs.set(idOf(peer), this.#clock.nowMs() + CLAIM_BREAK_MS);
    if (this.#untilMs.size <= MAX_CLAIM_BREAKERS) return;
    const [oldest] = this.#untilMs.keys();
    if (oldest !== undefined) this.#untilMs.delete(oldest);
  }

  has(peer: Claimant): boolean {
    return (this.#untilMs.get(idOf(peer)) ?? 0) > this.#clock.nowMs();
  }
}

/** Whose word a claim is: on the LAN several nodes may share an address, among strangers an address group is one. */
function idOf(peer: Claimant): string {
  const group = addressGroup(peer.address);
  return peer.trusted ? `${group} ${peer.id.toHex()}` : group;
}

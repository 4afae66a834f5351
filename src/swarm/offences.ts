/**
 * Breaches of the protocol, counted by address group: the first closes the connection, a second within an hour bans.
 * One alone may be a fault in a program or on the way. Decides no more than "again or not". Bounded.
 */
import type { Clock } from '../lib/clock.ts';
import { addressGroup } from './address.ts';

export const OFFENCE_MEMORY_MS = 3_600_000;
const MAX_OFFENDERS = 4_096;

export class Offences {
  readonly #clock: Clock;
  /** Address group → when, the oldest first. */
  readonly #last = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Notes one; true when it is the second within the hour. The count then begins anew. */
  isRepeated(host: string): boolean {
    const group = addressGroup(host);
    const now = this.#clock.nowMs();
    const last = this.#last.get(group);
    this.#last.delete(group);
    if (last !== undefined && now - last < OFFENCE_MEMORY_MS) return true;
    this.#last.set(group, now);
    if (this.#last.size > MAX_OFFENDERS) {
      const [oldest] = this.#last.keys();
      if (oldest !== undefined) this.#last.delete(oldest);
    }
    return false;
  }
}

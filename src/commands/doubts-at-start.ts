/**
 * What is odd about this machine when the daemon starts, in words for people: nothing of it keeps it from serving, but it
 * explains what goes wrong later. Pure.
 */

/** A machine's clock is off by seconds, or by years. */
const CLOCK_SLACK_MS = 24 * 3600_000;

export interface Surroundings {
  readonly wallMs: number;
  /** When this program was made, or put here. */
  readonly madeMs: number;
  /** This machine's own addresses, loopback apart. */
  readonly addresses: readonly string[];
}

export function doubtsAtStart({ wallMs, madeMs, addresses }: Surroundings): string[] {
  const doubts: string[] = [];
  if (wallMs < madeMs - CLOCK_SLACK_MS) {
    const date = new Date(wallMs).toISOString().slice(0, 10);
    doubts.push(
      `this machine's clock says ${date}, when this program wasn't made yet: set it (timedatectl), or APT takes good archives for not yet valid`,
    );
  }
  if (addresses.length === 0)
    doubts.push(
      'this machine has no network now: APT gets what is in the cache, and all else as soon as there is one',
    );
  return doubts;
}

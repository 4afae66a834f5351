/**
 * What each host may have of us, in packets (lib/budget.ts is for all of them together). Memory is bounded: hosts beyond
 * the most that are remembered are refused until the next spell. Pure but for the times handed in.
 */

const SPELL_MS = 10_000;
const MAX_HOSTS = 2_000;

/** At most `most` for one host in ten seconds. */
export class HostBudgets {
  readonly #most: number;
  readonly #counts = new Map<string, number>();
  #spellMs = Number.NEGATIVE_INFINITY;

  constructor(most: number) {
    this.#most = most;
  }

  spend(host: string, nowMs: number): boolean {
    if (nowMs - this.#spellMs >= SPELL_MS) {
      this.#counts.clear();
      this.#spellMs = nowMs;
    }
    const count = this.#counts.get(host) ?? 0;
    if (count >= this.#most || (count === 0 && this.#counts.size >= MAX_HOSTS)) return false;
    this.#counts.set(host, count + 1);
    return true;
  }
}

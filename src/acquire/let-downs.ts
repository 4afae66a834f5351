/**
 * Pieces of one flight that were promised and didn't come: rejected, cut off in the middle, or not what was said. It
 * decides for how long such a piece isn't asked for at that address again: else a peer that says it has a piece each
 * time it fails to give it (after a REJECT, on a new connection, under a new peer id) is asked for ever, and the
 * mirror never. By address group, as that alone is dear; nobody is blamed, for all of it happens to honest peers, too.
 * Pure. Bounded: the oldest make room.
 */

/** The first times cost nothing: files go, connections break. */
const FORGIVEN = 2;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;
/** Two files of the most pieces, so to say. */
const MAX_KEPT = 4_096;

interface LetDown {
  times: number;
  untilMs: number;
}

export class LetDowns {
  /** By address group, then by piece. */
  readonly #groups = new Map<string, Map<number, LetDown>>();
  #kept = 0;

  add(group: string, piece: number, nowMs: number): void {
    const pieces = this.#groups.get(group) ?? new Map<number, LetDown>();
    this.#groups.set(group, pieces);
    const letDown = pieces.get(piece) ?? { times: 0, untilMs: 0 };
    if (letDown.times === 0) this.#kept += 1;
    letDown.times += 1;
    const further = letDown.times - FORGIVEN - 1;
    if (further >= 0) letDown.untilMs = nowMs + Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** further);
    pieces.set(piece, letDown);
    if (this.#kept > MAX_KEPT) this.#dropOldest();
  }

  /** Which pieces may not be asked for there now; undefined when all may. */
  barredAt(group: string, nowMs: number): ((piece: number) => boolean) | undefined {
    const pieces = this.#groups.get(group);
    return pieces && ((piece) => (pieces.get(piece)?.untilMs ?? 0) > nowMs);
  }

  #dropOldest(): void {
    for (const [group, pieces] of this.#groups) {
      this.#kept -= pieces.size;
      this.#groups.delete(group);
      return;
    }
  }
}

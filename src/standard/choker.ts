/**
 * Who is unchoked. In an archive swarm nobody gives in order to get; here reciprocity is what keeps leechers giving.
 *
 *  - While we fetch: those that give us most, and one by lot (optimistic), who may prove to be better; a newcomer is
 *    three times as likely to be that one, as it has nothing to give yet. A peer that has gone silent ranks as one that
 *    gives nothing.
 *  - When we have all: everybody in turn. Who has a slot keeps it until it was given its share, then the one that has
 *    waited longest comes next. Whoever could take more than its share pushes nobody out.
 *
 * Pure but for the times and lots handed in. Source: BEP 3; libtorrent's round-robin seed choker.
 */

/** As much of a peer as is looked at. */
export interface ChokeTaker {
  readonly isInterested: boolean;
  /** By us. */
  readonly isChoked: boolean;
  /** It owes us blocks and sends none. */
  readonly isSnubbing: boolean;
  /** What it sends us. */
  readonly bytesPerSecond: number;
  readonly connectedMs: number;
  /** When it was choked or unchoked last, and what it was given since. */
  readonly turnedMs: number;
  readonly givenBytes: number;
}

export interface ChokeRules {
  /** How many may be unchoked. */
  readonly slots: number;
  readonly isSeed: boolean;
  /** Of a seed's slot. */
  readonly shareBytes: number;
}

/** How often the one by lot is another. */
export const OPTIMISTIC_MS = 30_000;
/** A connection younger than this is a newcomer's. */
const NEWCOMER_MS = 60_000;
const NEWCOMER_WEIGHT = 3;
/** A seed's slot lasts so long at least, … */
export const SHORTEST_SLOT_MS = 10_000;
/** … and so long at most, when somebody waits. */
export const LONGEST_SLOT_MS = 60_000;

export class Choker<T extends ChokeTaker> {
  readonly #draw: () => number;
  #optimistic: T | undefined;
  #optimisticSinceMs = Number.NEGATIVE_INFINITY;

  /** `draw`: 0 to 1. */
  constructor(draw: () => number) {
    this.#draw = draw;
  }

  /** Who is to be unchoked from now on. */
  choose(peers: Iterable<T>, rules: ChokeRules, nowMs: number): Set<T> {
    const interested = [...peers].filter(({ isInterested }) => isInterested);
    if (rules.isSeed) return inTurn(interested, rules, nowMs);
    const ranked = interested.toSorted((a, b) => worth(b) - worth(a));
    if (ranked.length <= rules.slots) return new Set(ranked);
    const chosen = new Set(ranked.slice(0, Math.max(0, rules.slots - 1)));
    const others = ranked.filter((peer) => !chosen.has(peer));
    const isDue = nowMs - this.#optimisticSinceMs >= OPTIMISTIC_MS;
    if (isDue || !this.#optimistic || !others.includes(this.#optimistic)) {
      this.#optimistic = this.#byLot(others, nowMs);
      this.#optimisticSinceMs = nowMs;
    }
    if (this.#optimistic) chosen.add(this.#optimistic);
    return chosen;
  }

  #byLot(peers: readonly T[], nowMs: number): T | undefined {
    const weights = peers.map(({ connectedMs }) => (nowMs - connectedMs < NEWCOMER_MS ? NEWCOMER_WEIGHT : 1));
    let left = this.#draw() * weights.reduce((sum, weight) => sum + weight, 0);
    return peers.find((_, i) => {
      left -= weights[i] as number;
      return left < 0;
    });
  }
}

function worth({ isSnubbing, bytesPerSecond }: ChokeTaker): number {
  return isSnubbing ? -1 : bytesPerSecond;
}

function inTurn<T extends ChokeTaker>(peers: readonly T[], rules: ChokeRules, nowMs: number): Set<T> {
  const keeps = (peer: T) => !peer.isChoked && !isServed(peer, rules, nowMs);
  const ranked = peers.toSorted((a, b) => {
    if (keeps(a) !== keeps(b)) return keeps(a) ? -1 : 1;
    // Who has had its share comes behind those that wait.
    if (a.isChoked !== b.isChoked) return a.isChoked ? -1 : 1;
    return a.turnedMs - b.turnedMs;
  });
  return new Set(ranked.slice(0, rules.slots));
}

function isServed({ turnedMs, givenBytes }: ChokeTaker, { shareBytes }: ChokeRules, nowMs: number): boolean {
  const heldMs = nowMs - turnedMs;
  return heldMs >= LONGEST_SLOT_MS || (heldMs >= SHORTEST_SLOT_MS && givenBytes >= shareBytes);
}

/**
 * One swarm at one list of trackers, over one address family: which tracker is asked next, and when. The list is gone
 * through in BEP 12's order, from its beginning at each announce, until one answers; those that failed lately wait
 * for their own retry, and only the one that answered last keeps the rhythm. Pure but for the times handed in.
 */
import { Budget } from '../lib/budget.ts';
import { Announcing } from './announcing.ts';
import type { Family } from './tracker-addresses.ts';
import type { TrackerTiers } from './tracker-tiers.ts';

/** Announces that others can make us make: some at once, then one every five minutes. */
const SOON_AT_ONCE = 3;
const SOON_A_SECOND = 1 / 300;

export interface TrackerTaskOptions {
  readonly infoHash: string;
  readonly family: Family;
  readonly tiers: TrackerTiers;
  readonly nowMs: number;
}

export class TrackerTask {
  readonly infoHash: string;
  readonly family: Family;
  /** Its announces are on their way. */
  running = false;
  readonly #tiers: TrackerTiers;
  readonly #members: ReadonlyMap<string, Announcing>;
  /** The one that answered last. */
  #current: Announcing | undefined;
  readonly #soon: Budget;
  /** Somebody came while an announce was on its way. */
  #isMissed = false;

  constructor({ infoHash, family, tiers, nowMs }: TrackerTaskOptions) {
    this.infoHash = infoHash;
    this.family = family;
    this.#tiers = tiers;
    this.#soon = new Budget(SOON_AT_ONCE, SOON_A_SECOND, nowMs);
    this.#members = new Map(tiers.inOrder().map((url) => [url, new Announcing(nowMs)]));
  }

  /** When to go through the list next. */
  get nextMs(): number {
    return this.#current?.nextMs ?? Math.min(...[...this.#members.values()].map(({ nextMs }) => nextMs));
  }

  /** Whom to ask now, in this order, until one has answered. */
  *round(nowMs: () => number): Generator<readonly [url: string, announcing: Announcing]> {
    for (const url of this.#tiers.inOrder()) {
      const announcing = this.#members.get(url);
      if (announcing && (announcing === this.#current || announcing.mayBeTried(nowMs())))
        yield [url, announcing];
    }
  }

  answered(url: string): void {
    this.#current = this.#members.get(url);
    this.#tiers.answered(url);
  }

  /** After an announce to it that came to nothing. */
  failed(url: string): void {
    if (this.#current === this.#members.get(url)) this.#current = undefined;
  }

  hurry(nowMs: number): void {
    for (const announcing of this.#current ? [this.#current] : this.#members.values())
      announcing.hurry(nowMs);
  }

  /**
   * Somebody has come whom a tracker that answers may know. Before it allows another announce nothing is changed by
   * more of them, and they can't make us announce much more often than we would.
   */
  strangerCame(nowMs: number): void {
    if (this.running) this.#isMissed = true;
    else if (this.#current?.mayComeSooner(nowMs) && this.#soon.spend(1, nowMs)) this.#current.hurry(nowMs);
  }

  /** The round has ended. */
  ended(nowMs: number): void {
    this.running = false;
    if (this.#isMissed) this.strangerCame(nowMs);
    this.#isMissed = false;
  }

  complete(nowMs: number): void {
    for (const announcing of this.#members.values()) announcing.complete(nowMs);
  }

  /** Those to whom `stopped` has to be said; what is on its way may have been heard, too. */
  *goodbyes(): Generator<readonly [url: string, announcing: Announcing]> {
    for (const [url, announcing] of this.#members)
      if (announcing.isKnown || (this.running && announcing === this.asked)) yield [url, announcing];
  }

  /** Who is being asked at this moment. */
  asked: Announcing | undefined;
}

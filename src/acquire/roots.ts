/**
 * Which root a flight follows, out of what peers state, and who stated what as their own: the basis of every
 * judgement later (docs/protocol.md "What a hash of a part is worth", "Blame"). Decides; asks nobody.
 */
import { addressGroup } from '../swarm/address.ts';
import type { Offer } from '../swarm/offer.ts';
import type { Peer } from '../swarm/peer.ts';

export interface Statement {
  readonly peer: Peer;
  readonly rootHex: string;
}

const MAX_STATEMENTS = 256;

export class Roots {
  /** The signed root, if there is one: no other is followed. */
  readonly signedHex: string | undefined;
  readonly #own = new Map<Peer, string>();
  /** Roots under which the file turned out wrong, or whose layer nobody gave. */
  readonly #dropped = new Set<string>();

  constructor(signed: Uint8Array | undefined) {
    this.signedHex = signed?.toHex();
  }

  note(offer: Offer): void {
    if (!offer.root || !offer.ownStatement) return;
    this.#own.set(offer.peer, offer.rootHex);
    if (this.#own.size > MAX_STATEMENTS) this.#dropOneOfTheMost();
  }

  /** Of the address group that has most: whoever comes first, and often, can't hide those that come later. */
  #dropOneOfTheMost(): void {
    const groups = new Map<string, Peer[]>();
    for (const peer of this.#own.keys()) {
      const group = addressGroup(peer.address);
      groups.set(group, [...(groups.get(group) ?? []), peer]);
    }
    let most: Peer[] = [];
    for (const peers of groups.values()) if (peers.length > most.length) most = peers;
    if (most[0]) this.#own.delete(most[0]);
  }

  drop(rootHex: string): void {
    this.#dropped.add(rootHex);
  }

  /** What spoke against dropped roots has turned out false itself. */
  reinstate(): void {
    this.#dropped.clear();
  }

  /** The root worth following among these offers: signed, then the one with most weight; undefined when none is left. */
  choose(offers: Iterable<Offer>): Offer | undefined {
    let best: Offer | undefined;
    let bestWeight = -1;
    for (const offer of offers) {
      const { rootHex } = offer;
      if (offer.closed || rootHex === '' || this.#dropped.has(rootHex)) continue;
      if (this.signedHex !== undefined && rootHex !== this.signedHex) continue;
      const weight = this.#weight(rootHex) * 4 + (offer.peer.trusted ? 2 : 0) + (offer.ownStatement ? 1 : 0);
      if (weight <= bestWeight) continue;
      best = offer;
      bestWeight = weight;
    }
    return best;
  }

  /** An offer of somebody who vouches for another root than this one; undefined when all agree. */
  rival(offers: Iterable<Offer>, rootHex: string): Offer | undefined {
    for (const offer of offers) {
      if (offer.closed || !offer.ownStatement || offer.rootHex === '' || offer.rootHex === rootHex) continue;
      if (!this.#dropped.has(offer.rootHex)) return offer;
    }
    return undefined;
  }

  /** Whether pieces under this root may go to apt before the whole file is verified. */
  released(rootHex: string): boolean {
    return rootHex === this.signedHex || this.#weight(rootHex) >= 2;
  }

  /** Peers that stated another root than the file turned out to have. */
  liars(trueRootHex: string): Peer[] {
    return [...this.#own].filter(([, rootHex]) => rootHex !== trueRootHex).map(([peer]) => peer);
  }

  /** True when somebody must be wrong, so that it is worth finding out the true root. */
  get contradictory(): boolean {
    return this.#dropped.size > 0 || new Set(this.#own.values()).size > 1;
  }

  /** A LAN or given peer counts for two, an address group of strangers for one. */
  #weight(rootHex: string): number {
    const groups = new Set<string>();
    let trusted = 0;
    for (const [peer, stated] of this.#own) {
      if (stated !== rootHex) continue;
      if (peer.trusted) trusted = 2;
      else groups.add(addressGroup(peer.address));
    }
    return trusted + groups.size;
  }
}

/**
 * Who made which swarm known, so that a flood of made-up info-hashes costs its author and nobody else. A swarm is
 * charged to the network (/24, for IPv6 /48) of its first peer, and is lonely until a peer of another network joins.
 * Only lonely swarms are given up: first the newest of the network that has most, as somebody who floods goes on
 * while honest swarms were there before or find a second peer. Knows no peers; peer-table.ts acts on what is said here.
 */
import { wordAt } from './peer-columns.ts';
import type { Draw } from './peer-list.ts';

/** One network's swarms. */
export interface SwarmOwner {
  readonly network: number;
  /** Lonely or not. */
  swarms: number;
  /** In the order in which they came. */
  readonly lonely: OwnedSwarm[];
}

/** What a swarm remembers for this. */
export interface OwnedSwarm {
  /** None: nobody's, for instance because the operator named it; it is never given up. */
  owner: SwarmOwner | undefined;
  /** Its place among all lonely ones; -1 when it isn't. */
  lonelyAt: number;
}

/** Lonely swarms that are looked at to find the network that floods. */
const SAMPLES = 16;

export class SwarmOwners<S extends OwnedSwarm> {
  readonly #draw: Draw;
  readonly #owners = new Map<number, SwarmOwner>();
  readonly #lonely: S[] = [];

  constructor(draw: Draw) {
    this.#draw = draw;
  }

  /** Swarms that a peer's network made known. */
  countOf(compact: Uint8Array): number {
    return this.#owners.get(networkOf(compact))?.swarms ?? 0;
  }

  /** The newest lonely swarm of that network. */
  newestOf(compact: Uint8Array): S | undefined {
    return this.#owners.get(networkOf(compact))?.lonely.at(-1) as S | undefined;
  }

  /** The newest lonely swarm of a network that has many of them. */
  newestOfMost(): S | undefined {
    let most: SwarmOwner | undefined;
    for (let i = 0; i < SAMPLES && this.#lonely.length > 0; i += 1) {
      const owner = this.#lonely[Math.floor(this.#draw() * this.#lonely.length)]?.owner;
      if (owner && owner.lonely.length > (most?.lonely.length ?? 0)) most = owner;
    }
    return most?.lonely.at(-1) as S | undefined;
  }

  /** A new swarm, whose first peer this is. */
  charge(swarm: S, compact: Uint8Array): void {
    const network = networkOf(compact);
    const owner = this.#owners.get(network) ?? { network, swarms: 0, lonely: [] };
    this.#owners.set(network, owner);
    owner.swarms += 1;
    owner.lonely.push(swarm);
    swarm.owner = owner;
    swarm.lonelyAt = this.#lonely.push(swarm) - 1;
  }

  /** A peer joined; the swarm may not be lonely any more. */
  joined(swarm: S, compact: Uint8Array): void {
    if (swarm.lonelyAt >= 0 && swarm.owner?.network !== networkOf(compact)) this.#endLoneliness(swarm);
  }

  /** The swarm is gone. */
  forget(swarm: S): void {
    if (swarm.lonelyAt >= 0) this.#endLoneliness(swarm);
    const { owner } = swarm;
    if (!owner) return;
    owner.swarms -= 1;
    if (owner.swarms === 0) this.#owners.delete(owner.network);
    swarm.owner = undefined;
  }

  #endLoneliness(swarm: S): void {
    const last = this.#lonely.pop() as S;
    if (last !== swarm) {
      this.#lonely[swarm.lonelyAt] = last;
      last.lonelyAt = swarm.lonelyAt;
    }
    swarm.lonelyAt = -1;
    const ofOwner = swarm.owner?.lonely ?? [];
    // Most often it is the newest.
    ofOwner.splice(ofOwner.lastIndexOf(swarm), 1);
  }
}

/** A number for the /24 of an IPv4 peer, another for the /48 of an IPv6 one. */
function networkOf(compact: Uint8Array): number {
  const first = wordAt(compact, 0);
  if (compact.length === 6) return first >>> 8;
  return 2 ** 48 + first * 2 ** 16 + (wordAt(compact, 4) >>> 16);
}

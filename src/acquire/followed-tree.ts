/**
 * A hash tree that peers state the root of, and the fetching of its layer: from one of them, and from another as well
 * when the first takes long. It decides when that is, and until when the layer is worth waiting for; which tree is
 * followed, and what is to be believed of it, is FlightTrust's. docs/protocol.md "The plan".
 */
import type { Clock } from '../lib/clock.ts';
import type { Offer } from '../swarm/offer.ts';
import type { Peer } from '../swarm/peer.ts';

/** A layer on its way is waited for like any answer, so long at least. */
const MIN_LAYER_WAIT_MS = 250;
/** A layer that doesn't come within this time is asked of another, or another tree is followed. */
const LAYER_MS = 1_000;

export interface FollowedTreeHost {
  readonly clock: Clock;
  /** The layer is here, for the first time. */
  layerCame(tree: FollowedTree): void;
  /** This offer's peer can't or won't give it; `isLast`: nor does anybody else any more. */
  layerFailed(tree: FollowedTree, offer: Offer, isLast: boolean): void;
}

export class FollowedTree {
  readonly hex: string;
  readonly root: Uint8Array;
  layer: Uint8Array | undefined;
  readonly #host: FollowedTreeHost;
  readonly #sinceMs: number;
  readonly #asked = new Set<Peer>();
  #askedMs = 0;
  #pending = 0;

  /** Asks the offer's peer, which states `root`. */
  constructor(host: FollowedTreeHost, offer: Offer, root: Uint8Array) {
    this.#host = host;
    this.hex = offer.rootHex;
    this.root = root;
    this.#sinceMs = host.clock.nowMs();
    this.ask(offer);
  }

  /** Asks this one, too: whoever answers first counts. */
  ask(offer: Offer): void {
    this.#asked.add(offer.peer);
    this.#askedMs = this.#host.clock.nowMs();
    this.#pending += 1;
    offer.peer.layer(offer).then(
      (layer) => {
        if (this.layer) return;
        this.layer = layer;
        this.#host.layerCame(this);
      },
      () => {
        this.#pending -= 1;
        if (!this.layer) this.#host.layerFailed(this, offer, this.#pending === 0);
      },
    );
  }

  wasAskedOf(peer: Peer): boolean {
    return this.#asked.has(peer);
  }

  /** Long asked for, and not here. */
  get isLate(): boolean {
    return !this.layer && this.#host.clock.nowMs() - this.#askedMs >= LAYER_MS;
  }

  /** Until when the layer is worth waiting for; undefined when it is here, or only those are asked that don't answer. */
  get untilMs(): number | undefined {
    if (this.layer) return undefined;
    const waits = [...this.#asked].filter((p) => !p.withholdsHashes).map((p) => p.answerWaitMs);
    return waits.length === 0 ? undefined : this.#sinceMs + Math.max(MIN_LAYER_WAIT_MS, ...waits);
  }
}

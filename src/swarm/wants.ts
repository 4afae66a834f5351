/**
 * What this node looks for, and who was asked: one number a key, the same towards every peer. It decides whom to ask
 * and for how long an answer is worth waiting; not where bytes come from. docs/protocol.md "want", "none".
 */
import type { Clock } from '../lib/clock.ts';
import type { Sha256 } from '../lib/sha256.ts';
import { Pieces } from '../torrent/pieces.ts';
import type { Offer } from './offer.ts';
import type { Peer } from './peer.ts';

/** Who looks for a file. Called synchronously; must not throw. */
export interface Seeker {
  /** A peer has it, or has more or less of it than before, or may be asked (again). */
  offered(offer: Offer): void;
  /** Nothing may be asked of this offer any more; pieces asked of it have failed before. */
  gone(offer: Offer): void;
  /** Somebody who was waited for has answered `none` or is gone. */
  answered(): void;
  /** Another node looks for the same file, no longer does, or claims another part of it. */
  fellowsChanged(): void;
  /** A whole piece, not yet checked. The bytes are good until this returns. */
  arrived(offer: Offer, piece: number, bytes: Uint8Array): void;
  /** A piece that was asked won't come from this offer (rejected, cut, withdrawn). */
  failed(offer: Offer, piece: number): void;
}

/** A want goes to this many peers first, to more as they answer `none`. */
const FIRST_ASKED = 16;
/** Most want numbers before the node's numbers start anew (below 2^31, docs/protocol.md). */
const LAST_NUMBER = 2 ** 31 - 2;

export class Want {
  readonly number: number;
  readonly key: Sha256;
  readonly pieces: Pieces;
  readonly swarms: readonly string[];
  readonly seeker: Seeker;
  readonly offers = new Map<Peer, Offer>();
  /** Peers asked and not yet answered → when we stop waiting for them. */
  readonly unanswered = new Map<Peer, number>();
  readonly asked = new Set<Peer>();

  constructor(number: number, key: Sha256, sizeBytes: number, swarms: readonly string[], seeker: Seeker) {
    this.number = number;
    this.key = key;
    this.pieces = new Pieces(sizeBytes);
    this.swarms = swarms;
    this.seeker = seeker;
  }

  /** The latest moment at which an answer that isn't here is still waited for. */
  answersUntilMs(): number | undefined {
    let latest: number | undefined;
    for (const until of this.unanswered.values()) latest = Math.max(latest ?? until, until);
    return latest;
  }
}

export class Wants {
  readonly #clock: Clock;
  readonly #byNumber = new Map<number, Want>();
  readonly #byKey = new Map<Sha256, Want>();
  #next = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get(number: number): Want | undefined {
    return this.#byNumber.get(number);
  }

  open(
    key: Sha256,
    sizeBytes: number,
    swarms: readonly string[],
    seeker: Seeker,
    peers: Iterable<Peer>,
  ): Want {
    while (this.#next >= LAST_NUMBER || this.#byNumber.has(this.#next))
      this.#next = this.#next >= LAST_NUMBER ? 0 : this.#next + 1;
    const want = new Want(this.#next, key, sizeBytes, swarms, seeker);
    this.#next += 1;
    this.#byNumber.set(want.number, want);
    this.#byKey.set(key, want);
    this.#ask(want, peers);
    return want;
  }

  close(want: Want): void {
    this.#byNumber.delete(want.number);
    this.#byKey.delete(want.key);
    for (const peer of want.asked) peer.unwant(want);
    for (const offer of want.offers.values()) offer.closed = true;
    want.offers.clear();
    want.unanswered.clear();
  }

  /** A peer is ready to be asked, or shares more swarms than before. */
  peerReady(peer: Peer): void {
    for (const want of this.#byNumber.values()) {
      if (want.unanswered.size + want.offers.size < FIRST_ASKED) this.#askOne(want, peer);
    }
  }

  /** A peer has begun or ceased to look for this file, or has claimed a part of it. */
  fellowChanged(key: Sha256): void {
    this.#byKey.get(key)?.seeker.fellowsChanged();
  }

  /** Open wants that this peer was asked for. */
  *askedOf(peer: Peer): Generator<Want> {
    for (const want of this.#byNumber.values()) if (want.asked.has(peer)) yield want;
  }

  /** A peer answered `none`, or for the first time `have`. */
  answered(want: Want, peer: Peer, peers: Iterable<Peer>): void {
    if (!want.unanswered.delete(peer)) return;
    if (want.offers.size === 0) this.#ask(want, peers);
    want.seeker.answered();
  }

  peerGone(peer: Peer): void {
    for (const want of this.#byNumber.values()) {
      want.asked.delete(peer);
      const waited = want.unanswered.delete(peer);
      const offer = want.offers.get(peer);
      if (offer) {
        offer.closed = true;
        want.offers.delete(peer);
        want.seeker.gone(offer);
      } else if (waited) {
        want.seeker.answered();
      }
    }
  }

  #ask(want: Want, peers: Iterable<Peer>): void {
    for (const peer of peers) {
      if (want.unanswered.size + want.offers.size >= FIRST_ASKED) return;
      this.#askOne(want, peer);
    }
  }

  #askOne(want: Want, peer: Peer): void {
    if (want.asked.has(peer) || !want.swarms.some((s) => peer.shares(s))) return;
    if (!peer.want(want)) return;
    want.asked.add(peer);
    want.unanswered.set(peer, this.#clock.nowMs() + peer.answerWaitMs);
  }
}

/**
 * Who offers a flight's file, and what is asked of whom: offers are numbered for the plan, which knows them by that
 * number only. Whether an offer's bytes can be judged, and so be asked for, is FlightTrust's word.
 */
import type { Clock } from '../lib/clock.ts';
import { addressGroup } from '../swarm/address.ts';
import type { Offer } from '../swarm/offer.ts';
import type { FlightTrust } from './flight-trust.ts';
import { LetDowns } from './let-downs.ts';
import { ASKED, type OfferView } from './plan.ts';
import type { Progress } from './progress.ts';

/** What may be queued at one peer by flights that have nothing else queued there. */
const MAX_QUEUED_BYTES = 64 * 1024 * 1024;

export class FlightOffers {
  readonly #progress: Progress;
  readonly #trust: FlightTrust;
  readonly #ids = new Map<Offer, number>();
  readonly #byId = new Map<number, Offer>();
  readonly #clock: Clock;
  readonly #letDowns = new LetDowns();
  #nextId = 0;

  constructor(progress: Progress, trust: FlightTrust, clock: Clock) {
    this.#progress = progress;
    this.#trust = trust;
    this.#clock = clock;
  }

  get isEmpty(): boolean {
    return this.#ids.size === 0;
  }

  all(): Iterable<Offer> {
    return this.#ids.keys();
  }

  /** False when it is known already: it says more now. */
  add(offer: Offer): boolean {
    if (this.#ids.has(offer)) return false;
    this.#ids.set(offer, this.#nextId);
    this.#byId.set(this.#nextId, offer);
    this.#nextId += 1;
    return true;
  }

  /** What was asked of it is missing again. */
  remove(offer: Offer): void {
    const id = this.#ids.get(offer);
    if (id === undefined) return;
    this.#ids.delete(offer);
    this.#byId.delete(id);
    const { state, askedOf } = this.#progress;
    for (let piece = 0; piece < state.length; piece += 1) {
      if (state[piece] === ASKED && askedOf[piece] === id) this.#progress.missing(piece);
    }
  }

  /** A piece that was asked of it won't come, or isn't what it said. */
  failed(offer: Offer, piece: number): void {
    const { state, askedOf } = this.#progress;
    // One that chokes, or gives it to another first, has said so: it isn't let down.
    if (!offer.peer.choked && !offer.isHeldBack(piece))
      this.#letDowns.add(addressGroup(offer.peer.address), piece, this.#clock.nowMs());
    if (state[piece] === ASKED && askedOf[piece] === this.#ids.get(offer)) this.#progress.missing(piece);
    offer.set(piece, false);
  }

  /** For the log. */
  addressOf(id: number): string {
    return this.#byId.get(id)?.peer.address ?? 'a peer that is gone';
  }

  /** Asks offer `id` for a piece; whoever was asked before no longer is. */
  ask(id: number, piece: number): void {
    const offer = this.#byId.get(id);
    if (!offer) return;
    if (this.#progress.state[piece] === ASKED) this.takeBack(piece);
    this.#progress.asked(piece, id);
    offer.peer.ask(offer, piece);
  }

  /** What a peer was asked for isn't needed any more. The piece's state is the caller's to set. */
  takeBack(piece: number): void {
    const offer = this.#byId.get(this.#progress.askedOf[piece] ?? -1);
    offer?.peer.cancel(offer, piece);
  }

  takeAllBack(): void {
    const { state } = this.#progress;
    for (let piece = 0; piece < state.length; piece += 1) if (state[piece] === ASKED) this.takeBack(piece);
  }

  /** Offers that may be asked now, as the plan sees them. */
  views(mirrorWorks: boolean): OfferView[] {
    const usable: OfferView[] = [];
    const nowMs = this.#clock.nowMs();
    for (const [offer, id] of this.#ids) {
      const { peer } = offer;
      const may = peer.choked ? undefined : this.#trust.askable(offer, mirrorWorks);
      if (!may) continue;
      const isBarred = this.#letDowns.barredAt(addressGroup(peer.address), nowMs);
      usable.push({
        id,
        has: isBarred ? (piece) => !isBarred(piece) && may.has(piece) : may.has,
        all: may.all && !isBarred,
        promises: (piece) => offer.isHeldBack(piece),
        roomBytes: this.#roomBytes(offer, id),
        bytesPerSecond: peer.bytesPerSecond(),
        latencyMs: peer.latencyMs,
        queuedBytes: peer.queuedBytes,
        silentMs: peer.silentMs(),
        isUntried: peer.bytesDown === 0,
        waiting: () => peer.waiting(offer),
      });
    }
    return usable;
  }

  /** For how long the one that owes us bytes and sent some last has been silent; undefined when none owes any. */
  silentMs(): number | undefined {
    let silentMs: number | undefined;
    for (const { peer } of this.#ids.keys()) {
      if (peer.queuedBytes > 0) silentMs = Math.min(silentMs ?? Number.POSITIVE_INFINITY, peer.silentMs());
    }
    return silentMs;
  }

  /** However much other flights have queued at a peer, each may have one piece there: none waits for another's end. */
  #roomBytes({ peer, closed }: Offer, id: number): number {
    const room = peer.roomBytes();
    if (room > 0 || closed || peer.queuedBytes >= MAX_QUEUED_BYTES) return room;
    return this.#progress.askedOf.includes(id) ? room : 1;
  }
}

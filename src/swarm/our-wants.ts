/**
 * Our wants at one peer and what it answers: the asking side of the dialogue. It decides which wants travel together,
 * what an answer means (an offer, or none), and for how long one of this peer is worth waiting for; who is asked at
 * all is Wants', what becomes of an offer the flights'. docs/protocol.md "want", "have", "none".
 */
import type { Clock } from '../lib/clock.ts';
import { ProtocolError } from '../lib/errors.ts';
import {
  type ArchiveMessage,
  Grade,
  type HaveEntry,
  MAX_WANT_KEYS,
  type NumberRange,
} from '../wire/archive-ext.ts';
import { openNumbersIn } from './number-ranges.ts';
import { Offer } from './offer.ts';
import { OfferNumbers } from './offer-numbers.ts';
import type { Peer } from './peer.ts';
import { MAX_OPEN_WANTS } from './their-wants.ts';
import type { Want, Wants } from './wants.ts';

/** What it needs of the node. */
export interface OurWantsNode {
  readonly clock: Clock;
  readonly wants: Wants;
}

/** How long an answer is waited for at first, and at most. */
const FIRST_ANSWER_WAIT_MS = 150;
const MAX_ANSWER_WAIT_MS = 500;
const MIN_ANSWER_WAIT_MS = 100;
/** A want that isn't answered by then counts as left unanswered. */
const UNANSWERED_MS = 2_000;
/** A peer that left this many wants unanswered in a row isn't waited for. */
const MAX_LEFT_UNANSWERED = 3;
/** Wants ahead that one peer is asked at a time: half of all that may be open. */
export const MAX_AHEAD_WANTS = 512;
/** What the last answer counts in how often one has what we look for. */
const HISTORY_WEIGHT = 0.1;

/** All offers of a peer are looked at no more often than this, however often it chokes and unchokes. */
const MIN_TOLD_MS = 50;

export class OurWants {
  readonly #peer: Peer;
  readonly #node: OurWantsNode;
  readonly #say: (message: ArchiveMessage) => void;
  #batch: Want[] = [];
  #cancelFlush: (() => void) | undefined;
  #toldMs = Number.NEGATIVE_INFINITY;
  #cancelTold: (() => void) | undefined;
  readonly #numbers = new OfferNumbers();
  /** What it has not answered: since when; undefined = so long that it was counted. */
  readonly #askedMs = new Map<number, number | undefined>();
  #answerMs: number | undefined;
  #leftUnanswered = 0;
  /** Wants that the peer holds open for us. */
  #open = 0;
  /** 0 to 1, from its answers so far; in between while there are none. */
  #haveShare = 0.5;

  constructor(peer: Peer, node: OurWantsNode, say: (message: ArchiveMessage) => void) {
    this.#peer = peer;
    this.#node = node;
    this.#say = say;
  }

  /** How often it has what we look for: 0 to 1. */
  get haveShare(): number {
    return this.#haveShare;
  }

  /** It was asked several times and said nothing. */
  get isSilent(): boolean {
    return this.#leftUnanswered >= MAX_LEFT_UNANSWERED;
  }

  /** More than it may be asked at once would close the connection; what is wanted ahead leaves room for the rest. */
  isFullFor({ isAhead }: Want): boolean {
    return this.#open >= (isAhead ? MAX_AHEAD_WANTS : MAX_OPEN_WANTS);
  }

  /** Wants of one turn of the event loop travel together. */
  add(want: Want): void {
    this.#open += 1;
    this.#cancelFlush ??= this.#node.clock.after(0, () => this.#flush());
    this.#batch.push(want);
    // Whoever takes us for a stranger says nothing of a security update that it lacks: that isn't held against it.
    this.#askedMs.set(want.number, want.isSecurity ? undefined : this.#node.clock.nowMs());
  }

  /** What was wanted ahead is fetched from now on; what wasn't sent yet goes as it is then. */
  mean(want: Want): void {
    if (!this.#batch.includes(want)) this.#say({ kind: 'want', first: want.number, keys: [want.key] });
  }

  remove(want: Want): void {
    this.#open -= 1;
    const offer = want.offers.get(this.#peer);
    if (offer) this.#numbers.remove(offer);
    const at = this.#batch.indexOf(want);
    // One that was sent is answered all the same: however soon we find the file elsewhere, who is silent is noticed.
    if (at >= 0) this.#batch.splice(at, 1);
    else this.#say({ kind: 'unwant', ranges: [{ first: want.number, count: 1 }] });
    if (at >= 0 || this.#askedMs.get(want.number) === undefined) this.#askedMs.delete(want.number);
  }

  // ---- what the peer says ----

  /** Throws ProtocolError for what can't be meant honestly. */
  have(entry: HaveEntry): void {
    const { wants } = this.#node;
    const peer = this.#peer;
    this.#answered(entry.want, true);
    const want = wants.get(entry.want);
    if (!want?.asked.has(peer)) return; // a `have` crossing an `unwant`
    const { pieces } = want;
    // Another size than the catalogue's, or no root where one is needed: not our file.
    const hasTree = entry.root !== undefined || entry.grade === Grade.firstHand;
    if (entry.sizeBytes !== pieces.sizeBytes || (!pieces.isSingle && !hasTree)) {
      return wants.answered(want, peer);
    }
    if (entry.pieces && entry.pieces.length !== Math.ceil(pieces.count / 8)) {
      throw new ProtocolError('a bitfield of a wrong length');
    }
    let offer = want.offers.get(peer);
    if (offer && offer.firstPiece !== entry.firstPiece) {
      this.#numbers.renumber(offer);
      offer.closed = true;
      want.seeker.gone(offer);
      offer = undefined;
    }
    if (!offer) {
      offer = new Offer(peer, want, entry.firstPiece);
      this.#numbers.add(offer);
      want.offers.set(peer, offer);
    }
    offer.state(entry.grade, entry.root, entry.pieces);
    if (entry.firstHand) offer.hear(entry.firstHand, true);
    if (entry.secondHand) offer.hear(entry.secondHand, false);
    want.unanswered.delete(peer);
    want.seeker.offered(offer);
  }

  none(ranges: readonly NumberRange[]): void {
    const { wants } = this.#node;
    for (const number of openNumbersIn(ranges, this.#askedMs)) {
      this.#answered(number, false);
      const want = wants.get(number);
      if (want?.asked.has(this.#peer)) wants.answered(want, this.#peer);
    }
  }

  /** HAVE and lt_donthave, in the peer's numbers. */
  piece(number: number, present: boolean): void {
    const offer = this.#numbers.find(number);
    if (!offer || offer.closed) return;
    offer.set(number - offer.firstPiece, present);
    offer.want.seeker.offered(offer);
  }

  /** All that this peer offers may be asked for (again). */
  offersChanged(): void {
    const { clock } = this.#node;
    const now = clock.nowMs();
    if (now - this.#toldMs < MIN_TOLD_MS) {
      this.#cancelTold ??= clock.after(MIN_TOLD_MS, () => {
        this.#cancelTold = undefined;
        this.offersChanged();
      });
      return;
    }
    this.#toldMs = now;
    for (const offer of this.#numbers.offers()) offer.want.seeker.offered(offer);
  }

  // ---- how long it takes ----

  /** Milliseconds. `queueMs`: what the payload that is on its way to us will take, as an answer queues behind it. */
  waitMs(queueMs: number): number {
    if (this.isSilent) return 0;
    if (this.#answerMs === undefined) return FIRST_ANSWER_WAIT_MS;
    return Math.min(MAX_ANSWER_WAIT_MS, Math.max(MIN_ANSWER_WAIT_MS, 4 * this.#answerMs) + 2 * queueMs);
  }

  /** Now and then: counts what was left unanswered. */
  tick(): void {
    if (this.#askedMs.size === 0) return;
    const now = this.#node.clock.nowMs();
    for (const [number, since] of this.#askedMs) {
      if (since === undefined || now - since < UNANSWERED_MS) continue;
      this.#leftUnanswered += 1;
      if (this.#node.wants.get(number)?.asked.has(this.#peer)) this.#askedMs.set(number, undefined);
      else this.#askedMs.delete(number);
    }
  }

  close(): void {
    this.#cancelFlush?.();
    this.#cancelTold?.();
    this.#batch = [];
  }

  /** The peer has answered this want, one way or the other. */
  #answered(number: number, had: boolean): void {
    const since = this.#askedMs.get(number);
    this.#askedMs.delete(number);
    if (since === undefined) return;
    const sample = this.#node.clock.nowMs() - since;
    this.#answerMs = this.#answerMs === undefined ? sample : 0.7 * this.#answerMs + 0.3 * sample;
    this.#leftUnanswered = 0;
    this.#haveShare += HISTORY_WEIGHT * (Number(had) - this.#haveShare);
  }

  /** As few messages as runs of numbers and the limit of keys allow. */
  #flush(): void {
    this.#cancelFlush = undefined;
    const batch = this.#batch;
    this.#batch = [];
    for (let from = 0; from < batch.length; ) {
      const { number: first, isAhead } = batch[from] as Want;
      let to = from + 1;
      const follows = (want: Want | undefined) =>
        want?.number === first + to - from && want.isAhead === isAhead;
      while (to < batch.length && to - from < MAX_WANT_KEYS && follows(batch[to])) to += 1;
      const keys = batch.slice(from, to).map((want) => want.key);
      this.#say({ kind: 'want', first, keys, ...(isAhead && { ahead: true }) });
      from = to;
    }
  }
}

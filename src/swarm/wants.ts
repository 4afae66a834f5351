/**
 * What this node looks for, and who was asked: one number a key, the same towards every peer. It decides whom to ask
 * and for how long an answer is worth waiting; not where bytes come from. docs/protocol.md "want", "none".
 *
 * Sixteen peers are asked first (of a file of one piece, 64): near ones, then those that often had what we looked for, with a good deal of chance, so
 * that the others get their turn. Who answers `none`, or doesn't answer in time, makes room for another; who never
 * answers is asked last and counts for nothing. Once somebody has it nobody else is asked until it has taken a while.
 */
import type { Clock } from '../lib/clock.ts';
import type { Sha256 } from '../lib/sha256.ts';
import { Pieces } from '../torrent/pieces.ts';
import type { Offer } from './offer.ts';
import type { Peer } from './peer.ts';
import { Privacy } from './privacy.ts';

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

/** A want goes to this many peers first, to more as they answer `none` or let the time pass. */
const FIRST_ASKED = 16;
/** Of a file of one piece to all that there are: who hears of it late goes to the mirror for it meanwhile. */
const FIRST_ASKED_SMALL = 64;
/** To so many more when those that have it bring nothing. */
const FURTHER_ASKED = 8;
/**
 * As many more each time this has passed and the file isn't here yet: for a large one more sources are worth it, and
 * those that say they have it may be of no use.
 */
const ASK_MORE_MS = 2_000;
/** How much chance there is in the order, where always having it against never having it is 1. */
const LOT_WEIGHT = 0.5;
/** Missing answers are looked at no more often than this. */
const LOOK_MS = 20;
/** Most want numbers before the node's numbers start anew (below 2^31, docs/protocol.md). */
const LAST_NUMBER = 2 ** 31 - 2;

/** A file as a want names it: an Entry is one. */
export interface Wanted {
  readonly key: Sha256;
  readonly sizeBytes: number;
  readonly swarms: readonly string[];
  /** Only those that the operator has chosen may learn that we look for it (privacy.ts). */
  readonly isSecurity?: boolean;
}

export class Want {
  readonly number: number;
  readonly key: Sha256;
  readonly pieces: Pieces;
  readonly swarms: readonly string[];
  readonly isSecurity: boolean;
  /** Another's, when what was wanted ahead is fetched. */
  seeker: Seeker;
  /** Nobody fetches it yet. */
  isAhead: boolean;
  readonly offers = new Map<Peer, Offer>();
  /** Peers asked and not yet answered → when we stop waiting for them. */
  readonly unanswered = new Map<Peer, number>();
  readonly asked = new Set<Peer>();
  openedMs: number;
  /** Those to be asked yet, the next one last. */
  readonly queue: Peer[] = [];

  constructor(number: number, what: Wanted, seeker: Seeker, openedMs: number, isAhead = false) {
    this.number = number;
    this.key = what.key;
    this.pieces = new Pieces(what.sizeBytes);
    this.swarms = what.swarms;
    this.isSecurity = what.isSecurity ?? false;
    this.seeker = seeker;
    this.openedMs = openedMs;
    this.isAhead = isAhead;
  }

  /** The latest moment at which an answer that isn't here is still waited for. */
  answersUntilMs(): number | undefined {
    let latest: number | undefined;
    for (const until of this.unanswered.values()) latest = Math.max(latest ?? until, until);
    return latest;
  }
}

const STRANGER = { trusted: false, known: false };

export class Wants {
  readonly #clock: Clock;
  readonly #draw: () => number;
  readonly #privacy: Privacy;
  readonly #byNumber = new Map<number, Want>();
  readonly #byKey = new Map<Sha256, Want>();
  #next = 0;
  /** When missing answers are looked at next. */
  #lookMs = Number.POSITIVE_INFINITY;
  #cancelLook: (() => void) | undefined;

  /** `draw`: 0 to 1. */
  constructor(clock: Clock, draw: () => number, privacy: Privacy = new Privacy()) {
    this.#clock = clock;
    this.#draw = draw;
    this.#privacy = privacy;
  }

  /** How many files are looked for. */
  get size(): number {
    return this.#byNumber.size;
  }

  /**
   * Whether anything is looked for that everybody may know of: that it is a security update only, or wanted
   * ahead, is nobody's business.
   */
  get areOpen(): boolean {
    for (const want of this.#byNumber.values())
      if (this.#privacy.mayLearn(STRANGER, isConfidential(want))) return true;
    return false;
  }

  get(number: number): Want | undefined {
    return this.#byNumber.get(number);
  }

  /**
   * `peers`: all that can be asked now; others come by `peerReady`. What was wanted ahead is taken over, with the answers
   * that have come: the caller looks at its offers.
   */
  open(what: Wanted, seeker: Seeker, peers: Iterable<Peer>): Want {
    const ahead = this.#byKey.get(what.key);
    return ahead?.isAhead ? this.#mean(ahead, seeker, peers) : this.#open(what, seeker, peers, false);
  }

  /**
   * Asks who has it though nobody fetches it yet: the answers are here then. Few are asked, no more when time passes, and
   * no strangers: they would learn what is installed here. Undefined when it is looked for already.
   */
  openAhead(what: Wanted, seeker: Seeker, peers: Iterable<Peer>): Want | undefined {
    return this.#byKey.has(what.key) ? undefined : this.#open(what, seeker, peers, true);
  }

  #mean(want: Want, seeker: Seeker, peers: Iterable<Peer>): Want {
    want.seeker = seeker;
    want.isAhead = false;
    want.openedMs = this.#clock.nowMs();
    for (const peer of want.asked) peer.mean(want);
    want.queue.length = 0;
    want.queue.push(...this.#inOrder([...peers].filter((peer) => this.#mayAsk(want, peer))));
    this.#ask(want);
    return want;
  }

  #open(what: Wanted, seeker: Seeker, peers: Iterable<Peer>, isAhead: boolean): Want {
    while (this.#next >= LAST_NUMBER || this.#byNumber.has(this.#next))
      this.#next = this.#next >= LAST_NUMBER ? 0 : this.#next + 1;
    const want = new Want(this.#next, what, seeker, this.#clock.nowMs(), isAhead);
    this.#next += 1;
    this.#byNumber.set(want.number, want);
    this.#byKey.set(want.key, want);
    want.queue.push(...this.#inOrder([...peers].filter((peer) => this.#mayAsk(want, peer))));
    this.#ask(want);
    return want;
  }

  close(want: Want): void {
    this.#byNumber.delete(want.number);
    this.#byKey.delete(want.key);
    for (const peer of want.asked) peer.unwant(want);
    for (const offer of want.offers.values()) offer.closed = true;
    want.offers.clear();
    want.unanswered.clear();
    want.queue.length = 0;
  }

  /** A peer is ready to be asked, or shares more swarms than before. */
  peerReady(peer: Peer): void {
    for (const want of this.#byNumber.values()) {
      if (this.#hopes(want) < firstAsked(want)) this.#askOne(want, peer);
      else if (this.#mayAsk(want, peer) && !want.queue.includes(peer)) want.queue.unshift(peer);
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
  answered(want: Want, peer: Peer): void {
    if (!want.unanswered.delete(peer)) return;
    this.#ask(want);
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
        this.#ask(want);
        want.seeker.gone(offer);
      } else if (waited) {
        this.#ask(want);
        want.seeker.answered();
      }
    }
  }

  /** Those that say they have it bring nothing: others are asked as well. */
  askFurther(want: Want): void {
    for (let i = 0; i < FURTHER_ASKED && want.queue.length > 0; i += 1)
      this.#askOne(want, want.queue.pop() as Peer);
  }

  /** The node stops. */
  stop(): void {
    this.#cancelLook?.();
  }

  /** Whether this peer may learn that we look for the file: by being asked, by a claim of ours. */
  mayLearn(want: Want, peer: Peer): boolean {
    return want.swarms.some((s) => peer.shares(s)) && this.#privacy.mayLearn(peer, isConfidential(want));
  }

  #mayAsk(want: Want, peer: Peer): boolean {
    return !want.asked.has(peer) && this.mayLearn(want, peer);
  }

  /** A stranger that lacks a security update doesn't say so. */
  #mayBeMute(want: Want, peer: Peer): boolean {
    return want.isSecurity && !peer.known;
  }

  /** Asks as many more as it takes. */
  #ask(want: Want): void {
    while (want.queue.length > 0 && this.#isShort(want)) this.#askOne(want, want.queue.pop() as Peer);
    if (want.queue.length > 0 && !want.isAhead)
      this.#lookAt(want.openedMs + this.#rounds(want) * ASK_MORE_MS);
  }

  #isShort(want: Want): boolean {
    const rounds = this.#rounds(want);
    if (rounds > 1 && want.asked.size < rounds * firstAsked(want)) return true;
    return want.offers.size === 0 && this.#hopes(want) < firstAsked(want);
  }

  /** 1 at first, and one more each time that it takes long. */
  #rounds({ openedMs, isAhead }: Want): number {
    return isAhead ? 1 : 1 + Math.floor((this.#clock.nowMs() - openedMs) / ASK_MORE_MS);
  }

  /** Who is to be asked first comes last. */
  #inOrder(peers: readonly Peer[]): Peer[] {
    return peers
      .map((peer) => ({ peer, rank: this.#rank(peer) }))
      .sort((a, b) => a.rank - b.rank)
      .map(({ peer }) => peer);
  }

  /** The highest goes first. */
  #rank(peer: Peer): number {
    if (peer.isSilent) return -1;
    return (peer.trusted ? 2 : 0) + peer.haveShare + LOT_WEIGHT * this.#draw();
  }

  #askOne(want: Want, peer: Peer): void {
    if (!this.#mayAsk(want, peer) || !peer.want(want)) return;
    const untilMs = this.#clock.nowMs() + (this.#mayBeMute(want, peer) ? 0 : peer.answerWaitMs);
    want.asked.add(peer);
    want.unanswered.set(peer, untilMs);
    if (!peer.isSilent) this.#lookAt(untilMs);
  }

  /** How many have it, or may still say so in time. */
  #hopes(want: Want): number {
    const now = this.#clock.nowMs();
    let hopes = want.offers.size;
    for (const [peer, untilMs] of want.unanswered) if (untilMs > now && !peer.isSilent) hopes += 1;
    return hopes;
  }

  #lookAt(atMs: number): void {
    const dueMs = Math.max(atMs, this.#clock.nowMs() + LOOK_MS);
    if (dueMs >= this.#lookMs) return;
    this.#cancelLook?.();
    this.#lookMs = dueMs;
    this.#cancelLook = this.#clock.after(dueMs - this.#clock.nowMs(), () => this.#look());
  }

  /** Others are asked in the place of those whose time has passed. */
  #look(): void {
    this.#cancelLook = undefined;
    this.#lookMs = Number.POSITIVE_INFINITY;
    const now = this.#clock.nowMs();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const want of this.#byNumber.values()) {
      this.#ask(want);
      for (const untilMs of want.unanswered.values()) if (untilMs > now) nextMs = Math.min(nextMs, untilMs);
    }
    if (Number.isFinite(nextMs)) this.#lookAt(nextMs);
  }
}

/** Who is asked learns what is installed here, or what fix is lacking: that is not for strangers. */
function isConfidential({ isSecurity, isAhead }: Want): boolean {
  return isSecurity || isAhead;
}

function firstAsked({ pieces, isAhead }: Want): number {
  return pieces.isSingle && !isAhead ? FIRST_ASKED_SMALL : FIRST_ASKED;
}

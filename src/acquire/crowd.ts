/**
 * The other nodes that look for the same file right now, and what this node has told them. It keeps claims up to date
 * and finds those that are not kept; how the mirror is divided is decided by share-out.ts.
 */
import type { Clock } from '../lib/clock.ts';
import type { Sha256 } from '../lib/sha256.ts';
import type { Peer } from '../swarm/peer.ts';
import type { Swarms } from '../swarm/swarms.ts';
import type { Want } from '../swarm/wants.ts';
import type { NumberRange } from '../wire/archive-ext.ts';
import {
  type Fellow,
  type OwnRun,
  patienceMs,
  runLimit,
  type Share,
  type ShareOutView,
  shareOut,
} from './share-out.ts';

/** What a peer is assumed to send us a second before anything was measured. */
export const ASSUMED_RATE = 4 * 1024 * 1024;
/** Who has so many peers sees a part of the swarm only: a crowd may be larger than it looks. */
const WIDE_PEERS = 40;
/** A mirror that hardly moves: nobody waits that long anyway. */
const LONGEST_CLAIM_MS = 3_600_000;
/** A claim counts for nothing while it is stuck; its maker's other claims, when it is stuck for so many times as long. */
const BREAK_AFTER = 3;
/** A claim is told anew when it slips by this much, and by this part of what is left. */
const SLIP_MS = 500;
const SLIP_SHARE = 0.25;

/** What the flight knows; the crowd adds who else is there. */
export type CrowdView = Omit<ShareOutView, 'ownRank' | 'fellows' | 'nowMs'>;

export class Crowd {
  readonly #want: Want;
  readonly #swarms: Swarms;
  readonly #clock: Clock;
  readonly #ownRank: string;
  readonly #ranks = new WeakMap<Peer, string>();
  #claim: { readonly pieces: readonly NumberRange[]; dueMs: number } | undefined;
  readonly #told = new Set<Peer>();
  /** Where the others are in what they claimed, and since when. */
  readonly #places = new WeakMap<Peer, { readonly first: number; readonly sinceMs: number }>();

  constructor(want: Want, swarms: Swarms, clock: Clock) {
    this.#want = want;
    this.#swarms = swarms;
    this.#clock = clock;
    this.#ownRank = rankOf(swarms.peerId, want.key);
  }

  /** Those who haven't got the whole file, as far as we know. */
  *peers(): Generator<Peer> {
    for (const peer of this.#swarms.fellows(this.#want)) {
      if (!this.#want.offers.get(peer)?.ownStatement) yield peer;
    }
  }

  /** The swarm is larger than what this node sees of it, perhaps by far. */
  get isWide(): boolean {
    return this.#want.asked.size >= WIDE_PEERS;
  }

  get isEmpty(): boolean {
    return this.peers().next().done === true;
  }

  share(view: CrowdView): Share {
    this.#findBroken(view, this.#clock.nowMs());
    return shareOut(this.#view(view));
  }

  /** How far a run of ours may go, now that others work, too. */
  limit(view: CrowdView, run: OwnRun): number {
    return runLimit(this.#view(view), run);
  }

  #view(view: CrowdView): ShareOutView {
    const fellows = [...this.peers()].map((p) => this.#fellow(p));
    return { ...view, nowMs: this.#clock.nowMs(), ownRank: this.#ownRank, fellows };
  }

  /** This node fetches pieces [from, to) from the mirror, due in `etaMs`. */
  claim(from: number, to: number, etaMs: number): void {
    if (from >= to) return;
    const leftMs = Math.min(etaMs, LONGEST_CLAIM_MS);
    const dueMs = this.#clock.nowMs() + leftMs;
    const before = this.#claim?.pieces[0];
    const isSame = before !== undefined && before.first + before.count === to && before.first <= from;
    if (isSame && this.#claim && Math.abs(this.#claim.dueMs - dueMs) < Math.max(SLIP_MS, SLIP_SHARE * leftMs))
      return this.tellNewcomers();
    this.#claim = { pieces: [{ first: from, count: to - from }], dueMs };
    this.#told.clear();
    this.tellNewcomers();
  }

  /** Whoever began to look for the file after the claim was made hears of it, too. */
  tellNewcomers(): void {
    const claim = this.#claim;
    if (!claim) return;
    for (const peer of this.#listeners()) {
      if (this.#told.has(peer)) continue;
      this.#told.add(peer);
      peer.claim(this.#want, claim.pieces, claim.dueMs - this.#clock.nowMs());
    }
  }

  /** A small file is here before who begins to look for it has heard of a claim: all are told that may begin to. */
  *#listeners(): Generator<Peer> {
    if (this.#want.pieces.isSingle) yield* this.#want.asked;
    else yield* this.peers();
  }

  /** What was claimed is here, or given up. */
  unclaim(): void {
    this.#claim = undefined;
    this.#told.clear();
  }

  #fellow(peer: Peer): Fellow {
    return {
      rank: this.#rank(peer),
      claim: this.#openClaim(peer),
      broken: this.#swarms.isClaimBroken(peer),
      latencyMs: peer.latencyMs,
      bytesPerSecond: peer.bytesPerSecond() ?? ASSUMED_RATE,
    };
  }

  /** What a peer has claimed and doesn't offer yet, and for how long the first of it has been the same. */
  #openClaim(peer: Peer): Fellow['claim'] {
    const claim = peer.claimOn(this.#want.key);
    if (!claim) return undefined;
    const offer = this.#want.offers.get(peer);
    const has = (piece: number) => claim.has(piece) && !offer?.has(piece);
    const end = this.#want.pieces.count;
    let first = claim.first;
    while (first < end && !has(first)) first += 1;
    if (first >= end) return undefined;
    const nowMs = this.#clock.nowMs();
    const place = this.#places.get(peer);
    if (place?.first !== first) this.#places.set(peer, { first, sinceMs: nowMs });
    const stuckMs = place?.first === first ? nowMs - place.sinceMs : 0;
    return { begin: claim.first, first, has, dueMs: claim.dueMs, stuckMs };
  }

  /** Whoever has claimed and brings nothing, long after it was due at first, isn't believed any more. */
  #findBroken(view: CrowdView, nowMs: number): void {
    for (const peer of this.peers()) {
      const claim = this.#openClaim(peer);
      if (!claim || !view.needed(claim.first)) continue;
      const patience = patienceMs(view);
      const isOverdue = claim.dueMs + patience < nowMs && nowMs - view.movedMs > patience;
      if (isOverdue || claim.stuckMs > BREAK_AFTER * patience) this.#swarms.breakClaim(peer);
    }
  }

  #rank(peer: Peer): string {
    let rank = this.#ranks.get(peer);
    if (rank === undefined) {
      rank = rankOf(peer.id, this.#want.key);
      this.#ranks.set(peer, rank);
    }
    return rank;
  }
}

/** Who goes first for this file: hash(peer id ‖ key), so that each file has another order. */
export function rankOf(peerId: Uint8Array, key: Sha256): string {
  return new Bun.CryptoHasher('sha256').update(peerId).update(Buffer.from(key, 'hex')).digest('hex');
}

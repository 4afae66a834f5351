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
import { type Fellow, patienceMs, type Share, type ShareOutView, shareOut } from './share-out.ts';

/** What a peer is assumed to send us a second before anything was measured. */
const ASSUMED_RATE = 4 * 1024 * 1024;
/** A claim is told anew when it slips by this much. */
const SLIP_MS = 500;

export class Crowd {
  readonly #want: Want;
  readonly #swarms: Swarms;
  readonly #clock: Clock;
  readonly #ownRank: string;
  readonly #ranks = new WeakMap<Peer, string>();
  #claim: { readonly pieces: readonly NumberRange[]; dueMs: number } | undefined;
  readonly #told = new Set<Peer>();

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

  get isEmpty(): boolean {
    return this.peers().next().done === true;
  }

  share(view: Omit<ShareOutView, 'ownRank' | 'fellows' | 'nowMs'>): Share {
    const nowMs = this.#clock.nowMs();
    this.#findBroken(view, nowMs);
    return shareOut({
      ...view,
      nowMs,
      ownRank: this.#ownRank,
      fellows: [...this.peers()].map((p) => this.#fellow(p)),
    });
  }

  /** This node fetches pieces [from, to) from the mirror, due in `etaMs`. */
  claim(from: number, to: number, etaMs: number): void {
    if (from >= to) return;
    const dueMs = this.#clock.nowMs() + etaMs;
    const before = this.#claim?.pieces[0];
    const isSame = before !== undefined && before.first + before.count === to && before.first <= from;
    if (isSame && this.#claim && Math.abs(this.#claim.dueMs - dueMs) < SLIP_MS) return this.tellNewcomers();
    this.#claim = { pieces: [{ first: from, count: to - from }], dueMs };
    this.#told.clear();
    this.tellNewcomers();
  }

  /** Whoever began to look for the file after the claim was made hears of it, too. */
  tellNewcomers(): void {
    const claim = this.#claim;
    if (!claim) return;
    for (const peer of this.peers()) {
      if (this.#told.has(peer)) continue;
      this.#told.add(peer);
      peer.claim(this.#want, claim.pieces, claim.dueMs - this.#clock.nowMs());
    }
  }

  /** What was claimed is here, or given up. */
  unclaim(): void {
    this.#claim = undefined;
    this.#told.clear();
  }

  #fellow(peer: Peer): Fellow {
    const claim = peer.claimOn(this.#want.key);
    return {
      rank: this.#rank(peer),
      claim,
      broken: this.#swarms.isClaimBroken(peer),
      latencyMs: peer.latencyMs,
      bytesPerSecond: peer.bytesPerSecond() ?? ASSUMED_RATE,
    };
  }

  /** A claim that is overdue while nothing at all has reached us is broken, and its maker's claims count no more. */
  #findBroken(view: Pick<ShareOutView, 'needed' | 'mirrorMs' | 'movedMs'>, nowMs: number): void {
    const patience = patienceMs(view.mirrorMs);
    if (nowMs - view.movedMs < patience) return;
    for (const peer of this.peers()) {
      const claim = peer.claimOn(this.#want.key);
      if (!claim || claim.dueMs + patience >= nowMs) continue;
      if (claim.pieces().some((piece) => view.needed(piece))) this.#swarms.breakClaim(peer);
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

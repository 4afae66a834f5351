/**
 * Who is unchoked. Only a peer that is being sent something takes one of the slots; whoever is idle stays unchoked for
 * nothing, so that a small file costs two round trips. When all slots are taken, who asks is choked and waits for its
 * turn; slots go round every few seconds. The local network comes first, then addresses that have no slot, then who has
 * waited longest; but one turn in four goes to who has waited longest, whoever that is. Pure but for what it tells the
 * peers: each hears at once when it is choked or unchoked. No tit-for-tat: files are free at the mirror, so it would
 * mean nothing.
 * Source: BEP 3 (choking), docs/protocol.md "Uploads".
 */
import type { AddressShare } from './upload-turns.ts';

/** One connection, as the slots see it. */
export interface SlotTaker {
  readonly isNear: boolean;
  readonly share: AddressShare;
  /** It looks for something that we offered it. */
  readonly isInterested: boolean;
  /** Requests of it wait, or a piece of it is under way. */
  readonly isBusy: boolean;
  /** A piece was begun for it and isn't done. */
  readonly isMidPiece: boolean;
  isChoked: boolean;
  /** Its slot ends with the piece that is under way. */
  isEnding: boolean;
  /** When it got its slot; undefined without one. */
  slotSinceMs: number | undefined;
  /** When it was last sent something, or may be expected to ask at last. */
  activeMs: number;
  /** Says CHOKE, and REJECT to what waits. */
  choke(): void;
  /** Says UNCHOKE. */
  unchoke(): void;
}

/** A slot that isn't used for this long goes to who needs one. */
const IDLE_MS = 250;
/** Who was unchoked has this long to ask for something. */
const ANSWER_MS = 1_000;
/**
 * While others wait, a slot is kept for this long; by a near peer four times as long while only strangers wait, by a
 * stranger for half of it when a near peer waits.
 */
const SLOT_MS = 2_000;
/** A piece that is under way when the slot ends may take this much longer. */
const LAST_PIECE_MS = 4_000;
/** One turn in so many goes to who has waited longest, near or not. */
const OPTIMISTIC_TURN = 4;

export class UploadSlots<T extends SlotTaker> {
  /** May change: who holds a slot keeps it until its turn is over. */
  count: number;
  readonly #holders = new Set<T>();
  /** Choked, who has waited longest first. */
  readonly #choked = new Set<T>();
  #turns = 0;
  #isShut = false;

  constructor(count: number) {
    this.count = count;
  }

  /** Slots that are taken. */
  get taken(): number {
    return this.#holders.size;
  }

  /** `rotate` is to be called now and then. */
  get isAwaited(): boolean {
    if (!this.#isShut) return this.#choked.size > 0;
    for (const taker of this.#choked) if (taker.isNear) return true;
    return false;
  }

  /** Whether nobody beyond the local network is given anything: who has a slot is choked now, others when they ask. */
  set isShut(isShut: boolean) {
    this.#isShut = isShut;
    if (!isShut) return;
    for (const holder of [...this.#holders]) if (this.#isBarred(holder)) this.#choke(holder);
  }

  /** A new connection: unchoked while there are slots, else choked (which is how a connection begins, so nothing is said). */
  join(taker: T): void {
    taker.isChoked = this.#holders.size >= this.count || this.#isBarred(taker);
    if (taker.isChoked) this.#choked.add(taker);
  }

  leave(taker: T): void {
    this.#choked.delete(taker);
    this.#release(taker);
  }

  /** It asks for something. False: it has no slot, is choked now, and its requests are to be rejected. */
  ask(taker: T, nowMs: number): boolean {
    if (taker.isChoked) return false;
    if (this.#isBarred(taker)) {
      this.#choke(taker);
      return false;
    }
    if (taker.slotSinceMs !== undefined) return true;
    if (this.#holders.size >= this.count && !this.#makeRoom(taker, nowMs)) {
      this.#choke(taker);
      return false;
    }
    this.#take(taker, nowMs);
    return true;
  }

  /** The piece under way of one whose slot is ending is done. */
  pieceDone(taker: T, nowMs: number): void {
    if (taker.isEnding) this.#handOver(taker, nowMs);
  }

  /** Slots that are free or have been kept for long enough go to those who wait. */
  rotate(nowMs: number): void {
    for (const holder of this.#holders) {
      const { slotSinceMs = nowMs } = holder;
      if (isIdle(holder, nowMs)) this.#release(holder);
      else if (holder.isEnding && nowMs - slotSinceMs > SLOT_MS + LAST_PIECE_MS)
        this.#handOver(holder, nowMs);
    }
    while (this.#holders.size < this.count) {
      const next = this.#nextWaiting();
      if (!next) {
        // Slots are left over: whoever doesn't want anything now needn't wait when it does.
        for (const taker of [...this.#choked]) if (!this.#isBarred(taker)) this.#unchoke(taker);
        return;
      }
      this.#giveSlot(next, nowMs);
    }
    this.#endOldest(nowMs);
  }

  /** As many slots as are waited for, and have been kept for long enough, end. */
  #endOldest(nowMs: number): void {
    let near = 0;
    let waiting = 0;
    for (const taker of this.#choked) {
      if (!taker.isInterested || this.#isBarred(taker)) continue;
      waiting += 1;
      if (taker.isNear) near += 1;
    }
    // Holders are in the order in which they got their slots.
    for (const holder of [...this.#holders]) {
      if (waiting <= 0) return;
      const keepsMs = keptMs(holder.isNear, near > 0);
      if (!holder.isEnding && nowMs - (holder.slotSinceMs ?? nowMs) < keepsMs) continue;
      waiting -= 1;
      if (!holder.isEnding) this.#end(holder, nowMs);
    }
  }

  #nextWaiting(): T | undefined {
    const isOptimistic = this.#turns % OPTIMISTIC_TURN === OPTIMISTIC_TURN - 1;
    let best: T | undefined;
    for (const taker of this.#choked) {
      if (!taker.isInterested || this.#isBarred(taker)) continue;
      if (!best || (!isOptimistic && deserves(taker, best))) best = taker;
      if (isOptimistic) break;
    }
    if (best) this.#turns += 1;
    return best;
  }

  /** All slots are taken: one that isn't used, or that is less deserved, goes. */
  #makeRoom(taker: T, nowMs: number): boolean {
    let least: T | undefined;
    for (const holder of this.#holders) {
      if (isIdle(holder, nowMs)) {
        this.#release(holder);
        return true;
      }
      if (holder.isEnding || !deserves(taker, holder, 1)) continue;
      if (!least || deserves(least, holder)) least = holder;
    }
    if (least) this.#end(least, nowMs);
    return least !== undefined;
  }

  #isBarred(taker: T): boolean {
    return this.#isShut && !taker.isNear;
  }

  #end(holder: T, nowMs: number): void {
    holder.isEnding = true;
    if (!holder.isMidPiece) this.#handOver(holder, nowMs);
  }

  /** Its slot goes to who comes next, unless it was taken already. */
  #handOver(holder: T, nowMs: number): void {
    const next = this.#holders.size <= this.count ? this.#nextWaiting() : undefined;
    this.#choke(holder);
    if (next) this.#giveSlot(next, nowMs);
  }

  #giveSlot(taker: T, nowMs: number): void {
    this.#unchoke(taker);
    this.#take(taker, nowMs);
    taker.activeMs = nowMs + ANSWER_MS;
  }

  #take(taker: T, nowMs: number): void {
    this.#holders.add(taker);
    taker.slotSinceMs = nowMs;
    taker.activeMs = nowMs;
    taker.share.slots += 1;
  }

  #release(taker: T): void {
    if (!this.#holders.delete(taker)) return;
    taker.slotSinceMs = undefined;
    taker.isEnding = false;
    taker.share.slots -= 1;
  }

  #choke(taker: T): void {
    this.#release(taker);
    taker.isChoked = true;
    this.#choked.add(taker);
    taker.choke();
  }

  #unchoke(taker: T): void {
    this.#choked.delete(taker);
    taker.isChoked = false;
    taker.unchoke();
  }
}

function isIdle(holder: SlotTaker, nowMs: number): boolean {
  return !holder.isBusy && nowMs - holder.activeMs > IDLE_MS;
}

function keptMs(isNear: boolean, isNearWaiting: boolean): number {
  if (isNear) return isNearWaiting ? SLOT_MS : OPTIMISTIC_TURN * SLOT_MS;
  return isNearWaiting ? SLOT_MS / 2 : SLOT_MS;
}

/** Whether `a` comes before `b`: near ones first, then the address with fewer slots (`b` counting `own` of its own). */
function deserves(a: SlotTaker, b: SlotTaker, own = 0): boolean {
  if (a.isNear !== b.isNear) return a.isNear;
  return a.share.slots < b.share.slots - own;
}

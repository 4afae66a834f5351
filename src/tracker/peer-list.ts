/**
 * The peers of one swarm and one address family. Decides who is in an answer: half of it near the asker (same /24,
 * else /16; for IPv6 same /64, else /48), the rest at random, so that nearness helps and never splits a swarm; never
 * the asker itself, and no seeds to a seed. Costs as many steps as peers are given, however many there are. A loopback
 * peer, which is on the tracker's own machine, is given to others under the address at which they reached the tracker.
 * One network may have so many peers here; then a newcomer takes the place of one of its neighbours.
 * Invariant: slots 0 … size-1 are in use, those that have all before the others; `#index` agrees when there is one.
 */
import { type CompactWidth, PeerColumns, wordAt } from './peer-columns.ts';
import { isInNetwork, type Nearness, PeerIndex } from './peer-index.ts';
import { SlotSet } from './slot-set.ts';

/** A number from 0 (included) to 1 (not): chance comes in from outside. */
export type Draw = () => number;

/** A peer is known by address and port; it has said `complete` when nothing is left for it to download. */
export interface SeenPeer {
  /** 6 or 18 bytes, as compact-peers.ts makes them. */
  readonly compact: Uint8Array;
  readonly complete: boolean;
  readonly nowSeconds: number;
}

/** Who asks, and for how many. */
export interface Choice {
  /** 6 or 18 bytes; when it is of the other family none is near. */
  readonly asker: Uint8Array;
  /** At most MAX_CHOICE. */
  readonly max: number;
  /** Only peers that don't have all. */
  readonly forSeed?: boolean;
  /** The tracker's address as the asker sees it, 4 or 16 bytes. */
  readonly local?: (() => Uint8Array | undefined) | undefined;
}

export const MAX_CHOICE = 200;
/** Peers from which on the list has an index; fewer are looked through. */
const INDEX_FROM = 128;
const INDEX_UNTIL = 64;

/** Of the choice being made; nothing is asynchronous here. */
const chosen = new SlotSet(MAX_CHOICE);

export class PeerList {
  readonly #columns: PeerColumns;
  readonly #draw: Draw;
  readonly #maxNetworkPeers: number;
  #index: PeerIndex | undefined;
  #size = 0;
  #completeCount = 0;

  constructor(width: CompactWidth, draw: Draw, maxNetworkPeers: number) {
    this.#columns = new PeerColumns(width);
    this.#draw = draw;
    this.#maxNetworkPeers = maxNetworkPeers;
  }

  get size(): number {
    return this.#size;
  }

  get completeCount(): number {
    return this.#completeCount;
  }

  has(compact: Uint8Array): boolean {
    return this.#find(compact) >= 0;
  }

  /** Adds the peer, or notes that it is still there. */
  put({ compact, complete, nowSeconds }: SeenPeer): void {
    let slot = this.#find(compact);
    if (slot < 0) {
      this.#leaveRoomInNetwork(compact);
      slot = this.#add(compact);
    }
    this.#columns.setSeen(slot, nowSeconds);
    if (complete !== this.#columns.isComplete(slot)) this.#setComplete(slot, complete);
  }

  remove(compact: Uint8Array): boolean {
    const slot = this.#find(compact);
    if (slot >= 0) this.#removeSlot(slot);
    return slot >= 0;
  }

  removeRandom(): void {
    if (this.#size > 0) this.#removeSlot(Math.floor(this.#draw() * this.#size));
  }

  /** Drops the peers last heard of longer ago than that. */
  expire(nowSeconds: number, afterSeconds: number): void {
    for (let slot = this.#size - 1; slot >= 0; slot -= 1) {
      if (this.#columns.ageSeconds(slot, nowSeconds) > afterSeconds) this.#removeSlot(slot);
    }
    if (this.#size < INDEX_UNTIL) this.#index = undefined;
    if (this.#columns.shrinkTo(this.#size)) this.#index?.reserve();
  }

  /**
   * All peers, in no order, each with two bytes behind its 6 or 18: seconds since it was heard of in steps of eight, and
   * the first bit set when it has all.
   */
  pack(nowSeconds: number): Uint8Array {
    const { width } = this.#columns;
    const bytes = new Uint8Array(this.#size * (width + 2));
    for (let slot = 0; slot < this.#size; slot += 1) {
      const at = slot * (width + 2);
      this.#columns.write(slot, bytes, at);
      const age =
        (this.#columns.ageSeconds(slot, nowSeconds) >>> 3) | (slot < this.#completeCount ? 0x8000 : 0);
      bytes[at + width] = age >>> 8;
      bytes[at + width + 1] = age;
    }
    return bytes;
  }

  /** Up to `max` peers for the asker, concatenated. */
  choose({ asker, max, forSeed = false, local }: Choice): Uint8Array {
    const { width } = this.#columns;
    const from = forSeed ? this.#completeCount : 0;
    if (max < 1 || this.#size === from) return new Uint8Array(0);
    const sameFamily = asker.length === width;
    const self = sameFamily ? this.#find(asker) : -1;
    chosen.clear(self);
    if (this.#size - from - (self >= from ? 1 : 0) <= max) {
      for (let slot = from; slot < this.#size; slot += 1) chosen.add(slot);
    } else {
      if (sameFamily) this.#addNear(asker, Math.floor(max / 2), from);
      // Enough tries to fill the rest even when nearly all are to be chosen; a few short is no harm.
      for (let tries = 8 * max; tries > 0 && chosen.size < max; tries -= 1)
        chosen.add(from + Math.floor(this.#draw() * (this.#size - from)));
    }
    return this.#gather(isLoopback(asker), local);
  }

  /** Up to `max` slots near the asker, nearest kind first, neighbours by turns. */
  #addNear(asker: Uint8Array, max: number, from: number): void {
    for (const kind of [0, 1] as const) {
      if (this.#index) this.#addFromRing(this.#index, kind, asker, max, from);
      else this.#addByLooking(kind, asker, max, from);
    }
  }

  #addFromRing(index: PeerIndex, kind: Nearness, asker: Uint8Array, max: number, from: number): void {
    const first = index.firstNear(kind, asker);
    if (first < 0) return;
    let slot = first;
    // Members that are chosen already, or seeds that aren't to be, cost a step each.
    for (let steps = 4 * max; steps > 0 && chosen.size < max; steps -= 1) {
      if (slot >= from) chosen.add(slot);
      slot = index.nextNear(kind, slot);
      if (slot === first) return;
    }
    index.turnNear(kind, first, slot);
  }

  #addByLooking(kind: Nearness, asker: Uint8Array, max: number, from: number): void {
    const first = wordAt(asker, 0);
    const second = wordAt(asker, 4);
    const count = this.#size - from;
    const start = Math.floor(this.#draw() * count);
    for (let i = 0; i < count && chosen.size < max; i += 1) {
      const slot = from + ((start + i) % count);
      if (isInNetwork(this.#columns, kind, slot, first, second)) chosen.add(slot);
    }
  }

  /** The chosen ones, concatenated. */
  #gather(onLoopback: boolean, local: Choice['local']): Uint8Array {
    const { width } = this.#columns;
    const bytes = new Uint8Array(chosen.size * width);
    let at = 0;
    for (let i = 0; i < chosen.size; i += 1) {
      const slot = chosen.slots[i] as number;
      this.#columns.write(slot, bytes, at);
      if (!onLoopback && this.#isLoopback(slot)) {
        const standIn = local?.();
        if (standIn?.length !== width - 2) continue;
        bytes.set(standIn, at);
      }
      at += width;
    }
    return at === bytes.length ? bytes : bytes.slice(0, at);
  }

  #isLoopback(slot: number): boolean {
    const columns = this.#columns;
    if (columns.width === 6) return columns.word(slot, 0) >>> 24 === 127;
    return (
      columns.word(slot, 0) === 0 &&
      columns.word(slot, 1) === 0 &&
      columns.word(slot, 2) === 0 &&
      columns.word(slot, 3) === 1
    );
  }

  #find(compact: Uint8Array): number {
    if (this.#index) return this.#index.find(compact);
    for (let slot = 0; slot < this.#size; slot += 1) if (this.#columns.hasKey(slot, compact)) return slot;
    return -1;
  }

  #add(compact: Uint8Array): number {
    const slot = this.#size;
    if (slot === this.#columns.capacity) {
      this.#columns.grow();
      this.#index?.reserve();
    }
    this.#columns.setKey(slot, compact);
    this.#size += 1;
    if (this.#index) this.#index.add(slot);
    else if (this.#size >= INDEX_FROM)
      this.#index = new PeerIndex(this.#columns, this.#size, Math.floor(this.#draw() * 2 ** 32));
    return slot;
  }

  /** Removes a neighbour of `compact` when its network has as many peers as it may. */
  #leaveRoomInNetwork(compact: Uint8Array): void {
    if (this.#size < this.#maxNetworkPeers) return;
    let count = 0;
    let victim = -1;
    if (this.#index) {
      const first = this.#index.firstNear(0, compact);
      if (first < 0) return;
      let slot = first;
      do {
        count += 1;
        slot = this.#index.nextNear(0, slot);
      } while (slot !== first && count < this.#maxNetworkPeers);
      victim = first;
    } else {
      const [first, second] = [wordAt(compact, 0), wordAt(compact, 4)];
      for (let slot = 0; slot < this.#size; slot += 1) {
        if (!isInNetwork(this.#columns, 0, slot, first, second)) continue;
        count += 1;
        if (this.#draw() * count < 1) victim = slot;
      }
    }
    if (count >= this.#maxNetworkPeers) this.#removeSlot(victim);
  }

  /** Seeds are the first slots: the peer changes places with the one at the border. */
  #setComplete(slot: number, complete: boolean): void {
    const border = complete ? this.#completeCount : this.#completeCount - 1;
    this.#completeCount += complete ? 1 : -1;
    this.#columns.setComplete(slot, complete);
    if (border === slot) return;
    const spare = this.#columns.capacity;
    this.#move(slot, spare);
    this.#move(border, slot);
    this.#move(spare, border);
  }

  /** The last peer of each kind moves into the gap. */
  #removeSlot(slot: number): void {
    this.#index?.remove(slot);
    let gap = slot;
    if (slot < this.#completeCount) {
      this.#completeCount -= 1;
      this.#move(this.#completeCount, gap);
      gap = this.#completeCount;
    }
    this.#size -= 1;
    this.#move(this.#size, gap);
  }

  #move(from: number, to: number): void {
    if (from === to) return;
    this.#columns.copy(from, to);
    this.#index?.move(from, to);
  }
}

function isLoopback(compact: Uint8Array): boolean {
  if (compact.length === 6) return compact[0] === 127;
  return compact[15] === 1 && compact.subarray(0, 15).every((byte) => byte === 0);
}

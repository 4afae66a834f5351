/**
 * The peers of one swarm and one address family, in columns rather than objects: an IPv4 peer takes about 270 bytes,
 * maps and slack included. Decides who is in an answer: half of it near the asker (same /24, else /16; for IPv6 same
 * /64, else /48), the rest at random, so that nearness helps and never splits a swarm. Never the asker itself. A
 * loopback peer, which is on the tracker's own machine, is given to others under the address at which they reached
 * the tracker. Invariant: slots 0 … size-1 are in use, and `#slotOf` has each of them once.
 */

/** A number from 0 (included) to 1 (not): chance comes in from outside. */
export type Draw = () => number;

/** A peer is known by address and port; it has said `complete` when nothing is left for it to download. */
export interface SeenPeer {
  /** 6 or 18 bytes, as compact-peers.ts makes them. */
  readonly compact: Uint8Array;
  readonly complete: boolean;
  readonly nowSeconds: number;
}

/** Address and port: of IPv4 as a number (48 bits), which a map holds without a string's weight. */
type Key = number | string;

/** Who asks, and for how many. */
export interface Choice {
  /** 6 or 18 bytes; when it is of the other family none is near. */
  readonly asker: Uint8Array;
  readonly max: number;
  /** The tracker's address as the asker sees it, 4 or 16 bytes. */
  readonly local?: Uint8Array;
}

const FIRST_CAPACITY = 4;

export class PeerList {
  readonly #width: 6 | 18;
  readonly #slotOf = new Map<Key, number>();
  /** How many peers (ports) an address has here. */
  readonly #portsOf = new Map<Key, number>();
  #compact: Uint8Array;
  /** First 32 bits of the address: all of it for IPv4. */
  #prefix: Uint32Array;
  #seenSeconds: Uint32Array;
  #complete: Uint8Array;
  #size = 0;
  #completeCount = 0;

  constructor(width: 6 | 18) {
    this.#width = width;
    this.#compact = new Uint8Array(FIRST_CAPACITY * width);
    this.#prefix = new Uint32Array(FIRST_CAPACITY);
    this.#seenSeconds = new Uint32Array(FIRST_CAPACITY);
    this.#complete = new Uint8Array(FIRST_CAPACITY);
  }

  get size(): number {
    return this.#size;
  }

  get completeCount(): number {
    return this.#completeCount;
  }

  has(compact: Uint8Array): boolean {
    return this.#slotOf.has(keyOf(compact));
  }

  /** Peers with the address of `compact`, whatever their port. */
  countAtAddress(compact: Uint8Array): number {
    return this.#portsOf.get(addressOf(keyOf(compact))) ?? 0;
  }

  /** Adds the peer, or notes that it is still there. */
  put({ compact, complete, nowSeconds }: SeenPeer): void {
    const key = keyOf(compact);
    let slot = this.#slotOf.get(key);
    if (slot === undefined) {
      slot = this.#size;
      if (slot === this.#prefix.length) this.#grow();
      this.#size += 1;
      this.#slotOf.set(key, slot);
      this.#count(key, 1);
      this.#compact.set(compact, slot * this.#width);
      this.#prefix[slot] = prefixOf(compact);
      this.#complete[slot] = 0;
    }
    this.#seenSeconds[slot] = nowSeconds;
    this.#setComplete(slot, complete);
  }

  remove(compact: Uint8Array): boolean {
    const slot = this.#slotOf.get(keyOf(compact));
    if (slot === undefined) return false;
    this.#removeSlot(slot);
    return true;
  }

  removeRandom(draw: Draw): void {
    if (this.#size > 0) this.#removeSlot(Math.floor(draw() * this.#size));
  }

  /** Drops the peers last seen before `seconds`. */
  expire(seconds: number): void {
    for (let slot = this.#size - 1; slot >= 0; slot -= 1) {
      if ((this.#seenSeconds[slot] as number) < seconds) this.#removeSlot(slot);
    }
  }

  /** Up to `max` peers for the asker, concatenated. */
  choose({ asker, max, local }: Choice, draw: Draw): Uint8Array {
    if (max < 1 || this.#size === 0) return new Uint8Array(0);
    const sameFamily = asker.length === this.#width;
    const self = sameFamily ? (this.#slotOf.get(keyOf(asker)) ?? -1) : -1;
    const onLoopback = isLoopback(asker);
    const standIn = !onLoopback && local?.length === this.#width - 2 ? local : undefined;
    const chosen = new Set<number>();
    const take = (slot: number) => {
      if (slot !== self && (onLoopback || standIn || !this.#isLoopback(slot))) chosen.add(slot);
    };

    if (this.#size <= max) {
      for (let slot = 0; slot < this.#size; slot += 1) take(slot);
    } else {
      if (sameFamily) for (const slot of this.#near(asker, Math.floor(max / 2), draw)) take(slot);
      // Enough tries to fill the rest even when nearly all are to be chosen; a few short is no harm.
      for (let tries = 8 * max; tries > 0 && chosen.size < max; tries -= 1)
        take(Math.floor(draw() * this.#size));
    }
    return this.#gather([...chosen].slice(0, max), standIn);
  }

  /** Up to `max` slots near the asker, nearest kind first, beginning anywhere so that neighbours take turns. */
  #near(asker: Uint8Array, max: number, draw: Draw): number[] {
    const prefix = prefixOf(asker);
    const start = Math.floor(draw() * this.#size);
    const close: number[] = [];
    const closer: number[] = [];
    for (let i = 0; i < this.#size && closer.length < max; i += 1) {
      const slot = (start + i) % this.#size;
      const differs = ((this.#prefix[slot] as number) ^ prefix) >>> 0;
      if (differs > 0xffff || (this.#width === 18 && differs > 0)) continue;
      const equalBytes = this.#equalBytes(slot, asker);
      if (equalBytes >= (this.#width === 6 ? 3 : 8)) closer.push(slot);
      else if (equalBytes >= (this.#width === 6 ? 2 : 6) && close.length < max) close.push(slot);
    }
    return [...closer, ...close].slice(0, max);
  }

  #equalBytes(slot: number, compact: Uint8Array): number {
    const from = slot * this.#width;
    let equal = 0;
    while (equal < this.#width - 2 && this.#compact[from + equal] === compact[equal]) equal += 1;
    return equal;
  }

  /** These peers, concatenated, with `standIn` for loopback addresses. */
  #gather(slots: readonly number[], standIn: Uint8Array | undefined): Uint8Array {
    const bytes = new Uint8Array(slots.length * this.#width);
    slots.forEach((slot, i) => {
      bytes.set(this.#at(slot), i * this.#width);
      if (standIn && this.#isLoopback(slot)) bytes.set(standIn, i * this.#width);
    });
    return bytes;
  }

  #at(slot: number): Uint8Array {
    return this.#compact.subarray(slot * this.#width, (slot + 1) * this.#width);
  }

  #isLoopback(slot: number): boolean {
    const prefix = this.#prefix[slot] as number;
    if (this.#width === 6) return prefix >>> 24 === 127;
    return prefix === 0 && isLoopback(this.#at(slot));
  }

  #setComplete(slot: number, complete: boolean): void {
    const before = this.#complete[slot] as number;
    this.#complete[slot] = Number(complete);
    this.#completeCount += Number(complete) - before;
  }

  /** The last peer moves into the gap. */
  #removeSlot(slot: number): void {
    const key = keyOf(this.#at(slot));
    this.#setComplete(slot, false);
    this.#slotOf.delete(key);
    this.#count(key, -1);
    this.#size -= 1;
    const last = this.#size;
    if (slot === last) return;
    this.#slotOf.set(keyOf(this.#at(last)), slot);
    this.#compact.copyWithin(slot * this.#width, last * this.#width, (last + 1) * this.#width);
    this.#prefix[slot] = this.#prefix[last] as number;
    this.#seenSeconds[slot] = this.#seenSeconds[last] as number;
    this.#complete[slot] = this.#complete[last] as number;
    this.#complete[last] = 0;
  }

  #count(key: Key, change: 1 | -1): void {
    const address = addressOf(key);
    const count = (this.#portsOf.get(address) ?? 0) + change;
    if (count > 0) this.#portsOf.set(address, count);
    else this.#portsOf.delete(address);
  }

  #grow(): void {
    const capacity = this.#prefix.length * 2;
    this.#compact = grown(this.#compact, new Uint8Array(capacity * this.#width));
    this.#prefix = grown(this.#prefix, new Uint32Array(capacity));
    this.#seenSeconds = grown(this.#seenSeconds, new Uint32Array(capacity));
    this.#complete = grown(this.#complete, new Uint8Array(capacity));
  }
}

function grown<T extends Uint8Array | Uint32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

function keyOf(compact: Uint8Array): Key {
  if (compact.length !== 6) return String.fromCharCode(...compact);
  return prefixOf(compact) * 0x10000 + ((compact[4] as number) << 8) + (compact[5] as number);
}

function addressOf(key: Key): Key {
  return typeof key === 'string' ? key.slice(0, -2) : Math.floor(key / 0x10000);
}

function prefixOf([a = 0, b = 0, c = 0, d = 0]: Uint8Array): number {
  return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
}

function isLoopback(compact: Uint8Array): boolean {
  if (compact.length === 6) return compact[0] === 127;
  return compact[15] === 1 && compact.subarray(0, 15).every((byte) => byte === 0);
}

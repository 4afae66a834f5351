/**
 * What a large peer list needs in order not to look through all its peers: where a peer is, and who else is in its
 * network (/24, for IPv6 /64) and in the one around that (/16, for IPv6 /48). About 40 bytes a peer, so small lists
 * have none. Hashes are seeded by chance: nobody can choose addresses and ports that collide.
 */
import { type PeerColumns, wordAt } from './peer-columns.ts';
import { SlotRings } from './slot-rings.ts';
import { SlotTable } from './slot-table.ts';

/** Closest kind first. */
export type Nearness = 0 | 1;

export class PeerIndex {
  readonly #columns: PeerColumns;
  readonly #seed: number;
  readonly #peers: SlotTable;
  readonly #rings: readonly [SlotRings, SlotRings];

  /** Of the peers in slots 0 … size - 1. `seed`: 32 bits. */
  constructor(columns: PeerColumns, size: number, seed: number) {
    this.#columns = columns;
    this.#seed = seed;
    this.#peers = new SlotTable((slot) => this.#hashOfSlot(slot), size);
    const rings = (kind: Nearness) =>
      new SlotRings(
        (slot) =>
          this.#networkHash(kind, columns.word(slot, 0), columns.width === 6 ? 0 : columns.word(slot, 1)),
        (a, b) => isSameNetwork(columns, kind, a, b),
        columns.capacity + 1,
      );
    this.#rings = [rings(0), rings(1)];
    for (let slot = 0; slot < size; slot += 1) this.add(slot);
  }

  /** The columns have grown or shrunk. */
  reserve(): void {
    for (const rings of this.#rings) rings.reserve(this.#columns.capacity + 1);
  }

  /** The slot of an address and port, or -1. */
  find(compact: Uint8Array): number {
    return this.#peers.find(this.#hashOf(compact), (slot) => this.#columns.hasKey(slot, compact));
  }

  add(slot: number): void {
    this.#peers.add(slot);
    for (const rings of this.#rings) rings.add(slot);
  }

  /** Before the columns forget it. */
  remove(slot: number): void {
    this.#peers.remove(slot);
    for (const rings of this.#rings) rings.remove(slot);
  }

  /** When the columns have it in both. */
  move(from: number, to: number): void {
    this.#peers.move(from, to);
    for (const rings of this.#rings) rings.move(from, to);
  }

  /** Any peer in the network of `compact`, or -1; `nextNear` gives the others and, after the last, this one again. */
  firstNear(kind: Nearness, compact: Uint8Array): number {
    const first = wordAt(compact, 0);
    const second = this.#columns.width === 6 ? 0 : wordAt(compact, 4);
    return this.#rings[kind].first(this.#networkHash(kind, first, second), (slot) =>
      isInNetwork(this.#columns, kind, slot, first, second),
    );
  }

  nextNear(kind: Nearness, slot: number): number {
    return this.#rings[kind].next(slot);
  }

  /** `firstNear` of this network is `slot` from now on. */
  turnNear(kind: Nearness, first: number, slot: number): void {
    this.#rings[kind].turn(first, slot);
  }

  #hashOf(compact: Uint8Array): number {
    let hash = this.#seed;
    const addressBytes = compact.length - 2;
    for (let at = 0; at < addressBytes; at += 4) hash = mixed(hash, wordAt(compact, at));
    return mixed(hash, ((compact[addressBytes] as number) << 8) | (compact[addressBytes + 1] as number));
  }

  #hashOfSlot(slot: number): number {
    let hash = this.#seed;
    const addressWords = this.#columns.width === 6 ? 1 : 4;
    for (let i = 0; i < addressWords; i += 1) hash = mixed(hash, this.#columns.word(slot, i));
    return mixed(hash, this.#columns.port(slot));
  }

  #networkHash(kind: Nearness, first: number, second: number): number {
    if (this.#columns.width === 6) return mixed(this.#seed, first >>> (kind === 0 ? 8 : 16));
    return mixed(mixed(this.#seed, first), kind === 0 ? second : second >>> 16);
  }
}

/** Whether the peer in `slot` is near an address whose first words these are. */
export function isInNetwork(
  columns: PeerColumns,
  kind: Nearness,
  slot: number,
  first: number,
  second: number,
): boolean {
  const differs = (columns.word(slot, 0) ^ first) >>> 0;
  if (columns.width === 6) return differs >>> (kind === 0 ? 8 : 16) === 0;
  if (differs !== 0) return false;
  return ((columns.word(slot, 1) ^ second) >>> 0) >>> (kind === 0 ? 0 : 16) === 0;
}

function isSameNetwork(columns: PeerColumns, kind: Nearness, a: number, b: number): boolean {
  return isInNetwork(columns, kind, a, columns.word(b, 0), columns.width === 6 ? 0 : columns.word(b, 1));
}

/** MurmurHash3's rounds (public domain, Austin Appleby), 32 bits. */
function mixed(hash: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51);
  k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  let h = hash ^ k;
  h = Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  return (h ^ (h >>> 13)) >>> 0;
}

/**
 * Slots that belong together (peers of one network) as rings: each group is a circle of links with one entry in a hash
 * table, so that walking some members costs as many steps as members, however many peers there are. Turning a ring
 * makes its members take turns. Twelve bytes a slot and a half. Knows no keys; see slot-table.ts.
 */
import { type SlotHash, SlotTable } from './slot-table.ts';

export type SameGroup = (a: number, b: number) => boolean;

export class SlotRings {
  readonly #hashOf: SlotHash;
  readonly #isSame: SameGroup;
  /** One member of each ring. */
  readonly #heads: SlotTable;
  #next: Uint32Array;
  #previous: Uint32Array;

  constructor(hashOf: SlotHash, isSame: SameGroup, capacity: number) {
    this.#hashOf = hashOf;
    this.#isSame = isSame;
    this.#heads = new SlotTable(hashOf);
    this.#next = new Uint32Array(capacity);
    this.#previous = new Uint32Array(capacity);
  }

  /** More slots than the links have room for are coming. */
  reserve(capacity: number): void {
    this.#next = copied(this.#next, capacity);
    this.#previous = copied(this.#previous, capacity);
  }

  add(slot: number): void {
    const head = this.#headOf(slot);
    if (head < 0) {
      this.#next[slot] = slot;
      this.#previous[slot] = slot;
      this.#heads.add(slot);
      return;
    }
    const last = this.#previous[head] as number;
    this.#link(last, slot);
    this.#link(slot, head);
  }

  remove(slot: number): void {
    const next = this.next(slot);
    if (this.#headOf(slot) === slot) {
      if (next === slot) this.#heads.remove(slot);
      else this.#heads.move(slot, next);
    }
    this.#link(this.#previous[slot] as number, next);
  }

  /** The peer in `from` is in `to` now; its key must still be readable at both. */
  move(from: number, to: number): void {
    const isHead = this.#headOf(from) === from;
    const next = this.next(from);
    const previous = this.#previous[from] as number;
    this.#link(previous === from ? to : previous, to);
    this.#link(to, next === from ? to : next);
    if (isHead) this.#heads.move(from, to);
  }

  /** The member at which the ring of a group begins, or -1; `isIt` says whether a slot is of that group. */
  first(hash: number, isIt: (slot: number) => boolean): number {
    return this.#heads.find(hash, isIt);
  }

  next(slot: number): number {
    return this.#next[slot] as number;
  }

  /** The ring of `head` begins at `slot` from now on, which is of the same one. */
  turn(head: number, slot: number): void {
    if (head !== slot) this.#heads.move(head, slot);
  }

  #headOf(slot: number): number {
    return this.#heads.find(this.#hashOf(slot), (head) => head === slot || this.#isSame(head, slot));
  }

  #link(from: number, to: number): void {
    this.#next[from] = to;
    this.#previous[to] = from;
  }
}

function copied(from: Uint32Array, length: number): Uint32Array {
  const to = new Uint32Array(length);
  to.set(from.subarray(0, length));
  return to;
}

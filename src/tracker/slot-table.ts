/**
 * A hash table of slot numbers, four bytes each, for peers that lie in columns: the table knows no keys, it asks its
 * owner for the hash of a slot and whether a slot is the one that is looked for. Open addressing, linear probing, at
 * most three quarters full; a removed entry's followers move up (Knuth 6.4 R), so nothing piles up over time.
 * Slots are 0 … 2^32 - 2.
 */

/** 32 bits, well mixed, of the key of the peer in that slot. */
export type SlotHash = (slot: number) => number;

const FIRST_LENGTH = 16;

export class SlotTable {
  readonly #hashOf: SlotHash;
  /** Slot + 1; 0 is empty. */
  #cells = new Uint32Array(FIRST_LENGTH);
  #count = 0;

  constructor(hashOf: SlotHash, expected = 0) {
    this.#hashOf = hashOf;
    if (expected > 0) this.#cells = new Uint32Array(lengthFor(expected));
  }

  /** The slot with this hash for which `isIt` says so, or -1. */
  find(hash: number, isIt: (slot: number) => boolean): number {
    const cells = this.#cells;
    const mask = cells.length - 1;
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const cell = cells[at] as number;
      if (cell === 0) return -1;
      if (isIt(cell - 1)) return cell - 1;
    }
  }

  /** The slot's key must not be in the table yet. */
  add(slot: number): void {
    if ((this.#count + 1) * 4 > this.#cells.length * 3) this.#rebuild(lengthFor(this.#count + 1));
    this.#place(this.#cells, slot);
    this.#count += 1;
  }

  /** The peer in `from` is found in `to` now; its key must still be readable at both. */
  move(from: number, to: number): void {
    this.#cells[this.#cellOf(from)] = to + 1;
  }

  /** Its key must still be readable. */
  remove(slot: number): void {
    const cells = this.#cells;
    const mask = cells.length - 1;
    let gap = this.#cellOf(slot);
    for (let at = (gap + 1) & mask; ; at = (at + 1) & mask) {
      const cell = cells[at] as number;
      if (cell === 0) break;
      const home = this.#hashOf(cell - 1) & mask;
      // It may fill the gap unless its home lies behind it, going round.
      if (((at - home) & mask) < ((at - gap) & mask)) continue;
      cells[gap] = cell;
      gap = at;
    }
    cells[gap] = 0;
    this.#count -= 1;
    if (this.#count * 8 < cells.length && cells.length > FIRST_LENGTH) this.#rebuild(lengthFor(this.#count));
  }

  #cellOf(slot: number): number {
    const cells = this.#cells;
    const mask = cells.length - 1;
    let at = this.#hashOf(slot) & mask;
    while (cells[at] !== slot + 1) {
      if (cells[at] === 0) throw new Error(`slot ${slot} is not in the table`);
      at = (at + 1) & mask;
    }
    return at;
  }

  #place(cells: Uint32Array, slot: number): void {
    const mask = cells.length - 1;
    let at = this.#hashOf(slot) & mask;
    while (cells[at] !== 0) at = (at + 1) & mask;
    cells[at] = slot + 1;
  }

  #rebuild(length: number): void {
    const cells = new Uint32Array(length);
    for (const cell of this.#cells) if (cell !== 0) this.#place(cells, cell - 1);
    this.#cells = cells;
  }
}

/** A power of two that leaves room to grow by a third at least. */
function lengthFor(count: number): number {
  let length = FIRST_LENGTH;
  while (length < count * 2) length *= 2;
  return length;
}

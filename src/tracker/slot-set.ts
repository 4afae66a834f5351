/**
 * A small set of slot numbers that is emptied at no cost: what an answer has chosen already. Holds up to `most`; the
 * order in which slots came is kept in `slots`. One slot may be barred: it is never added.
 */
export class SlotSet {
  readonly slots: Uint32Array;
  readonly #cells: Uint32Array;
  readonly #stamps: Uint32Array;
  #stamp = 0;
  #size = 0;
  #barred = -1;

  constructor(most: number) {
    this.slots = new Uint32Array(most);
    let length = 16;
    while (length < most * 4) length *= 2;
    this.#cells = new Uint32Array(length);
    this.#stamps = new Uint32Array(length);
  }

  get size(): number {
    return this.#size;
  }

  /** `barred`: a slot, or -1. */
  clear(barred: number): void {
    this.#size = 0;
    this.#barred = barred;
    this.#stamp = (this.#stamp + 1) >>> 0;
    // After 2^32 answers.
    if (this.#stamp === 0) this.#stamps.fill(0);
    this.#stamp ||= 1;
  }

  /** Nothing when it is in already. */
  add(slot: number): void {
    if (slot === this.#barred) return;
    const mask = this.#cells.length - 1;
    let at = (Math.imul(slot, 0x9e3779b1) >>> 8) & mask;
    for (; this.#stamps[at] === this.#stamp; at = (at + 1) & mask) if (this.#cells[at] === slot) return;
    this.#cells[at] = slot;
    this.#stamps[at] = this.#stamp;
    this.slots[this.#size] = slot;
    this.#size += 1;
  }
}

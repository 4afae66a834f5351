/**
 * Pieces that were rejected for now, although we have them: another peer was just given the piece and can pass it on, or
 * too much waits. It decides when the peer is told HAVE again, and so that it may ask again; a piece is held back from
 * a peer once at most. Pure.
 */

export interface HeldTaker {
  readonly isGone: boolean;
  /** Numbers that are rejected until we say HAVE. */
  readonly held: Set<number>;
  /** Numbers that were held back once. */
  readonly released: Set<number>;
}

export interface Held<T> {
  readonly taker: T;
  readonly number: number;
  readonly bytes: number;
  readonly dueMs: number;
}

/** Another has the piece on its way; after this long it should have passed it on. */
export const HOLD_MS = 1_000;
const MAX_HELD_A_PEER = 1_024;

export class HeldBack<T extends HeldTaker> {
  /** In the order of being due. */
  #queue: Held<T>[] = [];
  #next = 0;

  /** When the next one is due. */
  get dueMs(): number | undefined {
    return this.#queue[this.#next]?.dueMs;
  }

  /** Whether this piece may be held back from this peer. */
  may(taker: T, number: number): boolean {
    return !taker.released.has(number) && taker.held.size + taker.released.size < MAX_HELD_A_PEER;
  }

  hold(taker: T, number: number, bytes: number, nowMs: number): void {
    if (taker.held.has(number) || taker.held.size >= MAX_HELD_A_PEER) return;
    taker.held.add(number);
    this.#queue.push({ taker, number, bytes, dueMs: nowMs + HOLD_MS });
  }

  /** Those that are due, and the oldest others for `spareBytes`: they may be asked for again. */
  release(nowMs: number, spareBytes: number): Held<T>[] {
    const free: Held<T>[] = [];
    let spare = spareBytes;
    for (;;) {
      const held = this.#queue[this.#next];
      if (!held || (held.dueMs > nowMs && spare <= 0)) break;
      this.#next += 1;
      if (held.taker.isGone || !held.taker.held.delete(held.number)) continue;
      held.taker.released.add(held.number);
      spare -= held.bytes;
      free.push(held);
    }
    if (this.#next > 1_024 || this.#next === this.#queue.length) {
      this.#queue = this.#queue.slice(this.#next);
      this.#next = 0;
    }
    return free;
  }

  /** These numbers are void: nothing will be said of them. */
  forget(taker: T, first: number, count: number): void {
    if (taker.held.size === 0 && taker.released.size === 0) return;
    for (let number = first; number < first + count; number += 1) {
      taker.held.delete(number);
      taker.released.delete(number);
    }
  }
}

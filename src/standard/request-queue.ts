/**
 * What one peer has asked us for and not been sent: blocks by piece. A piece that was begun is sent to its end; which
 * comes next is the caller's choice. Pure.
 */
import type { BlockRef } from '../wire/message.ts';

/** Requests that a peer may have waiting; we say so in the extended handshake (`reqq`). */
export const REQUEST_QUEUE = 1024;

export class RequestQueue {
  readonly #pieces = new Map<number, BlockRef[]>();
  #current: number | undefined;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  get isFull(): boolean {
    return this.#length >= REQUEST_QUEUE;
  }

  add(block: BlockRef): void {
    const blocks = this.#pieces.get(block.index);
    if (blocks) blocks.push(block);
    else this.#pieces.set(block.index, [block]);
    this.#length += 1;
  }

  /** The next block; of the pieces that wait, the one that ranks lowest. `began`: told of a piece that is begun. */
  take(rank: (piece: number) => number, began: (piece: number) => void): BlockRef | undefined {
    const current = this.#current;
    if (current === undefined || !this.#pieces.has(current)) {
      let best: number | undefined;
      let bestRank = Number.POSITIVE_INFINITY;
      for (const piece of this.#pieces.keys()) {
        const its = rank(piece);
        if (its < bestRank) [best, bestRank] = [piece, its];
      }
      if (best === undefined) return undefined;
      if (best !== current) began(best);
      this.#current = best;
    }
    const piece = this.#current as number;
    const blocks = this.#pieces.get(piece) as BlockRef[];
    const block = blocks.shift();
    if (blocks.length === 0) this.#pieces.delete(piece);
    this.#length -= 1;
    return block;
  }

  /** False when no such block waits. */
  cancel({ index, begin, length }: BlockRef): boolean {
    const blocks = this.#pieces.get(index);
    const at = blocks?.findIndex((block) => block.begin === begin && block.length === length) ?? -1;
    if (!blocks || at < 0) return false;
    blocks.splice(at, 1);
    if (blocks.length === 0) this.#pieces.delete(index);
    this.#length -= 1;
    return true;
  }

  /** Takes out all of them, or those of one piece. */
  drop(piece?: number): BlockRef[] {
    const dropped = piece === undefined ? [...this.#pieces.values()].flat() : (this.#pieces.get(piece) ?? []);
    if (piece === undefined) this.#pieces.clear();
    else this.#pieces.delete(piece);
    this.#length -= dropped.length;
    return dropped;
  }
}

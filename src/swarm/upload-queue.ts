/**
 * The requests of one peer that wait for their turn: blocks by piece, pieces in the order of asking. Holds them and
 * counts; who comes next is decided in upload-turns.ts. Pure.
 */
import type { BlockRef } from '../wire/message.ts';
import type { Given } from './piece-numbers.ts';

/** Requests a peer may have waiting; we say so in the extended handshake (`reqq`). */
export const REQUEST_QUEUE = 1024;

/** What one peer waits for of one piece. */
export interface PieceRequest {
  /** The piece's number on this connection. */
  readonly number: number;
  readonly given: Given;
  /** Counted from the file's first. */
  readonly piece: number;
  readonly sinceMs: number;
  /** Those from `next` on wait. */
  readonly blocks: BlockRef[];
  next: number;
  /** A block of it has been sent: the others come next. */
  isBegun: boolean;
  /** Bytes of the piece that weren't sent yet. */
  leftBytes: number;
  /** How often a piece that was asked for later was begun before it, while it was the first. */
  passedOver: number;
}

export class UploadQueue {
  /** In the order of asking. */
  readonly #pieces = new Map<number, PieceRequest>();
  #current: PieceRequest | undefined;
  #length = 0;

  /** Blocks that wait. */
  get length(): number {
    return this.#length;
  }

  get isFull(): boolean {
    return this.#length >= REQUEST_QUEUE;
  }

  /** The piece that was begun and isn't done; it may have no block waiting right now. */
  get current(): PieceRequest | undefined {
    return this.#current;
  }

  /** Pieces of which blocks wait, in the order of asking. */
  pieces(): Iterable<PieceRequest> {
    return this.#pieces.values();
  }

  get(number: number): PieceRequest | undefined {
    return this.#pieces.get(number);
  }

  add(block: BlockRef, given: Given, nowMs: number): void {
    this.#length += 1;
    if (this.#current?.number === block.index) {
      this.#current.blocks.push(block);
      this.#pieces.set(block.index, this.#current);
      return;
    }
    const waiting = this.#pieces.get(block.index);
    if (waiting) {
      waiting.blocks.push(block);
      return;
    }
    const piece = block.index - given.first;
    this.#pieces.set(block.index, {
      number: block.index,
      given,
      piece,
      sinceMs: nowMs,
      blocks: [block],
      next: 0,
      isBegun: false,
      leftBytes: given.servable.pieces.size(piece),
      passedOver: 0,
    });
  }

  /** From now on this piece is the one in service. */
  begin(request: PieceRequest): void {
    for (const first of this.#pieces.values()) {
      if (first !== request) first.passedOver += 1;
      break;
    }
    request.isBegun = true;
    this.#current = request;
  }

  /** Takes the next block of a piece out of the queue; undefined when none waits. */
  take(request: PieceRequest): BlockRef | undefined {
    const block = request.blocks[request.next];
    if (!block) return undefined;
    request.next += 1;
    request.leftBytes -= block.length;
    this.#length -= 1;
    if (request.next === request.blocks.length) this.#emptied(request);
    return block;
  }

  /** False when no such block waits. */
  cancel(block: BlockRef): boolean {
    const request = this.#pieces.get(block.index);
    if (!request) return false;
    const { blocks, next } = request;
    const at = blocks.findIndex((b, i) => i >= next && b.begin === block.begin && b.length === block.length);
    if (at < 0) return false;
    blocks.splice(at, 1);
    this.#length -= 1;
    if (next === blocks.length) this.#emptied(request);
    return true;
  }

  /** Takes out what waits of one piece. */
  drop(request: PieceRequest): BlockRef[] {
    const { blocks, next } = request;
    const dropped = blocks.slice(next);
    this.#length -= dropped.length;
    request.next = blocks.length;
    this.#pieces.delete(request.number);
    if (this.#current === request) this.#current = undefined;
    return dropped;
  }

  /** Takes out all that waits for pieces of this file. */
  dropFile(given: Given): BlockRef[] {
    if (this.#current?.given === given) this.#current = undefined;
    const dropped: BlockRef[] = [];
    for (const request of [...this.#pieces.values()]) {
      if (request.given === given) dropped.push(...this.drop(request));
    }
    return dropped;
  }

  dropAll(): BlockRef[] {
    this.#current = undefined;
    return [...this.#pieces.values()].flatMap((request) => this.drop(request));
  }

  #emptied(request: PieceRequest): void {
    request.blocks.length = 0;
    request.next = 0;
    this.#pieces.delete(request.number);
    if (request === this.#current && request.leftBytes <= 0) this.#current = undefined;
  }
}

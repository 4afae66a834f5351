/**
 * A piece on its way in: its bytes, which of its blocks are here, asked for or free, and who sent which. Pure
 * bookkeeping on a buffer. A block that two peers send at once is put together apart, so that nobody's bytes are ever
 * mixed with another's: whoever sent a wrong block can be told (blame.ts).
 */
import type { PieceBuffers } from '../swarm/piece-buffers.ts';
import { BLOCK_BYTES } from '../wire/message.ts';

/** Where the bytes of a block go while it comes. */
export interface Receiving<P> {
  readonly work: PieceWork<P>;
  readonly block: number;
  readonly into: Uint8Array;
  /** In `into`. */
  at: number;
  /** `into` is the piece itself. */
  readonly isDirect: boolean;
}

export class PieceWork<P> {
  readonly piece: number;
  readonly sizeBytes: number;
  readonly blocks: number;
  /** Whose piece it is: others help out only when they have nothing else to do. */
  owner: P | undefined;
  /** It came out wrong before: nobody helps, so that it is known whose fault it is. */
  readonly isSuspect: boolean;
  readonly #buffers: PieceBuffers;
  #bytes: Uint8Array | undefined;
  readonly #senders: (P | undefined)[];
  readonly #here: Uint8Array;
  /** By how many peers each block is asked for. */
  readonly #asked: Uint8Array;
  /** Somebody's bytes are going right into the piece. */
  readonly #open: Uint8Array;
  #hereCount = 0;
  #freeCount: number;
  #firstFree = 0;

  constructor(piece: number, sizeBytes: number, isSuspect: boolean, buffers: PieceBuffers) {
    this.piece = piece;
    this.sizeBytes = sizeBytes;
    this.blocks = Math.ceil(sizeBytes / BLOCK_BYTES);
    this.isSuspect = isSuspect;
    this.#buffers = buffers;
    this.#senders = new Array<P | undefined>(this.blocks).fill(undefined);
    this.#here = new Uint8Array(this.blocks);
    this.#asked = new Uint8Array(this.blocks);
    this.#open = new Uint8Array(this.blocks);
    this.#freeCount = this.blocks;
  }

  /** Blocks that are neither here nor asked for. */
  get freeCount(): number {
    return this.#freeCount;
  }

  get isWhole(): boolean {
    return this.#hereCount === this.blocks;
  }

  /** The bytes; whole only when the piece is. */
  get bytes(): Uint8Array {
    this.#bytes ??= this.#buffers.take(this.sizeBytes);
    return this.#bytes;
  }

  get receivedBytes(): number {
    return Math.min(this.sizeBytes, this.#hereCount * BLOCK_BYTES);
  }

  /** Who sent each block, as far as they came from peers. */
  get senders(): readonly (P | undefined)[] {
    return this.#senders;
  }

  length(block: number): number {
    return Math.min(BLOCK_BYTES, this.sizeBytes - block * BLOCK_BYTES);
  }

  isHere(block: number): boolean {
    return this.#here[block] === 1;
  }

  isAsked(block: number): boolean {
    return this.askers(block) > 0;
  }

  /** By how many it is asked for. */
  askers(block: number): number {
    return this.#asked[block] as number;
  }

  /** The first free block, asked for from now on; undefined when none is free. */
  ask(): number | undefined {
    if (this.#freeCount === 0) return undefined;
    for (let block = this.#firstFree; block < this.blocks; block += 1) {
      if (this.#here[block] === 1 || this.isAsked(block)) continue;
      this.#firstFree = block + 1;
      this.askAlso(block);
      return block;
    }
    return undefined;
  }

  /** One more is asked for it. */
  askAlso(block: number): void {
    if (!this.isAsked(block) && !this.isHere(block)) this.#freeCount -= 1;
    this.#asked[block] = Math.min(255, (this.#asked[block] as number) + 1);
  }

  /** One less is. */
  takeBack(block: number): void {
    if (!this.isAsked(block)) return;
    this.#asked[block] = (this.#asked[block] as number) - 1;
    if (this.isAsked(block) || this.isHere(block)) return;
    this.#freeCount += 1;
    this.#firstFree = Math.min(this.#firstFree, block);
  }

  /** A block begins to come. */
  begin(block: number): Receiving<P> {
    const isDirect = this.#open[block] === 0 && !this.isHere(block);
    if (!isDirect)
      return { work: this, block, into: new Uint8Array(this.length(block)), at: 0, isDirect: false };
    this.#open[block] = 1;
    return { work: this, block, into: this.bytes, at: block * BLOCK_BYTES, isDirect: true };
  }

  /** It broke off. */
  broken({ block, isDirect }: Receiving<P>): void {
    if (isDirect) this.#open[block] = 0;
  }

  /** All of it has come. False when it was here already. */
  received({ block, into, isDirect }: Receiving<P>, sender: P | undefined): boolean {
    if (isDirect) this.#open[block] = 0;
    if (this.isHere(block)) return false;
    if (!isDirect) this.bytes.set(into, block * BLOCK_BYTES);
    this.#here[block] = 1;
    this.#hereCount += 1;
    this.#senders[block] = sender;
    if (!this.isAsked(block)) this.#freeCount -= 1;
    return true;
  }

  /** Nobody looks at the bytes any more. */
  done(): void {
    if (this.#bytes && this.#open.every((open) => open === 0)) this.#buffers.give(this.#bytes);
    this.#bytes = undefined;
  }
}

/**
 * Blocks of files for one peer, as whole PIECE messages: read to where they are sent from. It decides how many files are
 * held open for the peer, and until when. Nothing here can write to the store.
 */
import { type BlockRef, encodePieceHeader, MAX_REQUEST_BYTES } from '../wire/message.ts';
import type { Servable } from './library.ts';
import type { Given } from './piece-numbers.ts';

/** Files that are kept open for one peer. */
const MAX_OPEN_FILES = 8;
const HEADER_BYTES = 13;
/**
 * Where the payload begins. The page cache is copied from the start of its pages; to a place that lies less than 32 bytes
 * behind the start of a page, as it would right after the header, many processors copy at a sixth of their speed (a
 * store seems to overlap the load that follows it). Buffers of this size begin with a page.
 */
const PAYLOAD_AT = 2048;
const MESSAGE_AT = PAYLOAD_AT - HEADER_BYTES;
/** Shared by all peers: a block is read, handed to the socket and forgotten within one turn. */
const scratch = new Uint8Array(PAYLOAD_AT + MAX_REQUEST_BYTES);

export class BlockReader {
  /** Servables that may hold a file open, the longest unused first. */
  readonly #inUse = new Set<Servable>();
  #last: Servable | undefined;

  /** The message, good until the next call; undefined when the bytes are gone or can't be read. */
  read(given: Given, block: BlockRef): Uint8Array | undefined {
    const { servable } = given;
    this.#use(servable);
    const offset = servable.pieces.offset(block.index - given.first) + block.begin;
    try {
      if (!servable.read(offset, scratch.subarray(PAYLOAD_AT, PAYLOAD_AT + block.length))) return undefined;
    } catch {
      return undefined;
    }
    scratch.set(encodePieceHeader(block.index, block.begin, block.length), MESSAGE_AT);
    return scratch.subarray(MESSAGE_AT, PAYLOAD_AT + block.length);
  }

  /** Nothing is read of it for now. */
  rest(servable: Servable): void {
    servable.rest();
    this.#inUse.delete(servable);
    if (this.#last === servable) this.#last = undefined;
  }

  restAll(): void {
    if (this.#inUse.size === 0) return;
    for (const servable of this.#inUse) servable.rest();
    this.#inUse.clear();
    this.#last = undefined;
  }

  #use(servable: Servable): void {
    if (servable === this.#last) return;
    this.#last = servable;
    this.#inUse.delete(servable);
    this.#inUse.add(servable);
    if (this.#inUse.size <= MAX_OPEN_FILES) return;
    const [longest] = this.#inUse;
    if (longest) this.rest(longest);
  }
}

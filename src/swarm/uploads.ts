/**
 * What we serve to one peer: our numbers for the pieces we offered it, and its requests. It decides what a request's
 * number means and whether it can be meant honestly; who is served when is the pool's (upload-pool.ts), where the
 * uploads of all peers meet. Nothing here writes to the store.
 * docs/protocol.md: a number withdrawn is answered REJECT; a number never given closes the connection.
 */

import { Budget } from '../lib/budget.ts';
import { ProtocolError } from '../lib/errors.ts';
import type { HaveEntry } from '../wire/archive-ext.ts';
import {
  BLOCK_BYTES,
  type BlockRef,
  encodeChoke,
  encodeHashReject,
  encodeHave,
  encodeReject,
  encodeUnchoke,
  type HashRange,
  MAX_REQUEST_BYTES,
} from '../wire/message.ts';
import { BlockReader } from './block-reader.ts';
import { HashAnswers } from './hash-answers.ts';
import { haveEntry } from './have-entry.ts';
import type { Servable } from './library.ts';
import { PieceNumbers } from './piece-numbers.ts';
import type { PoolTaker, UploadPool } from './upload-pool.ts';
import { type PieceRequest, UploadQueue } from './upload-queue.ts';
import type { UploadScheduler } from './upload-scheduler.ts';
import type { AddressShare } from './upload-turns.ts';

export interface UploadsHost {
  readonly scheduler: UploadScheduler;
  readonly isNear: boolean;
  readonly addressGroup: string;
  readonly queuedBytes: number;
  send(bytes: Uint8Array): void;
  uploaded(bytes: number): void;
}

/** CANCELs, requests that are rejected, and those for less than a block: at once, and a second. */
const MOST_IDLE_WORDS = 8_192;
const IDLE_WORDS_A_SECOND = 1_024;

export class Uploads implements PoolTaker {
  readonly numbers = new PieceNumbers();
  readonly queue = new UploadQueue();
  readonly held = new Set<number>();
  readonly released = new Set<number>();
  isNear: boolean;
  readonly share: AddressShare;
  isChoked = true;
  isEnding = false;
  isListed = false;
  isGone = false;
  slotSinceMs: number | undefined;
  activeMs = 0;
  turn = 0;
  readonly #host: UploadsHost;
  #pool: UploadPool<PoolTaker>;
  readonly #reader = new BlockReader();
  readonly #hashes: HashAnswers;
  readonly #idleWords: Budget;
  #hasJoined = false;

  constructor(host: UploadsHost) {
    const { scheduler, isNear, addressGroup } = host;
    const nowMs = scheduler.clock.nowMs();
    this.#host = host;
    this.isNear = isNear;
    this.share = scheduler.share(addressGroup);
    this.#hashes = new HashAnswers(scheduler.hashBudget, nowMs);
    this.#idleWords = new Budget(MOST_IDLE_WORDS, IDLE_WORDS_A_SECOND, nowMs);
    this.#pool = scheduler.pool(isNear);
  }

  /** The handshake is done: UNCHOKE while there are slots. */
  join(): void {
    this.#hasJoined = true;
    this.#pool.join(this);
    if (!this.isChoked) this.#host.send(encodeUnchoke());
  }

  /** The peer turns out to be near: another limit holds for it, and what it waits for. */
  becomeNear(): void {
    if (this.isNear || this.isGone) return;
    this.isNear = true;
    const before = this.#pool;
    this.#pool = this.#host.scheduler.pool(true);
    if (before === this.#pool) return before.nearer();
    if (!this.#hasJoined) return;
    const wasChoked = this.isChoked;
    before.leave(this);
    this.#pool.join(this);
    if (wasChoked && !this.isChoked) this.unchoke();
    if (!wasChoked && this.isChoked) this.choke();
    this.#pool.resume(this);
  }

  /**
   * Offers (or offers anew, with the same numbers) what the peer wants under `want`. `fresh`: the pieces whose hashes
   * it hasn't been told yet, where the file has no tree; all, when left out.
   */
  offer(want: number, servable: Servable, fresh?: readonly number[]): HaveEntry {
    let given = this.numbers.of(want);
    if (!given) {
      given = this.numbers.give(want, servable);
    } else if (given.servable !== servable) {
      this.#reader.rest(given.servable);
      given.servable = servable;
    }
    return haveEntry(given, fresh);
  }

  /** How many more pieces can be given a number on this connection. */
  get numbersLeft(): number {
    return this.numbers.left;
  }

  /** The number under which a piece was offered, if it was. */
  numberOf(want: number, piece: number): number | undefined {
    const given = this.numbers.of(want);
    return given && given.first + piece;
  }

  /** The peer no longer looks for it, or we no longer have it. Its numbers, if any were given. */
  withdraw(want: number): { first: number; count: number } | undefined {
    const given = this.numbers.of(want);
    if (!given) return undefined;
    this.numbers.takeBack(given);
    this.#reader.rest(given.servable);
    this.reject(this.queue.dropFile(given));
    this.#pool.forget(this, given);
    return { first: given.first, count: given.servable.pieces.count };
  }

  /** REQUEST. Throws ProtocolError when it can't be meant honestly. */
  request(block: BlockRef): void {
    if (!this.numbers.isGiven(block.index))
      throw new ProtocolError(`asks for piece ${block.index}, never offered`);
    const given = this.numbers.find(block.index);
    const piece = given ? block.index - given.first : 0;
    if (!given?.servable.hasPiece(piece)) return this.#refuse(block);
    const size = given.servable.pieces.size(piece);
    if (
      block.begin % BLOCK_BYTES !== 0 ||
      block.length < 1 ||
      block.length > MAX_REQUEST_BYTES ||
      block.begin + block.length > size
    ) {
      throw new ProtocolError(`asks for bytes outside a piece: ${block.begin}+${block.length} of ${size}`);
    }
    // No node asks so, and each costs as much as a whole block.
    if (block.length < BLOCK_BYTES && block.begin + block.length < size) this.#spendIdleWord();
    if (this.#pool.request(this, block, given)) this.#pool.pump();
    else this.#refuse(block);
  }

  /** CANCEL. Answered with REJECT (BEP 6), or by the block when that is on its way. */
  cancel(block: BlockRef): void {
    this.#spendIdleWord();
    if (!this.queue.cancel(block)) return;
    this.#host.send(encodeReject(block));
    this.#pool.cancelled(this);
  }

  /** HASH REQUEST: the piece layer of what we offered, nothing below it. */
  hashRequest(range: HashRange): void {
    const { queuedBytes, scheduler } = this.#host;
    const given = this.numbers.ofRoot(range.piecesRoot);
    const answer = this.#hashes.answer(range, given, queuedBytes, scheduler.clock.nowMs());
    if (!answer) this.#spendIdleWord();
    this.#host.send(answer ?? encodeHashReject(range));
  }

  /** The socket takes more. */
  drained(): void {
    if (this.isListed) this.#pool.pump();
  }

  close(): void {
    if (this.isGone) return;
    this.isGone = true;
    this.queue.dropAll();
    this.#pool.leave(this);
    this.#host.scheduler.leave(this.#host.addressGroup);
    this.#reader.restAll();
  }

  /** Closes files that nobody reads now. */
  rest(): void {
    if (this.queue.length === 0) this.#reader.restAll();
  }

  // ---- for the pool ----

  get isWritable(): boolean {
    return this.#host.queuedBytes === 0;
  }

  get isInterested(): boolean {
    return this.numbers.size > 0;
  }

  get isBusy(): boolean {
    return this.queue.length > 0 || this.#host.queuedBytes > 0;
  }

  get isMidPiece(): boolean {
    return this.queue.current !== undefined;
  }

  deliver(request: PieceRequest, block: BlockRef): void {
    const message = this.#reader.read(request.given, block);
    this.#host.send(message ?? encodeReject(block));
    if (message) this.#host.uploaded(block.length);
  }

  reject(blocks: readonly BlockRef[]): void {
    for (const block of blocks) this.#host.send(encodeReject(block));
  }

  sayHave(number: number): void {
    const given = this.numbers.find(number);
    if (given?.servable.hasPiece(number - given.first)) this.#host.send(encodeHave(number));
  }

  choke(): void {
    this.#host.send(encodeChoke());
    this.reject(this.queue.dropAll());
    this.#pool.cancelled(this);
  }

  unchoke(): void {
    this.#host.send(encodeUnchoke());
  }

  #refuse(block: BlockRef): void {
    this.#spendIdleWord();
    this.#host.send(encodeReject(block));
  }

  #spendIdleWord(): void {
    if (!this.#idleWords.spend(1, this.#host.scheduler.clock.nowMs()))
      throw new ProtocolError('floods with requests that come to nothing');
  }
}

/**
 * All uploads under one limit: who has a slot, whose block goes out next, and when. It puts together what the pure parts
 * decide (upload-slots, upload-turns, held-back) and gives it time: one wait for all peers where the limit holds things
 * up, a pause for the event loop where it doesn't. It reads and sends nothing itself: the connections do.
 *
 * With a limit it spares what is scarce: a piece that was just given to one peer isn't given to another that asks for it
 * while the first can pass it on. Who asked is told at once (REJECT), and told again (HAVE) after a second, or as soon as
 * there is rate to spare. docs/protocol.md "Uploads".
 */
import type { Clock } from '../lib/clock.ts';
import type { TokenBucket } from '../lib/token-bucket.ts';
import type { BlockRef } from '../wire/message.ts';
import { HeldBack, type HeldTaker } from './held-back.ts';
import type { Given, PieceNumbers } from './piece-numbers.ts';
import { type Sent, SentLately } from './sent-lately.ts';
import type { PieceRequest } from './upload-queue.ts';
import { type SlotTaker, UploadSlots } from './upload-slots.ts';
import { type Copies, nextTurn, type TurnTaker } from './upload-turns.ts';

/** One connection, as a pool sees it. */
export interface PoolTaker extends TurnTaker, SlotTaker, HeldTaker {
  readonly numbers: PieceNumbers;
  /** Blocks of it wait, and the pool knows. */
  isListed: boolean;
  /** Reads and sends a block, or rejects it. */
  deliver(request: PieceRequest, block: BlockRef): void;
  reject(blocks: readonly BlockRef[]): void;
  /** HAVE: a piece that was held back may be asked for. */
  sayHave(number: number): void;
}

/** Bytes sent before the event loop gets its turn. */
const TURN_BYTES = 2 * 1024 * 1024;
/** Each slot should get a piece this often: a peer that hears nothing for longer looks stalled. */
const SLOT_TURN_MS = 500;
const PIECE_BYTES = 256 * 1024;
const MIN_SLOTS = 4;
const MAX_SLOTS = 50;
const ROTATE_MS = 250;
/** A block costs the limit so much at least: answering costs us the same, however little is asked for. */
const LEAST_CHARGE_BYTES = 1_024;
/** With this much of the bucket full there is rate to spare. */
const PLENTY = 0.75;

export class UploadPool<T extends PoolTaker> {
  readonly #clock: Clock;
  readonly #bucket: TokenBucket;
  readonly #slots: UploadSlots<T>;
  /** Those of whom blocks wait. */
  readonly #busy: T[] = [];
  readonly #held = new HeldBack<T>();
  readonly #sent: SentLately<T>;
  readonly #countCopies: Copies = (key, piece) => this.#sent.of(key, piece)?.copies ?? 0;
  /** Of the piece that was begun last for each taker. */
  readonly #sending = new Map<T, Sent<T>>();
  #turns = 0;
  #takeBackPump: (() => void) | undefined;
  #takeBackRotate: (() => void) | undefined;
  #takeBackRelease: (() => void) | undefined;
  #isStopped = false;

  constructor(clock: Clock, bucket: TokenBucket) {
    this.#clock = clock;
    this.#bucket = bucket;
    this.#slots = new UploadSlots(slotsFor(bucket.bytesPerSecond));
    this.#sent = new SentLately(clock.nowMs());
  }

  /** The bucket's rate is another. */
  rateChanged(): void {
    this.#slots.count = slotsFor(this.#bucket.bytesPerSecond);
    if (this.#bucket.unlimited) this.#sending.clear();
    this.#takeBackPump?.();
    this.#takeBackPump = undefined;
    this.#rotateSoon();
    this.pump();
  }

  /** Whether nobody beyond the local network is given anything. */
  set isShut(isShut: boolean) {
    this.#slots.isShut = isShut;
    this.#rotateSoon();
  }

  /** One that waits is near now. */
  nearer(): void {
    this.#rotateSoon();
  }

  /** Undefined without a limit: then nothing is held back. */
  get #copies(): Copies | undefined {
    return this.#bucket.unlimited ? undefined : this.#countCopies;
  }

  /** A new connection: sets whether it is choked. */
  join(taker: T): void {
    this.#slots.join(taker);
    this.#rotateSoon();
  }

  /** It comes from another pool, with what waits in its queue. */
  resume(taker: T): void {
    if (taker.queue.length === 0 || !this.#slots.ask(taker, this.#clock.nowMs())) return;
    this.#list(taker);
    this.pump();
  }

  leave(taker: T): void {
    this.#unlist(taker);
    this.#sending.delete(taker);
    this.#slots.leave(taker);
    this.#rotateSoon();
    this.pump();
  }

  /** A request for a piece that we have. False: it is to be rejected. Call `pump` afterwards. */
  request(taker: T, block: BlockRef, given: Given): boolean {
    const nowMs = this.#clock.nowMs();
    if (!this.#slots.ask(taker, nowMs)) {
      this.#rotateSoon();
      return false;
    }
    if (taker.held.size > 0 && taker.held.has(block.index)) return false;
    const { queue } = taker;
    const waiting = queue.get(block.index);
    const isKnown = waiting !== undefined || queue.current?.number === block.index;
    if (queue.isFull) {
      // A piece that comes with a hole in it is of no use.
      if (waiting) taker.reject(queue.drop(waiting));
      this.#hold(taker, given, block.index, nowMs);
      return false;
    }
    if (!isKnown && this.#copies && this.#isOnItsWay(taker, given, block.index, nowMs)) {
      this.#hold(taker, given, block.index, nowMs);
      return false;
    }
    queue.add(block, given, nowMs);
    this.#list(taker);
    return true;
  }

  /** Blocks were taken out of its queue. */
  cancelled(taker: T): void {
    this.#unlistIfIdle(taker);
  }

  /** The numbers of this file are void. */
  forget(taker: T, given: Given): void {
    this.#held.forget(taker, given.first, given.servable.pieces.count);
    this.#unlistIfIdle(taker);
  }

  /** Sends what may be sent now. To be called when there is something new or a socket has drained. */
  pump(): void {
    if (this.#takeBackPump || this.#isStopped) return;
    const nowMs = this.#clock.nowMs();
    for (let sentBytes = 0; this.#busy.length > 0; ) {
      const turn = nextTurn(this.#busy, nowMs, this.#copies);
      if (!turn) break;
      if (sentBytes >= TURN_BYTES) return this.#pumpAfter(0);
      const { taker, request } = turn;
      const bytes = request.blocks[request.next]?.length ?? 0;
      const waitMs = this.#bucket.take(Math.max(bytes, LEAST_CHARGE_BYTES), nowMs);
      if (waitMs > 0) return this.#pumpAfter(waitMs);
      sentBytes += bytes;
      this.#serve(taker, request, nowMs);
    }
    if (this.#held.dueMs !== undefined) this.#release(nowMs);
  }

  stop(): void {
    this.#isStopped = true;
    this.#takeBackPump?.();
    this.#takeBackRotate?.();
    this.#takeBackRelease?.();
  }

  #serve(taker: T, request: PieceRequest, nowMs: number): void {
    if (!request.isBegun) this.#begin(taker, request, nowMs);
    const { queue } = taker;
    const block = queue.take(request);
    if (!block) return;
    taker.activeMs = nowMs;
    const sending = this.#copies && this.#sending.get(taker);
    if (sending) sending.lastMs = nowMs;
    taker.deliver(request, block);
    if (queue.length === 0) this.#unlistIfIdle(taker);
    if (taker.isEnding && !taker.isMidPiece) this.#slots.pieceDone(taker, nowMs);
  }

  #begin(taker: T, request: PieceRequest, nowMs: number): void {
    taker.queue.begin(request);
    this.#turns += 1;
    taker.turn = this.#turns;
    taker.share.turn = this.#turns;
    if (!this.#copies) return;
    const { key } = request.given.servable;
    this.#sending.set(taker, this.#sent.note(key, request.piece, taker, nowMs));
    this.#sendOthersAway(taker, request, nowMs);
  }

  /** Those that wait for the same piece: they can have it from this taker soon. */
  #sendOthersAway(taker: T, { given, piece }: PieceRequest, nowMs: number): void {
    for (let at = this.#busy.length - 1; at >= 0; at -= 1) {
      const other = this.#busy[at] as T;
      if (other === taker || (other.isNear && !taker.isNear)) continue;
      const theirs = other.numbers.ofKey(given.servable.key);
      const waiting = theirs && other.queue.get(theirs.first + piece);
      if (!waiting || waiting.isBegun || !this.#held.may(other, waiting.number)) continue;
      other.reject(other.queue.drop(waiting));
      this.#hold(other, waiting.given, waiting.number, nowMs);
      this.#unlistIfIdle(other);
    }
  }

  /** Whether another has had the piece a moment ago and will pass it on, and we have nothing to spare. */
  #isOnItsWay(taker: T, given: Given, number: number, nowMs: number): boolean {
    const sent = this.#sent.of(given.servable.key, number - given.first);
    if (!sent || sent.taker === taker || sent.taker.isGone || nowMs - sent.lastMs > SENT_JUST_NOW_MS)
      return false;
    if (taker.isNear && !sent.taker.isNear) return false;
    return this.#held.may(taker, number) && !this.#hasPlenty(nowMs);
  }

  #hasPlenty(nowMs: number): boolean {
    return this.#bucket.spareBytes(nowMs) >= PLENTY * this.#bucket.capacityBytes;
  }

  #hold(taker: T, given: Given, number: number, nowMs: number): void {
    this.#held.hold(taker, number, given.servable.pieces.size(number - given.first), nowMs);
    this.#releaseLater(nowMs);
  }

  /** HAVE for what may be asked for again: what is due, and more when there is rate to spare and nobody uses it. */
  #release(nowMs: number): void {
    const { spareBytes, capacityBytes } = this.#rate(nowMs);
    const isIdle = this.#busy.length === 0 && spareBytes >= PLENTY * capacityBytes;
    for (const { taker, number } of this.#held.release(nowMs, isIdle ? spareBytes - capacityBytes / 2 : 0))
      taker.sayHave(number);
    this.#releaseLater(nowMs);
  }

  #releaseLater(nowMs: number): void {
    this.#takeBackRelease?.();
    this.#takeBackRelease = undefined;
    const { dueMs } = this.#held;
    if (dueMs === undefined || this.#isStopped) return;
    let delayMs = dueMs - nowMs;
    if (this.#busy.length === 0 && this.#copies) {
      const { spareBytes, capacityBytes } = this.#rate(nowMs);
      const missing = PLENTY * capacityBytes - spareBytes;
      delayMs = Math.min(delayMs, (missing / this.#bucket.bytesPerSecond) * 1000);
    }
    this.#takeBackRelease = this.#clock.after(Math.max(1, Math.ceil(delayMs)), () => {
      this.#takeBackRelease = undefined;
      this.#release(this.#clock.nowMs());
    });
  }

  #rate(nowMs: number): { spareBytes: number; capacityBytes: number } {
    return { spareBytes: this.#bucket.spareBytes(nowMs), capacityBytes: this.#bucket.capacityBytes };
  }

  #pumpAfter(delayMs: number): void {
    this.#takeBackPump = this.#clock.after(delayMs, () => {
      this.#takeBackPump = undefined;
      this.pump();
    });
  }

  #rotateSoon(): void {
    if (this.#takeBackRotate || !this.#slots.isAwaited || this.#isStopped) return;
    this.#takeBackRotate = this.#clock.after(ROTATE_MS, () => {
      this.#takeBackRotate = undefined;
      this.#slots.rotate(this.#clock.nowMs());
      this.#rotateSoon();
    });
  }

  #list(taker: T): void {
    if (taker.isListed) return;
    taker.isListed = true;
    this.#busy.push(taker);
  }

  #unlistIfIdle(taker: T): void {
    if (taker.queue.length === 0) this.#unlist(taker);
  }

  #unlist(taker: T): void {
    if (!taker.isListed) return;
    taker.isListed = false;
    this.#busy.splice(this.#busy.indexOf(taker), 1);
  }
}

/** A piece that was sent to another longer ago than this would have been passed on by now, if it could be. */
const SENT_JUST_NOW_MS = 1_000;

/** As many as get a piece each within half a second. 0: no limit. */
function slotsFor(bytesPerSecond: number): number {
  if (bytesPerSecond === 0) return MAX_SLOTS;
  const pieces = Math.floor((bytesPerSecond * SLOT_TURN_MS) / 1000 / PIECE_BYTES);
  return Math.min(MAX_SLOTS, Math.max(MIN_SLOTS, pieces));
}

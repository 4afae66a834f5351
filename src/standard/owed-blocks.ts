/**
 * The blocks that one peer owes us: how many it may be asked for at a time, what of them has come, and when it has kept
 * us waiting so long that others are asked for them. Which blocks, and what becomes of them, is the torrent's.
 * Invariant: what is late is taken back once, and is ours all the same when it comes.
 */
import type { Clock } from '../lib/clock.ts';
import { ProtocolError } from '../lib/errors.ts';
import { BusyRate } from '../lib/rate.ts';
import { BLOCK_BYTES, type BlockRef, encodeCancel, encodeRequest } from '../wire/message.ts';
import type { Receipt, Work } from './downloads.ts';

/** A peer that owes us blocks and sends none for so long is snubbing us: what it owes may be asked of others. */
const SNUBBED_AFTER_MS = 10_000;
/** Who sends something all the time and for so long no block that is whole, snubs us as well. */
const TRICKLING_AFTER_MS = 60_000;
/** So many rejects without a block between them, and it isn't asked for a while. */
const MAX_REJECTS = 64;
const REJECTED_PAUSE_MS = 10_000;
const MAX_UNASKED_BYTES = 16 * 1024 * 1024;

/** In blocks. */
const FIRST_WINDOW = 16;
const SMALLEST_WINDOW = 8;
const LARGEST_WINDOW = 1024;
/** What others are said to queue when they don't say it. */
const DEFAULT_REQUEST_QUEUE = 250;

interface Owed {
  readonly work: Work;
  readonly block: number;
  /** It may be asked of others; ours all the same when it comes. */
  isLate: boolean;
}

export interface OwedBlocksHost {
  readonly clock: Clock;
  send(bytes: Uint8Array): void;
  downloaded(bytes: number): void;
  /** A block has come. */
  received(receipt: Receipt): void;
  /** A block that it owed won't come, or not soon. */
  lost(work: Work, block: number): void;
}

export class OwedBlocks {
  /** Of blocks that came whole. */
  bytesDown = 0;
  isSnubbing = false;
  /** Requests that it says it queues, at least 1. */
  theirQueue = DEFAULT_REQUEST_QUEUE;
  readonly #host: OwedBlocksHost;
  readonly #owed = new Map<number, Owed>();
  readonly #rate = new BusyRate();
  #receiving: Receipt | undefined;
  /** Since when it owes us blocks and has sent nothing. */
  #silentSinceMs = 0;
  /** Since when it owes us blocks and none has come. */
  #blocklessSinceMs = 0;
  #rejects = 0;
  #askAgainMs = 0;
  #unaskedBytes = 0;

  constructor(host: OwedBlocksHost) {
    this.#host = host;
  }

  get count(): number {
    return this.#owed.size;
  }

  get bytesPerSecond(): number {
    return this.#rate.at(this.#host.clock.nowMs()) ?? 0;
  }

  has(piece: number, block: number): boolean {
    return this.#owed.has(keyOf(piece, block));
  }

  /** Blocks that it may be asked for now. */
  room(): number {
    const now = this.#host.clock.nowMs();
    if (now < this.#askAgainMs) return 0;
    if (this.isSnubbing) return 1 - this.#owed.size;
    const rate = this.#rate.at(now);
    const wished = rate === undefined ? FIRST_WINDOW : Math.ceil((rate * 0.75) / BLOCK_BYTES);
    const window = Math.min(Math.max(wished, SMALLEST_WINDOW), LARGEST_WINDOW, this.theirQueue);
    return window - this.#owed.size;
  }

  request(work: Work, block: number): void {
    const now = this.#host.clock.nowMs();
    if (this.#owed.size === 0) {
      this.#silentSinceMs = now;
      this.#blocklessSinceMs = now;
      this.#rate.begin(now);
    }
    this.#owed.set(keyOf(work.piece, block), { work, block, isLate: false });
    this.#host.send(encodeRequest(refOf(work, block)));
  }

  /** Somebody else has sent it. */
  cancel(work: Work, block: number): void {
    if (!this.#owed.delete(keyOf(work.piece, block))) return;
    this.#host.send(encodeCancel(refOf(work, block)));
    this.#unaskedBytes -= work.length(block);
    this.#endIfNone();
  }

  /** Throws ProtocolError. */
  pieceStart(index: number, begin: number, lengthBytes: number): void {
    const owed = begin % BLOCK_BYTES === 0 ? this.#owed.get(keyOf(index, begin / BLOCK_BYTES)) : undefined;
    if (owed && owed.work.length(owed.block) === lengthBytes) {
      this.#receiving = owed.work.begin(owed.block);
      return;
    }
    this.#unaskedBytes += lengthBytes;
    if (this.#unaskedBytes > MAX_UNASKED_BYTES) throw new ProtocolError('sends pieces that nobody asked for');
  }

  pieceData(bytes: Uint8Array): void {
    const receiving = this.#receiving;
    const now = this.#host.clock.nowMs();
    this.#rate.add(bytes.length, now);
    this.#silentSinceMs = now;
    if (!receiving) return;
    // Somebody else's may be the whole of it by now.
    if (!receiving.isDirect || !receiving.work.isHere(receiving.block))
      receiving.into.set(bytes, receiving.at);
    receiving.at += bytes.length;
    this.#host.downloaded(bytes.length);
  }

  pieceEnd(): void {
    const receiving = this.#receiving;
    this.#receiving = undefined;
    if (!receiving) return;
    const { work, block } = receiving;
    const key = keyOf(work.piece, block);
    const owed = this.#owed.get(key);
    this.#owed.delete(key);
    this.isSnubbing = false;
    this.#blocklessSinceMs = this.#host.clock.nowMs();
    this.#rejects = 0;
    this.bytesDown += work.length(block);
    this.#endIfNone();
    this.#host.received(receiving);
    if (owed && !owed.isLate) work.takeBack(block);
  }

  /** False when it didn't owe that. */
  rejected({ index, begin, length }: BlockRef, isChoking: boolean): boolean {
    if (begin % BLOCK_BYTES !== 0) return false;
    const key = keyOf(index, begin / BLOCK_BYTES);
    const owed = this.#owed.get(key);
    if (!owed || owed.work.length(owed.block) !== length) return false;
    this.#owed.delete(key);
    this.#late(owed);
    this.#endIfNone();
    if (isChoking) return true;
    this.#rejects += 1;
    if (this.#rejects >= MAX_REJECTS) {
      this.#rejects = 0;
      this.isSnubbing = true;
      this.#askAgainMs = this.#host.clock.nowMs() + REJECTED_PAUSE_MS;
    }
    return true;
  }

  /** Once a second: true when it has begun to snub us. */
  tick(): boolean {
    if (this.#owed.size === 0 || this.isSnubbing) return false;
    const now = this.#host.clock.nowMs();
    const isSilent = now - this.#silentSinceMs > SNUBBED_AFTER_MS;
    if (!isSilent && now - this.#blocklessSinceMs <= TRICKLING_AFTER_MS) return false;
    this.isSnubbing = true;
    for (const owed of this.#owed.values()) this.#late(owed);
    return true;
  }

  /** None of them will come. */
  loseAll(): void {
    const owed = [...this.#owed.values()];
    this.#owed.clear();
    if (this.#receiving) this.#receiving.work.broken(this.#receiving);
    this.#receiving = undefined;
    for (const one of owed) this.#late(one);
    if (owed.length > 0) this.#rate.end(this.#host.clock.nowMs());
  }

  /** It may be asked of others, and we count it as ours when it comes all the same. */
  #late(owed: Owed): void {
    if (owed.isLate) return;
    owed.isLate = true;
    this.#host.lost(owed.work, owed.block);
  }

  #endIfNone(): void {
    if (this.#owed.size === 0) this.#rate.end(this.#host.clock.nowMs());
  }
}

/** Pieces are below 2^32, blocks of one below 2^16. */
function keyOf(piece: number, block: number): number {
  return piece * 65_536 + block;
}

function refOf(work: Work, block: number): BlockRef {
  return { index: work.piece, begin: block * BLOCK_BYTES, length: work.length(block) };
}

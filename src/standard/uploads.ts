/**
 * All uploads of the standard swarms under one limit: whose block goes out next, and when. Peers that wait are served in
 * turn, a block each; one whose socket is full is passed over until it has drained. It reads and sends nothing itself.
 * The buckets may be shared with the rest of the node. Near peers have their own.
 */
import type { Clock } from '../lib/clock.ts';
import type { TokenBucket } from '../lib/token-bucket.ts';

export interface UploadTaker {
  readonly isNear: boolean;
  /** Unsent bytes that wait for the socket. */
  readonly unsentBytes: number;
  /** Sends its next block; 0 when none waits. */
  deliverNext(): number;
}

/** Bytes sent before the event loop gets its turn. */
const TURN_BYTES = 2 * 1024 * 1024;
/** A socket with more unsent than this is full. */
const FULL_BYTES = 128 * 1024;
/** Answering costs us something, however little is asked for. */
const LEAST_CHARGE_BYTES = 1024;

export class Uploads {
  /** Far ones, while nobody beyond the local network is given anything. */
  readonly #held = new Set<UploadTaker>();
  #isShut = false;
  readonly #lines: { readonly near: Line; readonly far: Line };

  constructor(clock: Clock, { lan, wan }: { readonly lan: TokenBucket; readonly wan: TokenBucket }) {
    const far = new Line(clock, wan);
    this.#lines = { far, near: lan === wan ? far : new Line(clock, lan) };
  }

  /** Bytes a second that the far ones share; 0 without a limit. */
  get farLimit(): number {
    return this.#lines.far.bucket.bytesPerSecond;
  }

  /** Nobody beyond the local network is given anything (limits/giving.ts). */
  set isShut(isShut: boolean) {
    this.#isShut = isShut;
    const { near, far } = this.#lines;
    if (isShut) for (const line of [near, far]) for (const taker of line.takeFar()) this.#held.add(taker);
    else for (const taker of this.#held) this.wake(taker);
    if (!isShut) this.#held.clear();
  }

  /** It has something to be sent, or its socket has drained. */
  wake(taker: UploadTaker): void {
    if (this.#isShut && !taker.isNear) {
      this.#held.add(taker);
      return;
    }
    this.#lines[taker.isNear ? 'near' : 'far'].wake(taker);
  }

  leave(taker: UploadTaker): void {
    this.#held.delete(taker);
    this.#lines.near.leave(taker);
    this.#lines.far.leave(taker);
  }

  stop(): void {
    this.#lines.near.stop();
    this.#lines.far.stop();
  }
}

class Line {
  readonly bucket: TokenBucket;
  readonly #clock: Clock;
  /** In turn. */
  readonly #waiting = new Set<UploadTaker>();
  #takeBack: (() => void) | undefined;
  #isPumping = false;
  #isStopped = false;

  constructor(clock: Clock, bucket: TokenBucket) {
    this.#clock = clock;
    this.bucket = bucket;
  }

  wake(taker: UploadTaker): void {
    this.#waiting.add(taker);
    if (!this.#takeBack && !this.#isPumping) this.#pumpAfter(0);
  }

  leave(taker: UploadTaker): void {
    this.#waiting.delete(taker);
  }

  takeFar(): UploadTaker[] {
    const far = [...this.#waiting].filter(({ isNear }) => !isNear);
    for (const taker of far) this.#waiting.delete(taker);
    return far;
  }

  stop(): void {
    this.#isStopped = true;
    this.#takeBack?.();
    this.#waiting.clear();
  }

  #pumpAfter(delayMs: number): void {
    if (this.#isStopped) return;
    this.#takeBack = this.#clock.after(delayMs, () => {
      this.#takeBack = undefined;
      this.#pump();
    });
  }

  #pump(): void {
    this.#isPumping = true;
    let left = TURN_BYTES;
    for (const taker of this.#waiting) {
      const nowMs = this.#clock.nowMs();
      if (this.bucket.spareBytes(nowMs) <= 0) break;
      // Back at the end of the row if it goes on.
      this.#waiting.delete(taker);
      if (taker.unsentBytes > FULL_BYTES) continue;
      const bytes = taker.deliverNext();
      if (bytes === 0) continue;
      this.bucket.take(Math.max(bytes, LEAST_CHARGE_BYTES), nowMs);
      this.#waiting.add(taker);
      left -= bytes;
      if (left <= 0) break;
    }
    this.#isPumping = false;
    if (this.#waiting.size === 0) return;
    const nowMs = this.#clock.nowMs();
    const spare = this.bucket.spareBytes(nowMs);
    this.#pumpAfter(
      spare > 0 ? 0 : Math.max(1, Math.ceil(((1024 - spare) / this.bucket.bytesPerSecond) * 1000)),
    );
  }
}

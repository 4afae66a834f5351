/**
 * How much a stranger may say besides payload: what every message costs us (decoding, looking up, planning anew) is
 * bounded by reading no faster, whatever is sent: wants, haves, claims, hash requests, peer exchange. No message is
 * lost by it, and who says less than a busy node does never notices. Decides nothing else.
 */

import { Budget } from '../lib/budget.ts';
import { TokenBucket } from '../lib/token-bucket.ts';

/** Eight times what a node says that takes 50 MB/s in requests of 64 KiB. */
export const TALK_BYTES_PER_SECOND = 512 * 1024;
/** All strangers together, but for what each may say in any case: so many of them can't do together what one can't. */
export const TALK_OF_ALL_BYTES_PER_SECOND = 2 * 1024 * 1024;
/** What each may say in any case: at once, and a second. Who keeps to it never waits for those who don't. */
const QUIET_BYTES = 64 * 1024;
const QUIET_BYTES_PER_SECOND = 16 * 1024;
/** What a message costs beyond its length, in bytes of the same allowance. */
const COST_A_MESSAGE = 64;

export class TalkLimit {
  readonly #bucket: TokenBucket;
  readonly #ofAll: TokenBucket | undefined;
  readonly #quiet: Budget;
  #messages = 0;
  #payloadBytes = 0;

  /** `ofAll`: what strangers say together, of TALK_OF_ALL_BYTES_PER_SECOND. */
  constructor(nowMs: number, ofAll?: TokenBucket) {
    this.#ofAll = ofAll;
    this.#quiet = new Budget(QUIET_BYTES, QUIET_BYTES_PER_SECOND, nowMs);
    this.#bucket = new TokenBucket(TALK_BYTES_PER_SECOND, nowMs);
  }

  message(): void {
    this.#messages += 1;
  }

  /** Of PIECE messages: limited elsewhere. */
  payload(bytes: number): void {
    this.#payloadBytes += bytes;
  }

  /** So much was read and is dealt with. How long to read no more, milliseconds. */
  spend(readBytes: number, nowMs: number): number {
    const talk = Math.max(0, readBytes - this.#payloadBytes) + COST_A_MESSAGE * this.#messages;
    this.#messages = 0;
    this.#payloadBytes = 0;
    if (talk === 0) return 0;
    const ownMs = this.#bucket.spend(talk, nowMs);
    const isQuiet = this.#quiet.spend(talk, nowMs);
    return isQuiet ? ownMs : Math.max(ownMs, this.#ofAll?.spend(talk, nowMs) ?? 0);
  }
}

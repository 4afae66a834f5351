/**
 * How much a stranger may say besides payload: what every message costs us (decoding, looking up, planning anew) is
 * bounded by reading no faster, whatever is sent: wants, haves, claims, hash requests, peer exchange. No message is
 * lost by it, and who says less than a busy node does never notices. Decides nothing else.
 */
import { TokenBucket } from '../lib/token-bucket.ts';

/** Eight times what a node says that takes 50 MB/s in requests of 64 KiB. */
export const TALK_BYTES_PER_SECOND = 512 * 1024;
/** What a message costs beyond its length, in bytes of the same allowance. */
const COST_A_MESSAGE = 64;

export class TalkLimit {
  readonly #bucket: TokenBucket;
  #messages = 0;
  #payloadBytes = 0;

  constructor(nowMs: number) {
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
    return talk === 0 ? 0 : this.#bucket.spend(talk, nowMs);
  }
}

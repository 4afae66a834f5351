/**
 * What a torrent gives: who is unchoked, and which block goes out next. It sees the torrent's peers through Taker; when
 * something may be sent, and under which limit, is Uploads'.
 */
import type { Clock } from '../lib/clock.ts';
import { type BlockRef, encodePieceHeader, encodeReject, MAX_REQUEST_BYTES } from '../wire/message.ts';
import { Choker, type ChokeTaker } from './choker.ts';
import type { Content } from './content.ts';
import type { RequestQueue } from './request-queue.ts';

const RECHOKE_MS = 10_000;
const MAX_BLOCK_BYTES = 128 * 1024;
/** A seed's slot. */
const SHARE_BYTES = 8 * 1024 * 1024;
const MIN_SLOTS = 4;
const MAX_SLOTS = 50;
const SLOTS_WITHOUT_LIMIT = 20;
const SLOT_BYTES_PER_SECOND = 250_000;
/** Where the payload begins: see swarm/block-reader.ts. */
const PAYLOAD_AT = 2048;
const MESSAGE_AT = PAYLOAD_AT - 13;
const scratch = new Uint8Array(PAYLOAD_AT + MAX_REQUEST_BYTES);

/** As much of a peer as is looked at. */
export interface Taker extends ChokeTaker {
  readonly isFast: boolean;
  readonly isNear: boolean;
  readonly requests: RequestQueue;
  bytesUp: number;
  givenBytes: number;
  setChoked(isChoked: boolean): void;
  send(bytes: Uint8Array): void;
}

export interface GivingHost {
  readonly clock: Clock;
  readonly draw: () => number;
  /** Those that have shaken hands. */
  readonly takers: ReadonlySet<Taker>;
  readonly isSeed: boolean;
  readonly isStopped: boolean;
  /** Undefined while nothing can be given. */
  readonly content: Content | undefined;
  /** Bytes a second of all uploads; 0 without a limit. */
  readonly uploadLimit: number;
  uploaded(bytes: number, isNear: boolean): void;
  /** It can't be read any more. */
  pieceGone(piece: number): void;
}

export class Giving {
  /** Payload since the start. */
  bytes = 0;
  readonly #host: GivingHost;
  readonly #choker: Choker<Taker>;
  #rechokeMs = 0;
  #isWeighing = false;

  constructor(host: GivingHost) {
    this.#host = host;
    this.#choker = new Choker(host.draw);
  }

  /** Once a second. */
  tick(): void {
    if (this.#host.clock.nowMs() >= this.#rechokeMs) this.rechoke();
  }

  /** Chooses anew who is unchoked. */
  rechoke(): void {
    const { clock, takers, isSeed } = this.#host;
    const now = clock.nowMs();
    this.#rechokeMs = now + RECHOKE_MS;
    const rules = { isSeed, slots: this.#slots(), shareBytes: SHARE_BYTES };
    const chosen = this.#choker.choose(takers, rules, now);
    for (const taker of takers) if (!chosen.has(taker)) taker.setChoked(true);
    for (const taker of chosen) taker.setChoked(false);
  }

  /** Acted upon a moment later, so that who changes his mind a thousand times in one breath costs no more than once. */
  interestChanged(): void {
    if (this.#isWeighing || this.#host.isStopped) return;
    this.#isWeighing = true;
    this.#host.clock.after(0, () => {
      this.#isWeighing = false;
      if (!this.#host.isStopped) this.#weighInterest();
    });
  }

  canGive(piece: number, begin: number, length: number): boolean {
    const { content } = this.#host;
    if (!content || piece >= content.layout.pieceCount || length < 1 || length > MAX_BLOCK_BYTES)
      return false;
    return begin + length <= content.layout.size(piece) && content.have.has(piece);
  }

  /** Sends the next block; of what waits the piece that we have given least often comes first, then the rarest. */
  deliver(taker: Taker): number {
    const { content } = this.#host;
    const block = content && this.#next(taker, content);
    if (!block) return 0;
    const { index, begin, length } = block;
    const isHere = content.read(
      content.layout.offset(index) + begin,
      scratch.subarray(PAYLOAD_AT, PAYLOAD_AT + length),
    );
    if (!isHere) {
      if (taker.isFast) taker.send(encodeReject(block));
      this.#host.pieceGone(index);
      return 1;
    }
    scratch.set(encodePieceHeader(index, begin, length), MESSAGE_AT);
    taker.send(scratch.subarray(MESSAGE_AT, PAYLOAD_AT + length));
    taker.bytesUp += length;
    taker.givenBytes += length;
    this.bytes += length;
    this.#host.uploaded(length, taker.isNear);
    return length;
  }

  #next({ requests }: Taker, { given, downloads }: Content): BlockRef | undefined {
    return requests.take(
      (piece) => (given[piece] as number) * 65_536 + downloads.picker.rarity(piece),
      (piece) => {
        given[piece] = Math.min(0xffff, (given[piece] as number) + 1);
      },
    );
  }

  #weighInterest(): void {
    const { takers } = this.#host;
    let isFree = false;
    for (const taker of takers) {
      if (taker.isInterested || taker.isChoked) continue;
      taker.setChoked(true);
      isFree = true;
    }
    if (isFree) return this.rechoke();
    const slots = this.#slots();
    let unchoked = [...takers].filter(({ isChoked }) => !isChoked).length;
    for (const taker of takers) {
      if (!taker.isInterested || !taker.isChoked || unchoked >= slots) continue;
      taker.setChoked(false);
      unchoked += 1;
    }
  }

  #slots(): number {
    const limit = this.#host.uploadLimit;
    if (limit === 0) return SLOTS_WITHOUT_LIMIT;
    return Math.min(MAX_SLOTS, Math.max(MIN_SLOTS, MIN_SLOTS + Math.floor(limit / SLOT_BYTES_PER_SECOND)));
  }
}

/**
 * Pieces asked of one peer: cut into requests, put together again, measured. It decides the size of requests and how
 * much may be under way; not which piece to ask (plan) nor whether bytes are right (the flight).
 * A REQUEST asks for 16 KiB or a multiple of it up to what the peer's hello allows: fewer messages where the link is
 * fast, small ones where it is slow, so that a cancel or a `have` never waits behind seconds of payload.
 */
import type { Clock } from '../lib/clock.ts';
import { ProtocolError } from '../lib/errors.ts';
import { BusyRate } from '../lib/rate.ts';
import { BLOCK_BYTES, type BlockRef, encodeCancel, encodeRequest } from '../wire/message.ts';
import type { Offer } from './offer.ts';
import type { PieceBuffers } from './piece-buffers.ts';

interface Asked {
  readonly offer: Offer;
  readonly piece: number;
  readonly sizeBytes: number;
  /** Taken when the first block comes: of all pieces asked for, few are being put together at a time. */
  bytes: Uint8Array | undefined;
  receivedBytes: number;
  /** Begin → length of what was requested and isn't here. */
  readonly blocks: Map<number, number>;
}

export interface DownloadsHost {
  readonly clock: Clock;
  readonly buffers: PieceBuffers;
  send(bytes: Uint8Array): void;
  downloaded(bytes: number): void;
}

/** Asked of a peer whose rate isn't known yet; and of one that is slow: more would only wait in its queue. */
const FIRST_WINDOW_BYTES = 1024 * 1024;
const MIN_WINDOW_BYTES = 64 * 1024;
const MAX_WINDOW_BYTES = 16 * 1024 * 1024;
/** As long as this a peer may owe and be silent before it counts as stalled (plan.ts has the same). */
const STALL_MS = 500;
/** Less than this doesn't end a silence: who sends a byte now and then stalls, too. */
const SIGN_OF_LIFE_BYTES = 4 * 1024;
/** A peer that stalled is asked again after this. */
const FORGIVEN_AFTER_MS = 10_000;
/** Payload that nobody asked for is dropped; beyond this much the peer is closed. */
const MAX_UNASKED_BYTES = 32 * 1024 * 1024;

export class Downloads {
  readonly #host: DownloadsHost;
  /** By the peer's piece number. */
  readonly #asked = new Map<number, Asked>();
  readonly #rate = new BusyRate();
  #queuedBytes = 0;
  /** What has come of pieces that aren't whole. */
  #partBytes = 0;
  #latencyMs: number;
  #busySinceMs = 0;
  /** Since when the peer owes bytes and has sent none; undefined when it owes nothing. */
  #owesSinceMs: number | undefined;
  /** Until when a debt counts that was taken back unpaid. */
  #forgivenMs = 0;
  /** Bytes that have come since the last sign of life. */
  #driblet = 0;
  #awaitingFirst = false;
  #unaskedBytes = 0;
  /** Of cancelled requests that were answered neither by PIECE nor by REJECT. */
  #cancelledBytes = 0;
  #maxRequestBytes = BLOCK_BYTES;
  /** The PIECE being received. */
  #current: { asked: Asked; bytes: Uint8Array; begin: number; length: number; at: number } | undefined;
  choked = true;

  constructor(host: DownloadsHost, latencyMs: number) {
    this.#host = host;
    this.#latencyMs = latencyMs;
  }

  /** A round trip before anything was asked: better than a guess. */
  roundTrip(ms: number): void {
    this.#latencyMs = ms;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Of what is queued, what hasn't come yet (but for what has come of the block that is coming). */
  get awaitedBytes(): number {
    return this.#queuedBytes - this.#partBytes;
  }

  get latencyMs(): number {
    return this.#latencyMs;
  }

  set maxRequestBytes(bytes: number) {
    this.#maxRequestBytes = bytes;
  }

  bytesPerSecond(nowMs: number): number | undefined {
    return this.#rate.at(nowMs);
  }

  /**
   * How long the peer has owed us bytes without sending any. What others were asked for in its stead still counts for a
   * while: else it would be asked again at once, and each time be waited for.
   */
  silentMs(nowMs: number): number {
    return this.#owes(nowMs) ? nowMs - (this.#owesSinceMs ?? nowMs) : 0;
  }

  #owes(nowMs: number): boolean {
    return this.#owesSinceMs !== undefined && (this.#queuedBytes > 0 || nowMs < this.#forgivenMs);
  }

  /** What may be asked for now: enough under way to keep the link busy, no more. */
  roomBytes(nowMs: number): number {
    if (this.choked) return 0;
    const rate = this.#rate.at(nowMs);
    if (rate === undefined) return FIRST_WINDOW_BYTES - this.#queuedBytes;
    const window = rate * Math.max(0.25, (4 * this.#latencyMs) / 1000);
    return Math.min(MAX_WINDOW_BYTES, Math.max(MIN_WINDOW_BYTES, window)) - this.#queuedBytes;
  }

  ask(offer: Offer, piece: number): void {
    const number = offer.firstPiece + piece;
    if (this.#asked.has(number)) return;
    const now = this.#host.clock.nowMs();
    if (!this.#owes(now)) this.#owesSinceMs = now;
    if (this.#queuedBytes === 0) {
      this.#busySinceMs = now;
      this.#awaitingFirst = true;
      this.#rate.begin(now);
    }
    const size = offer.pieces.size(piece);
    const step = this.#requestBytes(now);
    const blocks = new Map<number, number>();
    this.#asked.set(number, { offer, piece, sizeBytes: size, bytes: undefined, receivedBytes: 0, blocks });
    this.#queuedBytes += size;
    for (let begin = 0; begin < size; begin += step) {
      const length = Math.min(step, size - begin);
      blocks.set(begin, length);
      this.#host.send(encodeRequest({ index: number, begin, length }));
    }
  }

  /** Pieces of this offer of which nothing has come yet → bytes that were asked for before them, in the order of asking. */
  waiting(offer: Offer): Map<number, number> {
    const waiting = new Map<number, number>();
    let ahead = 0;
    for (const asked of this.#asked.values()) {
      const hasBegun = asked.receivedBytes > 0 || this.#current?.asked === asked;
      if (asked.offer === offer && !hasBegun) waiting.set(asked.piece, ahead);
      ahead += asked.offer.pieces.size(asked.piece) - asked.receivedBytes;
    }
    return waiting;
  }

  cancel(offer: Offer, piece: number): void {
    const number = offer.firstPiece + piece;
    const asked = this.#asked.get(number);
    if (!asked || asked.offer !== offer) return;
    this.#takeBack(number, asked);
    for (const [begin, length] of asked.blocks)
      this.#host.send(encodeCancel({ index: number, begin, length }));
    if (this.#queuedBytes > 0) return;
    const now = this.#host.clock.nowMs();
    if (now - (this.#owesSinceMs ?? now) < STALL_MS) this.#owesSinceMs = undefined;
    else this.#forgivenMs = now + FORGIVEN_AFTER_MS;
  }

  /** Forgets everything; the pieces that were asked for come back so that their seekers can be told. */
  close(): { offer: Offer; piece: number }[] {
    const lost = [...this.#asked.values()].map(({ offer, piece }) => ({ offer, piece }));
    for (const { bytes } of this.#asked.values()) if (bytes) this.#host.buffers.give(bytes);
    this.#asked.clear();
    this.#current = undefined;
    this.#queuedBytes = 0;
    this.#partBytes = 0;
    return lost;
  }

  /**
   * REJECT. The piece as a whole is given up and returned. Of a block that isn't asked for (any more): nothing. Its other
   * blocks aren't cancelled: who rejects one rejects them all, as a piece with a hole is of no use.
   */
  rejected({ index, begin, length }: BlockRef): { offer: Offer; piece: number } | undefined {
    const asked = this.#asked.get(index);
    if (asked?.blocks.get(begin) !== length) {
      this.#cancelledBytes = Math.max(0, this.#cancelledBytes - length);
      return undefined;
    }
    asked.blocks.delete(begin);
    this.#takeBack(index, asked);
    this.#heard();
    return { offer: asked.offer, piece: asked.piece };
  }

  pieceStart(index: number, begin: number, lengthBytes: number): void {
    const asked = this.#asked.get(index);
    if (!asked || asked.blocks.get(begin) !== lengthBytes) {
      this.#current = undefined;
      if (this.#owesSinceMs !== undefined) this.#heard();
      if (this.#cancelledBytes >= lengthBytes) {
        this.#cancelledBytes -= lengthBytes;
        return;
      }
      this.#unaskedBytes += lengthBytes;
      if (this.#unaskedBytes > MAX_UNASKED_BYTES)
        throw new ProtocolError('sends pieces that nobody asked for');
      return;
    }
    asked.bytes ??= this.#host.buffers.take(asked.sizeBytes);
    this.#current = { asked, bytes: asked.bytes, begin, length: lengthBytes, at: begin };
    if (this.#awaitingFirst) {
      this.#awaitingFirst = false;
      const sample = this.#host.clock.nowMs() - this.#busySinceMs;
      this.#latencyMs = 0.7 * this.#latencyMs + 0.3 * sample;
    }
  }

  pieceData(bytes: Uint8Array): void {
    const current = this.#current;
    if (!current) return;
    current.bytes.set(bytes, current.at);
    current.at += bytes.length;
    const now = this.#host.clock.nowMs();
    this.#driblet += bytes.length;
    if (this.#driblet >= SIGN_OF_LIFE_BYTES) {
      this.#driblet = 0;
      this.#owesSinceMs = now;
    }
    this.#rate.add(bytes.length, now);
    this.#host.downloaded(bytes.length);
  }

  /** Hands a piece to whoever looks for it when its last block is here. */
  pieceEnd(): void {
    const current = this.#current;
    this.#current = undefined;
    if (!current) return;
    const { asked, bytes } = current;
    const { offer, piece } = asked;
    const number = offer.firstPiece + piece;
    if (this.#asked.get(number) !== asked) return; // cancelled while it came
    asked.blocks.delete(current.begin);
    asked.receivedBytes += current.length;
    this.#partBytes += current.length;
    if (asked.receivedBytes < asked.sizeBytes) return;
    asked.bytes = undefined;
    this.#drop(number, asked);
    this.#heard();
    if (!offer.closed) offer.want.seeker.arrived(offer, piece, bytes);
    this.#host.buffers.give(bytes);
  }

  /** What is still to come of a piece may come all the same, through no fault of the peer's. */
  #takeBack(number: number, asked: Asked): void {
    this.#drop(number, asked);
    for (const length of asked.blocks.values()) this.#cancelledBytes += length;
  }

  /** The peer has answered something. */
  #heard(): void {
    this.#owesSinceMs = this.#queuedBytes > 0 ? this.#host.clock.nowMs() : undefined;
  }

  #drop(number: number, asked: Asked): void {
    this.#asked.delete(number);
    this.#queuedBytes -= asked.sizeBytes;
    this.#partBytes -= asked.receivedBytes;
    if (this.#current?.asked === asked) this.#current = undefined;
    if (asked.bytes) this.#host.buffers.give(asked.bytes);
    asked.bytes = undefined;
    if (this.#queuedBytes === 0) this.#rate.end(this.#host.clock.nowMs());
  }

  /** About 30 ms of this peer's measured rate, in powers of two. */
  #requestBytes(nowMs: number): number {
    const rate = this.#rate.at(nowMs);
    const wished = rate === undefined ? 4 * BLOCK_BYTES : rate * 0.03;
    let bytes = BLOCK_BYTES;
    while (bytes * 2 <= Math.min(wished, this.#maxRequestBytes)) bytes *= 2;
    return bytes;
  }
}

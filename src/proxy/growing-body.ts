/**
 * How far a file that still grows may be sent. A little of what is here is held back while more is to come: when nothing
 * comes for a while, though something moves (a slow line, a last piece that has to be checked as a whole), it is sent a
 * byte at a time, as apt gives up after 30 s without one. When nothing moves any more it says so, and the connection is
 * cut: apt then asks again, from where it is. It doesn't send, and decides nothing about bytes.
 */
import type { Content } from '../acquire/content.ts';
import { type Clock, systemClock } from '../lib/clock.ts';
import { UnavailableError } from '../lib/errors.ts';
import { STILL_MS } from './while-moving.ts';

/** Enough for ten minutes; less of files that are small, and so are shown in one. */
const HELD_BACK_BYTES = 64;
const HELD_BACK_SHARE = 1024;
const DRIP_MS = 8_000;

export interface GrowingBodyOptions {
  /** The end of what is sent, a byte offset of the file. */
  readonly to: number;
  /** For the message. */
  readonly name: string;
  /** When something last moved, by `clock`; undefined where nobody knows. */
  readonly movedMs: () => number | undefined;
  readonly signal: AbortSignal;
  readonly clock?: Clock;
  readonly dripMs?: number;
  readonly stillMs?: number;
}

export class GrowingBody implements Disposable {
  readonly #file: Content;
  readonly #options: Required<GrowingBodyOptions>;
  readonly #heldBackBytes: number;
  #takeBackTimer: (() => void) | undefined;
  #ticked = () => {};
  /** When `readyBeyond` last gave something. */
  #gaveMs: number;

  constructor(file: Content, options: GrowingBodyOptions) {
    this.#file = file;
    this.#options = { clock: systemClock, dripMs: DRIP_MS, stillMs: STILL_MS, ...options };
    this.#heldBackBytes = Math.min(HELD_BACK_BYTES, Math.floor(file.sizeBytes / HELD_BACK_SHARE));
    this.#gaveMs = this.#options.clock.nowMs();
  }

  /** Resolves with an offset beyond `offset`, up to which bytes may be sent. Rejects as Content.waitBeyond does. */
  async readyBeyond(offset: number): Promise<number> {
    for (;;) {
      const ready = this.#ready(offset) ?? ((await this.#grown(offset)) ? undefined : this.#drip(offset));
      if (ready === undefined) continue;
      if (this.#takeBackTimer) this.#gaveMs = this.#options.clock.nowMs();
      return ready;
    }
  }

  [Symbol.dispose](): void {
    this.#takeBackTimer?.();
  }

  #ready(offset: number): number | undefined {
    const { available } = this.#file;
    const { to } = this.#options;
    if (available >= to) return to;
    const ready = available - this.#heldBackBytes;
    return ready > offset ? ready : undefined;
  }

  /** True when enough has come, false when it is time to look. */
  #grown(offset: number): Promise<boolean> {
    const { to, signal } = this.#options;
    if (!this.#takeBackTimer) this.#startTicking();
    return new Promise((resolve, reject) => {
      this.#ticked = () => resolve(false);
      const beyond = Math.min(to - 1, offset + this.#heldBackBytes);
      this.#file.waitBeyond(beyond, signal).then(() => resolve(true), reject);
    });
  }

  #startTicking(): void {
    const { clock, dripMs } = this.#options;
    this.#takeBackTimer = clock.after(dripMs, () => {
      this.#startTicking();
      this.#ticked();
    });
  }

  /** One more byte; undefined when there is none and it isn't too late. */
  #drip(offset: number): number | undefined {
    const { clock, name, movedMs, stillMs, dripMs } = this.#options;
    const nowMs = clock.nowMs();
    const quietMs = nowMs - this.#gaveMs;
    if (quietMs < dripMs / 2) return undefined;
    const isMoving = nowMs - (movedMs() ?? this.#gaveMs) < stillMs;
    if (isMoving && this.#file.available > offset) return offset + 1;
    if (isMoving && quietMs + dripMs <= stillMs) return undefined;
    throw new UnavailableError(`could not get the rest of ${name}: nothing comes any more`, {
      timedOut: true,
    });
  }
}

/**
 * Small chunks put together before they cost a write, a plan and a wake-up each: on a line of 20 Mbit/s the system hands
 * over a packet or two at a time, 45,000 of them for one file of 64 MB. Gives what it has when it is full, or when the
 * first of it has waited for a moment; large chunks pass uncopied.
 */
import type { Clock } from '../lib/clock.ts';

const FULL_BYTES = 64 * 1024;
/** apt waits for tens of seconds; nobody sees this. */
const MOMENT_MS = 20;

export class Gatherer {
  readonly #clock: Clock;
  /** False: no more is wanted. */
  readonly #give: (offset: number, bytes: Uint8Array) => boolean;
  #buffer: Uint8Array | undefined;
  #offset = 0;
  #length = 0;
  #timer: (() => void) | undefined;
  #isWanted = true;

  constructor(clock: Clock, give: (offset: number, bytes: Uint8Array) => boolean) {
    this.#clock = clock;
    this.#give = give;
  }

  /** Chunks follow one another without gaps. False when no more is wanted. */
  add(offset: number, chunk: Uint8Array): boolean {
    if (this.#length === 0 && chunk.length >= FULL_BYTES) return this.#pass(offset, chunk);
    let rest = chunk;
    while (rest.length > 0 && this.#isWanted) {
      this.#buffer ??= new Uint8Array(FULL_BYTES);
      if (this.#length === 0) this.#offset = offset + chunk.length - rest.length;
      const taken = rest.subarray(0, FULL_BYTES - this.#length);
      this.#buffer.set(taken, this.#length);
      this.#length += taken.length;
      rest = rest.subarray(taken.length);
      if (this.#length === FULL_BYTES) this.flush();
    }
    if (this.#length > 0) this.#timer ??= this.#clock.after(MOMENT_MS, () => this.flush());
    return this.#isWanted;
  }

  /** Gives what has been put together. False when no more is wanted. */
  flush(): boolean {
    this.#timer?.();
    this.#timer = undefined;
    if (this.#length === 0 || !this.#buffer) return this.#isWanted;
    const bytes = this.#buffer.subarray(0, this.#length);
    this.#length = 0;
    return this.#pass(this.#offset, bytes);
  }

  /** What is left is of no use. */
  drop(): void {
    this.#timer?.();
    this.#timer = undefined;
    this.#length = 0;
    this.#isWanted = false;
  }

  #pass(offset: number, bytes: Uint8Array): boolean {
    if (this.#isWanted) this.#isWanted = this.#give(offset, bytes);
    return this.#isWanted;
  }
}

/**
 * Sockets that bring a lot, read in gulps. On a line of 20 Mbit/s a program that reads at once gets a packet or two each
 * time, and what a byte costs grows several times over. While much is awaited the system is told to wake us for no less
 * than a gulp (it still does when its buffer is full, at the end, and on an error, and acknowledges all the same); what
 * has waited for a moment without becoming one is read all the same. Whether much is awaited is the caller's to know.
 */
import { type Clock, systemClock } from './clock.ts';
import { setLowWater } from './low-water.ts';

/** Worth a read; and fits in what Linux takes in by default for a connection it knows nothing of (64 KiB). */
const GULP_BYTES = 48 * 1024;
/** Less isn't waited for: the last of it would come late. */
const MUCH_BYTES = 2 * GULP_BYTES;
/** What has come waits for one to two of these at most: an answer may lie behind the payload that is awaited. */
const MOMENT_MS = 16;

/** Bun's, which has its descriptor as `fd` (its types don't say so): -1 once it is closed. */
type BunSocket = object;

/** All sockets of a process that are read in gulps, on one timer. */
export class Gulps {
  readonly #clock: Clock;
  readonly #setLowWater: (fd: number, bytes: number) => boolean;
  /** Those that wait for a gulp, and whether they were read since the timer's last moment. */
  readonly #waiting = new Map<BunSocket, boolean>();
  #isTicking = false;

  constructor(clock: Clock, lowWater = setLowWater) {
    this.#clock = clock;
    this.#setLowWater = lowWater;
  }

  /** To be called after each read: so many bytes, and none that is urgent, are known to be still to come. */
  read(socket: BunSocket, awaitedBytes: number): void {
    if (awaitedBytes < MUCH_BYTES) return this.end(socket);
    if (!this.#waiting.has(socket) && !this.#setLowWater(fdOf(socket), GULP_BYTES)) return;
    this.#waiting.set(socket, true);
    this.#tickOn();
  }

  /** What comes now is read at once. */
  end(socket: BunSocket): void {
    if (this.#waiting.delete(socket)) this.#setLowWater(fdOf(socket), 1);
  }

  /** It is closed, or about to be. */
  forget(socket: BunSocket): void {
    this.#waiting.delete(socket);
  }

  #tickOn(): void {
    if (this.#isTicking || this.#waiting.size === 0) return;
    this.#isTicking = true;
    this.#clock.after(MOMENT_MS, () => {
      this.#isTicking = false;
      for (const [socket, wasRead] of this.#waiting) {
        if (wasRead) this.#waiting.set(socket, false);
        else this.end(socket);
      }
      this.#tickOn();
    });
  }
}

function fdOf(socket: BunSocket): number {
  return 'fd' in socket && typeof socket.fd === 'number' ? socket.fd : -1;
}

/** Of this process. */
export const socketGulps = new Gulps(systemClock);

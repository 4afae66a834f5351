/**
 * The line to one peer: bytes in and out, from the first of the handshake. It reads the handshake, then cuts messages,
 * holds reading back by the download limit, keeps the connection alive, and ends it for silence, for what breaks the
 * protocol and for unread answers. What anything means is its owner's.
 */
import type { Clock } from '../lib/clock.ts';
import { ProtocolError } from '../lib/errors.ts';
import type { TokenBucket } from '../lib/token-bucket.ts';
import type { Link } from '../swarm/link.ts';
import { Framer, type FramerSink } from '../wire/framer.ts';
import { type Handshake, HandshakeReader } from '../wire/handshake.ts';
import { encodeKeepAlive } from '../wire/message.ts';

const SILENCE_LIMIT_MS = 180_000;
const KEEP_ALIVE_MS = 100_000;
const MAX_UNSENT_BYTES = 4 * 1024 * 1024;

export interface PeerLineOwner {
  /** Bytes of pieces that are to come. */
  readonly awaitedBytes: number;
  /** Throws ProtocolError. */
  shook(handshake: Handshake): void;
  drained(): void;
  gone(reason: string): void;
}

export interface PeerLineOptions {
  readonly link: Link;
  readonly clock: Clock;
  readonly downloadBucket: TokenBucket;
  readonly owner: PeerLineOwner;
  readonly sink: FramerSink;
}

export class PeerLine {
  readonly #link: Link;
  readonly #clock: Clock;
  readonly #bucket: TokenBucket;
  readonly #owner: PeerLineOwner;
  readonly #framer: Framer;
  #reader: HandshakeReader | undefined = new HandshakeReader();
  #isClosed = false;
  #heardMs: number;
  #spokeMs: number;
  #resume: (() => void) | undefined;

  constructor({ link, clock, downloadBucket, owner, sink }: PeerLineOptions) {
    this.#link = link;
    this.#clock = clock;
    this.#bucket = downloadBucket;
    this.#owner = owner;
    this.#framer = new Framer(sink);
    this.#heardMs = clock.nowMs();
    this.#spokeMs = this.#heardMs;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get unsentBytes(): number {
    return this.#link.queuedBytes;
  }

  send(bytes: Uint8Array): void {
    if (this.#isClosed) return;
    this.#spokeMs = this.#clock.nowMs();
    this.#link.send(bytes);
  }

  close(reason: string): void {
    this.#link.close(reason);
  }

  /** Listens from now on. */
  open(): void {
    const owner = this.#owner;
    this.#link.attach({
      get awaitedBytes() {
        return owner.awaitedBytes;
      },
      data: (chunk) => this.#data(chunk),
      drained: () => owner.drained(),
      closed: (reason) => this.#gone(reason),
    });
  }

  /** A handshake that was read, here or elsewhere, and what came behind it. */
  begin(handshake: Handshake, rest: Uint8Array): void {
    this.#reader = undefined;
    this.guard(() => {
      this.#owner.shook(handshake);
      if (rest.length > 0 && !this.#isClosed) this.#framer.push(rest);
    });
  }

  /** A ProtocolError closes it. */
  guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.close(error.message);
    }
  }

  /** Once a second, after the handshake. */
  tick(): void {
    const now = this.#clock.nowMs();
    if (now - this.#heardMs > SILENCE_LIMIT_MS) return this.close('silent');
    if (now - this.#spokeMs > KEEP_ALIVE_MS) this.send(encodeKeepAlive());
    if (this.unsentBytes > MAX_UNSENT_BYTES) this.close('does not read');
  }

  #data(chunk: Uint8Array): void {
    this.#heardMs = this.#clock.nowMs();
    this.guard(() => {
      if (!this.#reader) return this.#framer.push(chunk);
      const done = this.#reader.push(chunk);
      if (done) this.begin(done.handshake, done.rest);
    });
    if (this.unsentBytes > MAX_UNSENT_BYTES) return this.close('does not read');
    const waitMs = this.#bucket.spend(chunk.length, this.#clock.nowMs());
    if (waitMs <= 0 || this.#isClosed || this.#resume) return;
    this.#link.pause();
    this.#resume = this.#clock.after(waitMs, () => {
      this.#resume = undefined;
      this.#link.resume();
    });
  }

  #gone(reason: string): void {
    this.#isClosed = true;
    this.#framer.close();
    this.#resume?.();
    this.#owner.gone(reason);
  }
}

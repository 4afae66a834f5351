/**
 * What carries bytes in a simulated world. A line is a machine's way onto the network: one rate up and one down, each
 * shared by all streams over it. Up: a quantum of each stream in turn (fair), and streams that have only a few bytes to
 * say go first, as with Linux' fq_codel. Down: first come, first served. A stream has no more under way than a window
 * of about twice its bandwidth × delay, which those that have bytes on their way to the same end share, so that a slow
 * receiver holds up its senders, as TCP would; there is no slow start and no loss.
 */
import type { EventClock } from './event-clock.ts';

export interface LineShape {
  /** No limit where left out. */
  readonly upBytesPerSecond?: number;
  readonly downBytesPerSecond?: number;
  /** One way, to the middle of the network. */
  readonly latencyMs: number;
}

/** Bytes of a message as they go over the line: a head that is kept, and zeros that need not be. */
export interface Parcel {
  readonly head: Uint8Array | undefined;
  readonly zeroBytes: number;
}

export interface StreamEvents {
  arrived(head: Uint8Array | undefined, zeroBytes: number): void;
  /** Some of what was queued has left. */
  left(): void;
}

const MIN_QUANTUM_BYTES = 16 * 1024;
const QUANTUM_MS = 5;
const FEW_BYTES = 2 * 1024;
const MIN_WINDOW_BYTES = 128 * 1024;
const LEAST_SHARE_BYTES = 32 * 1024;
/** What is through the receiver's line as soon as that isn't waited for. */
const AT_ONCE_MS = 0.01;

export class Line {
  readonly clock: EventClock;
  readonly shape: LineShape;
  readonly #up: number;
  readonly #down: number;
  readonly #quantumBytes: number;
  /** Streams with something to send and room in their window, in turn. */
  #turn: Stream[] = [];
  #first: Stream[] = [];
  #isSending = false;
  #downBusyUntilMs = 0;
  /** Switched off: whatever it sends, or is sent, is lost. */
  isDown = false;
  sentBytes = 0;
  receivedBytes = 0;
  /** Streams with bytes on their way to this end: they share what is under way, as congestion control has it. */
  incoming = 0;

  constructor(clock: EventClock, shape: LineShape) {
    this.clock = clock;
    this.shape = shape;
    this.#up = shape.upBytesPerSecond ?? Number.POSITIVE_INFINITY;
    this.#down = shape.downBytesPerSecond ?? Number.POSITIVE_INFINITY;
    const quantum = Number.isFinite(this.#up) ? (this.#up * QUANTUM_MS) / 1000 : 64 * 1024;
    this.#quantumBytes = Math.min(64 * 1024, Math.max(MIN_QUANTUM_BYTES, Math.floor(quantum)));
  }

  get downBytesPerSecond(): number {
    return this.#down;
  }

  get upBytesPerSecond(): number {
    return this.#up;
  }

  ready(stream: Stream, hasFew: boolean): void {
    (hasFew ? this.#first : this.#turn).push(stream);
    if (!this.#isSending) this.#sendNext();
  }

  /** For how long bytes that reach this end of the line now are on their way through it. */
  takeIn(bytes: number): number {
    this.receivedBytes += bytes;
    if (!Number.isFinite(this.#down)) return 0;
    const nowMs = this.clock.nowMs();
    this.#downBusyUntilMs = Math.max(this.#downBusyUntilMs, nowMs) + (bytes / this.#down) * 1000;
    return this.#downBusyUntilMs - nowMs;
  }

  #sendNext(): void {
    const stream = this.#first.shift() ?? this.#turn.shift();
    this.#isSending = stream !== undefined;
    if (!stream) return;
    const bytes = stream.sendQuantum(this.#quantumBytes);
    this.sentBytes += bytes;
    const delayMs = Number.isFinite(this.#up) ? (bytes / this.#up) * 1000 : 0;
    this.clock.after(delayMs, () => {
      stream.hasLeft();
      this.#sendNext();
    });
  }
}

/** One direction of a connection. */
export class Stream {
  readonly #from: Line;
  readonly #to: Line;
  readonly #latencyMs: number;
  readonly #windowBytes: number;
  readonly #events: StreamEvents;
  #queue: Parcel[] = [];
  /** What the first of the queue has sent of itself. */
  #sentOfFirst = 0;
  #queuedBytes = 0;
  #underWayBytes = 0;
  /** Quanta that have reached the other end of the network, and not of the line. */
  #comingIn = 0;
  /** In the line's turn, or sending. */
  #isListed = false;
  #leaving: { parcels: Parcel[]; bytes: number } | undefined;
  #isCut = false;
  /** Bytes that have left the sender. */
  sentBytes = 0;

  constructor(from: Line, to: Line, events: StreamEvents) {
    this.#from = from;
    this.#to = to;
    this.#events = events;
    this.#latencyMs = from.shape.latencyMs + to.shape.latencyMs;
    const rate = Math.min(from.upBytesPerSecond, to.downBytesPerSecond);
    const delay = (4 * this.#latencyMs) / 1000;
    this.#windowBytes = Number.isFinite(rate)
      ? Math.max(MIN_WINDOW_BYTES, rate * delay)
      : Number.POSITIVE_INFINITY;
  }

  get latencyMs(): number {
    return this.#latencyMs;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  push(head: Uint8Array | undefined, zeroBytes: number): void {
    if (this.#isCut) return;
    this.#queue.push({ head, zeroBytes });
    this.#queuedBytes += (head?.length ?? 0) + zeroBytes;
    this.#list();
  }

  /** Nothing more is sent; what is under way still arrives. */
  cut(): void {
    this.#isCut = true;
    this.#queue = [];
    this.#queuedBytes = 0;
  }

  /** Called by the line: takes up to `limit` bytes off the queue. */
  sendQuantum(limit: number): number {
    const parcels: Parcel[] = [];
    let bytes = 0;
    while (bytes < limit) {
      const parcel = this.#queue[0];
      if (!parcel) break;
      const headBytes = parcel.head?.length ?? 0;
      // A head is never cut in two: it is small, or the one thing in its quantum.
      if (this.#sentOfFirst === 0 && headBytes > 0) {
        if (bytes > 0 && bytes + headBytes > limit) break;
        bytes += headBytes;
        this.#sentOfFirst = headBytes;
        parcels.push({ head: parcel.head, zeroBytes: 0 });
      }
      const left = headBytes + parcel.zeroBytes - this.#sentOfFirst;
      const zeroBytes = Math.min(left, Math.max(0, limit - bytes));
      if (zeroBytes > 0) parcels.push({ head: undefined, zeroBytes });
      bytes += zeroBytes;
      this.#sentOfFirst += zeroBytes;
      if (zeroBytes < left) break;
      this.#queue.shift();
      this.#sentOfFirst = 0;
    }
    this.#queuedBytes = Math.max(0, this.#queuedBytes - bytes);
    if (this.#underWayBytes === 0) this.#to.incoming += 1;
    this.#underWayBytes += bytes;
    this.sentBytes += bytes;
    this.#leaving = { parcels, bytes };
    return bytes;
  }

  /** Called by the line: the quantum has left it. */
  hasLeft(): void {
    const leaving = this.#leaving;
    this.#leaving = undefined;
    this.#isListed = false;
    if (leaving) this.#travel(leaving.parcels, leaving.bytes);
    if (this.#isCut) return;
    this.#list();
    this.#events.left();
  }

  #travel(parcels: readonly Parcel[], bytes: number): void {
    const { clock } = this.#from;
    if (this.#from.isDown || this.#to.isDown) return;
    // Lines are of different length: only there it shows who comes first.
    clock.after(this.#latencyMs, () => {
      const delayMs = this.#to.takeIn(bytes);
      // Most of what is ever said is a few bytes on an idle line.
      if (delayMs < AT_ONCE_MS && this.#comingIn === 0) return this.#arrive(parcels, bytes);
      this.#comingIn += 1;
      clock.after(delayMs, () => {
        this.#comingIn -= 1;
        this.#arrive(parcels, bytes);
      });
    });
  }

  #arrive(parcels: readonly Parcel[], bytes: number): void {
    this.#underWayBytes -= bytes;
    if (this.#underWayBytes === 0) this.#to.incoming -= 1;
    if (this.#to.isDown) return;
    for (const { head, zeroBytes } of parcels) this.#events.arrived(head, zeroBytes);
    this.#list();
  }

  #hasWindow(): boolean {
    if (this.#underWayBytes < LEAST_SHARE_BYTES) return true;
    return this.#underWayBytes < this.#windowBytes / Math.max(1, this.#to.incoming);
  }

  #list(): void {
    if (this.#isListed || this.#queuedBytes === 0 || !this.#hasWindow()) return;
    this.#isListed = true;
    this.#from.ready(this, this.#queuedBytes <= FEW_BYTES);
  }
}

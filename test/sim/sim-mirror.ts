/**
 * A mirror and its one line, shared by all transfers; and each node's own view of it, which measures as HttpMirror does
 * (src/mirror/health.ts). Connections are there already: a request costs one round trip.
 */
import { type Location, locationName } from '../../src/archive/entry.ts';
import { UnavailableError } from '../../src/lib/errors.ts';
import { Health } from '../../src/mirror/health.ts';
import type { Mirror, MirrorAnswer, MirrorEstimate, MirrorRequest } from '../../src/mirror/mirror.ts';
import type { EventClock } from './event-clock.ts';
import { Line, type LineShape, Stream } from './line.ts';
import { ZEROS } from './zeros.ts';

const LAST_MODIFIED = 'Thu, 01 Jan 2026 00:00:00 GMT';

export class SimMirror {
  readonly clock: EventClock;
  readonly line: Line;
  readonly #sizeOf: (name: string) => number | undefined;
  requests = 0;
  /** Answers under way, and the most there were. */
  running = 0;
  mostRunning = 0;

  /** `sizeOf`: the bytes of each file by its name. */
  constructor(clock: EventClock, shape: LineShape, sizeOf: (name: string) => number | undefined) {
    this.clock = clock;
    this.line = new Line(clock, shape);
    this.#sizeOf = sizeOf;
  }

  /** Payload that has left the mirror, wanted or not. */
  get sentBytes(): number {
    return this.line.sentBytes;
  }

  sizeOf(at: Location): number | undefined {
    return this.#sizeOf(locationName(at));
  }
}

export interface MirrorClientOptions {
  /** What the node knows of the mirror from transfers before this story begins; nothing when left out. */
  readonly known?: MirrorEstimate;
  /** Takes requests and never answers. */
  readonly hangs?: boolean;
  /** Refuses every request at once. */
  readonly fails?: boolean;
}

export class MirrorClient implements Mirror {
  readonly #server: SimMirror;
  readonly #line: Line;
  readonly #hangs: boolean;
  readonly #fails: boolean;
  readonly #health = new Health();

  constructor(
    server: SimMirror,
    line: Line,
    { known, hangs = false, fails = false }: MirrorClientOptions = {},
  ) {
    this.#server = server;
    this.#line = line;
    this.#hangs = hangs;
    this.#fails = fails;
    if (!known) return;
    this.#health.measuredLatency('mirror', known.latencyMs);
    this.#health.measuredTransfer('mirror', known.bytesPerSecond * 10, 10_000);
  }

  estimate(): MirrorEstimate {
    return this.#health.estimate('mirror');
  }

  async request({ at, range, signal }: MirrorRequest): Promise<MirrorAnswer> {
    const { clock, line } = this.#server;
    const sizeBytes = this.#server.sizeOf(at);
    if (sizeBytes === undefined) throw new UnavailableError(`not on the mirror: ${at.path}`);
    if (this.#fails) throw new UnavailableError('the mirror is away');
    if (this.#hangs) await neverAnswered(signal);
    this.#server.requests += 1;
    const latencyMs = line.shape.latencyMs + this.#line.shape.latencyMs;
    const from = range?.from ?? 0;
    const to = range?.to ?? sizeBytes;
    await clock.sleep(latencyMs, signal);
    // Head and body leave the mirror together.
    const body = this.#send(to - from, signal);
    await clock.sleep(latencyMs, signal);
    this.#health.measuredLatency('mirror', 2 * latencyMs);
    const headers = new Headers({ 'content-length': String(to - from), 'last-modified': LAST_MODIFIED });
    if (range) headers.set('content-range', `bytes ${from}-${to - 1}/${sizeBytes}`);
    return { status: range ? 206 : 200, headers, body: this.#body(body, to - from, signal) };
  }

  #send(lengthBytes: number, signal: AbortSignal): Arriving {
    const body: Arriving = { bytes: 0, wake: undefined, cut: () => stream.cut() };
    const stream = new Stream(this.#server.line, this.#line, {
      left: () => {},
      arrived: (_head, zeroBytes) => {
        body.bytes += zeroBytes;
        body.wake?.();
      },
    });
    const onAbort = () => {
      stream.cut();
      body.wake?.();
    };
    signal.addEventListener('abort', onAbort, { once: true });
    stream.push(undefined, lengthBytes);
    return body;
  }

  async *#body(body: Arriving, lengthBytes: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const server = this.#server;
    const { clock } = server;
    const startedMs = clock.nowMs();
    let read = 0;
    server.running += 1;
    server.mostRunning = Math.max(server.mostRunning, server.running);
    try {
      while (read < lengthBytes) {
        signal.throwIfAborted();
        if (read === body.bytes) {
          await new Promise<void>((resolve) => {
            body.wake = resolve;
          });
          continue;
        }
        const bytes = Math.min(body.bytes - read, ZEROS.length);
        read += bytes;
        yield ZEROS.subarray(0, bytes);
      }
    } finally {
      server.running -= 1;
      body.cut();
      this.#health.measuredTransfer('mirror', read, clock.nowMs() - startedMs);
    }
  }
}

/** A body on its way to a node. */
interface Arriving {
  /** As many have come. */
  bytes: number;
  wake: (() => void) | undefined;
  readonly cut: () => void;
}

function neverAnswered(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

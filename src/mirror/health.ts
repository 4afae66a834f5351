/**
 * What each upstream host costs, learnt from the transfers that were made: latency (request to first byte) and rate
 * of one transfer, as exponentially weighted means. It decides nothing; the planner asks `estimate`. Only transfers
 * long enough to have left TCP's slow start say something about the rate. Bounded: the least recently used host is
 * forgotten first.
 */
import type { MirrorEstimate } from './mirror.ts';

/** Guesses before the first measure: an ordinary mirror on an ordinary line. */
export const DEFAULT_ESTIMATE: MirrorEstimate = { latencyMs: 50, bytesPerSecond: 10_000_000 };

/** Weight of the newest measure: four or five of them make the old ones forgotten. */
const ALPHA = 0.3;
const RATE_MIN_BYTES = 256 * 1024;
const HOSTS_MAX = 256;

interface HostHealth {
  latencyMs: number | undefined;
  bytesPerSecond: number | undefined;
  /** When a head or bytes last came. */
  heardMs: number | undefined;
  /** When a request was given up last, if nothing has come since. */
  silentMs: number | undefined;
}

export class Health {
  readonly #hosts = new Map<string, HostHealth>();

  estimate(host: string): MirrorEstimate {
    const known = this.#hosts.get(host);
    return {
      latencyMs: known?.latencyMs ?? DEFAULT_ESTIMATE.latencyMs,
      bytesPerSecond: known?.bytesPerSecond ?? DEFAULT_ESTIMATE.bytesPerSecond,
    };
  }

  /** The head of an answer came after `latencyMs`, or was given up after it. */
  measuredLatency(host: string, latencyMs: number): void {
    const known = this.#host(host);
    known.latencyMs = mean(known.latencyMs, latencyMs);
  }

  /** `bytes` of a body came in `elapsedMs`, counted from the head. Small transfers are ignored. */
  measuredTransfer(host: string, bytes: number, elapsedMs: number): void {
    if (bytes < RATE_MIN_BYTES) return;
    const known = this.#host(host);
    known.bytesPerSecond = mean(known.bytesPerSecond, (bytes * 1000) / Math.max(elapsedMs, 0.1));
  }

  /** A head, or bytes, came from it. */
  heard(host: string, nowMs: number): void {
    const known = this.#hosts.get(host) ?? this.#host(host);
    known.heardMs = nowMs;
    known.silentMs = undefined;
  }

  /** It was waited for in vain. */
  gaveUp(host: string, nowMs: number): void {
    this.#host(host).silentMs = nowMs;
  }

  heardMs(host: string): number | undefined {
    return this.#hosts.get(host)?.heardMs;
  }

  /** When it was last waited for in vain; undefined when it has been heard since. */
  silentMs(host: string): number | undefined {
    return this.#hosts.get(host)?.silentMs;
  }

  #host(host: string): HostHealth {
    const known = this.#hosts.get(host) ?? {
      latencyMs: undefined,
      bytesPerSecond: undefined,
      heardMs: undefined,
      silentMs: undefined,
    };
    this.#hosts.delete(host);
    this.#hosts.set(host, known);
    for (const oldest of this.#hosts.keys()) {
      if (this.#hosts.size <= HOSTS_MAX) break;
      this.#hosts.delete(oldest);
    }
    return known;
  }
}

function mean(old: number | undefined, measured: number): number {
  return old === undefined ? measured : old + ALPHA * (measured - old);
}

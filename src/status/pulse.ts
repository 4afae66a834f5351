/**
 * How fast bytes move: looks at the counts every two seconds and keeps the last five minutes. What is shown of it is for
 * the page and the table to say. Bounded: so many samples, and the rates of the peers that are connected.
 */
import type { Clock } from '../lib/clock.ts';
import type { ByteTotals } from './snapshot.ts';

export const STEP_MS = 2000;
export const SAMPLES_MAX = 150;
/** Rates for people are means of so many samples: a single one jumps. */
const SMOOTHED_SAMPLES = 2;

/** Bytes a second. */
export interface PeerRate {
  readonly down: number;
  readonly up: number;
}

export interface PulseParts {
  readonly clock: Clock;
  /** Counts that only grow. */
  readonly session: () => ByteTotals;
  readonly peers: () => Iterable<{
    readonly address: string;
    readonly bytesDown: number;
    readonly bytesUp: number;
  }>;
}

const STILL: ByteTotals = { fromPeers: 0, fromLan: 0, fromMirror: 0, fromStore: 0, uploaded: 0 };
const NO_RATE: PeerRate = { down: 0, up: 0 };

interface SeenPeer extends PeerRate {
  readonly bytesDown: number;
  readonly bytesUp: number;
}

export class Pulse implements Disposable {
  readonly #parts: PulseParts;
  readonly #samples: ByteTotals[] = [];
  #atMs: number;
  #before: ByteTotals;
  #peers = new Map<string, SeenPeer>();
  #cancel: () => void;

  constructor(parts: PulseParts) {
    this.#parts = parts;
    this.#atMs = parts.clock.nowMs();
    this.#before = parts.session();
    this.#cancel = parts.clock.after(STEP_MS, () => this.#tick());
  }

  /** Bytes a second, oldest first; SAMPLES_MAX at most, STEP_MS apart. */
  get history(): readonly ByteTotals[] {
    return this.#samples;
  }

  /** Bytes a second, now. */
  rates(): ByteTotals {
    const last = this.#samples.slice(-SMOOTHED_SAMPLES);
    if (last.length === 0) return STILL;
    return eachOf((name) => Math.round(last.reduce((sum, sample) => sum + sample[name], 0) / last.length));
  }

  ofPeer(address: string): PeerRate {
    return this.#peers.get(address) ?? NO_RATE;
  }

  [Symbol.dispose](): void {
    this.#cancel();
  }

  #tick(): void {
    const { clock, session, peers } = this.#parts;
    this.#cancel = clock.after(STEP_MS, () => this.#tick());
    const nowMs = clock.nowMs();
    const seconds = Math.max(0.001, (nowMs - this.#atMs) / 1000);
    const now = session();
    const before = this.#before;
    this.#samples.push(eachOf((name) => Math.max(0, Math.round((now[name] - before[name]) / seconds))));
    if (this.#samples.length > SAMPLES_MAX) this.#samples.shift();
    const seen = new Map<string, SeenPeer>();
    for (const { address, bytesDown, bytesUp } of peers()) {
      const last = this.#peers.get(address);
      const rate = (bytes: number, bytesBefore = bytes, rateBefore = 0) =>
        Math.round((Math.max(0, bytes - bytesBefore) / seconds + rateBefore) / 2);
      const down = rate(bytesDown, last?.bytesDown, last?.down);
      const up = rate(bytesUp, last?.bytesUp, last?.up);
      seen.set(address, { bytesDown, bytesUp, down, up });
    }
    this.#peers = seen;
    this.#atMs = nowMs;
    this.#before = now;
  }
}

function eachOf(value: (name: keyof ByteTotals) => number): ByteTotals {
  return {
    fromPeers: value('fromPeers'),
    fromLan: value('fromLan'),
    fromMirror: value('fromMirror'),
    fromStore: value('fromStore'),
    uploaded: value('uploaded'),
  };
}

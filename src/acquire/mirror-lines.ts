/**
 * What an upstream gives this node in all, whoever of its flights asks: apt wants ten files at once, and each of them
 * gets a tenth. A flight that knew only itself would think the mirror ten times as quick as it is, and its estimates,
 * which others wait for, would be wrong as often. While our own line is full (Inflow) the mirror gets what peers leave of
 * it: that makes it no slower than it is. Bounded: hosts without flights are forgotten first.
 */
import type { MirrorEstimate } from '../mirror/mirror.ts';
import { Inflow } from './inflow.ts';

/** What was measured so long ago says little about now. */
const STALE_MS = 10_000;
const SAMPLE_MS = 250;
const MIN_SAMPLE_BYTES = 16 * 1024;
/** Weight of the newest sample. */
const ALPHA = 0.4;
/** A mirror that would bring less of the most that ever comes in is no quick way to the last pieces. */
const QUICK = 0.5;
const MAX_HOSTS = 64;

export class MirrorLine {
  /** Flights under way whose files could come from there. */
  flights = 0;
  readonly #inflow: Inflow;
  #bytesPerSecond: number | undefined;
  #runs = 0;
  /** Answers whose first bytes have come and whose last haven't. */
  #streams = 0;
  /** Of the sample that is being taken: for how long answers were coming, and what came of them in that time. */
  #spanMs = 0;
  #bytes = 0;
  #lastMs = 0;
  #measuredMs = Number.NEGATIVE_INFINITY;

  constructor(inflow: Inflow) {
    this.#inflow = inflow;
  }

  /** Runs under way. */
  get runs(): number {
    return this.#runs;
  }

  /** It alone would bring a good part of all that has ever come in at once lately. */
  get isQuick(): boolean {
    return (this.#bytesPerSecond ?? 0) >= QUICK * this.#inflow.mostBytesPerSecond;
  }

  begin(): void {
    this.#runs += 1;
  }

  end(): void {
    this.#runs -= 1;
  }

  /** The first bytes of an answer are here: neither the time until then nor they say anything of the rate. */
  opened(bytes: number, nowMs: number): void {
    if (this.#streams > 0) this.add(bytes, nowMs);
    else this.#inflow.add(bytes, nowMs);
    this.#streams += 1;
    this.#lastMs = nowMs;
    this.#measuredMs = nowMs;
  }

  /** More bytes of an answer that is open. */
  add(bytes: number, nowMs: number): void {
    this.#inflow.add(bytes, nowMs);
    this.#measuredMs = nowMs;
    this.#bytes += bytes;
    this.#spanMs += nowMs - this.#lastMs;
    this.#lastMs = nowMs;
    if (this.#spanMs >= SAMPLE_MS) this.#fold();
  }

  /** No more comes of an answer. */
  closed(): void {
    this.#streams -= 1;
  }

  /** Peers have brought these meanwhile. */
  fromPeers(bytes: number, nowMs: number): void {
    this.#inflow.add(bytes, nowMs);
  }

  /** Bytes a second that all our flights together may expect. */
  whole({ bytesPerSecond }: MirrorEstimate, nowMs: number): number {
    const measured = this.#bytesPerSecond;
    if (measured === undefined) return bytesPerSecond;
    return nowMs - this.#measuredMs > STALE_MS ? Math.max(measured, bytesPerSecond) : measured;
  }

  /** Bytes a second that one more of our flights may expect, when all have their part. */
  share(estimate: MirrorEstimate, nowMs: number): number {
    return Math.max(1, this.whole(estimate, nowMs) / Math.max(1, this.flights));
  }

  #fold(): void {
    if (this.#bytes < MIN_SAMPLE_BYTES) return;
    const sample = (this.#bytes / this.#spanMs) * 1000;
    this.#spanMs = 0;
    this.#bytes = 0;
    const before = this.#bytesPerSecond ?? sample;
    if (sample >= before || !this.#inflow.isFull) this.#bytesPerSecond = before + ALPHA * (sample - before);
  }
}

export class MirrorLines {
  readonly #lines = new Map<string, MirrorLine>();
  readonly #inflow = new Inflow();

  of(host: string): MirrorLine {
    let line = this.#lines.get(host);
    if (!line) {
      if (this.#lines.size >= MAX_HOSTS) this.#forgetOne();
      line = new MirrorLine(this.#inflow);
      this.#lines.set(host, line);
    }
    return line;
  }

  #forgetOne(): void {
    for (const [host, line] of this.#lines) {
      if (line.flights === 0) {
        this.#lines.delete(host);
        return;
      }
    }
  }
}

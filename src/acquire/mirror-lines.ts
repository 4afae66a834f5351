/**
 * What an upstream gives this node in all, whoever of its flights asks: apt wants ten files at once, and each of them
 * gets a tenth. A flight that knew only itself would think the mirror ten times as quick as it is, and its estimates,
 * which others wait for, would be wrong as often. Bounded: hosts without flights are forgotten first.
 */
import { BusyRate } from '../lib/rate.ts';
import type { MirrorEstimate } from '../mirror/mirror.ts';

/** What was measured so long ago says little about now. */
const STALE_MS = 10_000;
const MAX_HOSTS = 64;

export class MirrorLine {
  /** Flights under way whose files could come from there. */
  flights = 0;
  readonly #rate = new BusyRate();
  #runs = 0;
  #measuredMs = Number.NEGATIVE_INFINITY;

  /** Runs under way. */
  get runs(): number {
    return this.#runs;
  }

  begin(nowMs: number): void {
    if (this.#runs === 0) this.#rate.begin(nowMs);
    this.#runs += 1;
  }

  add(bytes: number, nowMs: number): void {
    this.#measuredMs = nowMs;
    this.#rate.add(bytes, nowMs);
  }

  end(nowMs: number): void {
    this.#runs -= 1;
    if (this.#runs === 0) this.#rate.end(nowMs);
  }

  /** Bytes a second that one more of our flights may expect, when all have their part. */
  share({ bytesPerSecond }: MirrorEstimate, nowMs: number): number {
    const measured = this.#rate.at(nowMs);
    const isStale = nowMs - this.#measuredMs > STALE_MS;
    const whole =
      measured === undefined ? bytesPerSecond : isStale ? Math.max(measured, bytesPerSecond) : measured;
    return Math.max(1, whole / Math.max(1, this.flights));
  }
}

export class MirrorLines {
  readonly #lines = new Map<string, MirrorLine>();

  of(host: string): MirrorLine {
    let line = this.#lines.get(host);
    if (!line) {
      if (this.#lines.size >= MAX_HOSTS) this.#forgetOne();
      line = new MirrorLine();
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

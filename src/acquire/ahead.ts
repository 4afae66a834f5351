/**
 * Asks peers for what apt is likely to fetch next (upgrades.ts) before apt asks: when it does, who has what is known
 * and nothing is waited for. It only asks: nothing is fetched, and a flight that begins takes the want over. What is
 * asked is bounded in number and time; whom it is asked of is privacy's business, as for every want.
 * docs/protocol.md "want".
 */
import type { Entry } from '../archive/entry.ts';
import type { Clock } from '../lib/clock.ts';
import { log } from '../lib/log.ts';
import type { Sha256 } from '../lib/sha256.ts';
import type { Swarms } from '../swarm/swarms.ts';
import type { Seeker, Want } from '../swarm/wants.ts';

export interface AheadOptions {
  readonly swarms: Pick<Swarms, 'lookAhead' | 'wants'>;
  readonly clock: Clock;
  /** It is in the store. */
  readonly isHere: (key: Sha256) => boolean;
  /** What may be wanted soon, the likeliest first. */
  readonly find: () => Promise<readonly Entry[]>;
}

/** Half of what a peer may be asked at a time: apt's own wants have room beside them. */
export const MAX_AHEAD = 512;
/** Who hasn't upgraded by then asks anew when apt asks. */
const LIFETIME_MS = 10 * 60_000;
/** Indexes come several at a time. */
const QUIET_MS = 1_000;

const NOBODY: Seeker = {
  offered() {},
  gone() {},
  answered() {},
  fellowsChanged() {},
  arrived() {},
  failed() {},
};

const diary = log.withTag('acquire');

export class Ahead implements Disposable {
  readonly #options: AheadOptions;
  readonly #wants = new Map<Sha256, Want>();
  #cancelFind: (() => void) | undefined;
  #cancelEnd: (() => void) | undefined;
  #finding = false;
  #isDue = false;
  #closed = false;

  constructor(options: AheadOptions) {
    this.#options = options;
  }

  /** How many keys are asked for now. */
  get size(): number {
    return this.#wants.size;
  }

  /** What is likely may be something else now: a list, or what is installed, has changed. */
  changed(): void {
    if (this.#closed) return;
    this.#isDue = true;
    this.#cancelFind?.();
    this.#cancelFind = this.#options.clock.after(QUIET_MS, () => void this.#find());
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#cancelFind?.();
    this.#clear(new Set());
  }

  async #find(): Promise<void> {
    if (this.#finding) return;
    this.#finding = true;
    while (this.#isDue && !this.#closed) {
      this.#isDue = false;
      try {
        const entries = await this.#options.find();
        if (!this.#closed) this.#ask(entries);
      } catch (error) {
        diary.debug(`nothing is asked ahead: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    this.#finding = false;
  }

  #ask(entries: readonly Entry[]): void {
    const { swarms, clock, isHere } = this.#options;
    const wanted = entries.filter(({ key, swarms }) => swarms.length > 0 && !isHere(key)).slice(0, MAX_AHEAD);
    this.#clear(new Set(wanted.map(({ key }) => key)));
    for (const entry of wanted) {
      if (this.#wants.get(entry.key)?.isAhead) continue;
      const want = swarms.lookAhead(entry, NOBODY);
      if (want) this.#wants.set(entry.key, want);
    }
    if (wanted.length === 0) return;
    diary.debug(`${wanted.length} files are asked for ahead`);
    this.#cancelEnd = clock.after(LIFETIME_MS, () => this.#clear(new Set()));
  }

  /** Ends all but these; what a flight has taken over is its own. */
  #clear(kept: ReadonlySet<Sha256>): void {
    this.#cancelEnd?.();
    for (const [key, want] of this.#wants) {
      if (kept.has(key) && want.isAhead) continue;
      this.#wants.delete(key);
      if (want.isAhead) this.#options.swarms.wants.close(want);
    }
  }
}

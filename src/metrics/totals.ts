/**
 * Payload bytes by source, and how often mirrors did what APT says nothing of: since the first start on this machine,
 * since this start, and since midnight by the machine's own time. Counts; decides nothing.
 * Kept in `<stateDir>/totals.json`, written now and then and at the end, atomically; a file that can't be read starts
 * the count anew with a warning.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../lib/clock.ts';
import { log } from '../lib/log.ts';

export const BYTES = ['fromPeers', 'fromLan', 'fromMirror', 'fromStore', 'uploaded'] as const;
/**
 * Of Releases: answers from the copy at hand, as the mirror could not be reached; older ones than the one in force; worse
 * signed ones, and such as can't be read.
 */
export const TROUBLES = ['stale', 'rolledBack', 'refused'] as const;
const COUNTED = [...BYTES, ...TROUBLES];

export type Counted = (typeof COUNTED)[number];
export type ByteCounts = Record<(typeof BYTES)[number], number>;
export type TroubleCounts = Record<(typeof TROUBLES)[number], number>;
type Counts = Record<Counted, number>;

const SAVE_EVERY_MS = 30_000;

/** One day's part of it. */
interface Day {
  /** 2026-11-23 */
  readonly date: string;
  /** Of the machine's clock, as is the end: outside of them it is another day. */
  readonly fromMs: number;
  readonly untilMs: number;
  readonly counts: Counts;
}

export class Totals implements Disposable {
  readonly #file: string;
  readonly #clock: Clock;
  readonly #before: Counts;
  readonly #session = zero();
  #day: Day;
  #cancelSave: (() => void) | undefined;

  constructor(stateDir: string, clock: Clock) {
    this.#file = join(stateDir, 'totals.json');
    this.#clock = clock;
    this.#day = emptyDay(clock.wallMs());
    this.#before = this.#read();
  }

  /** So many bytes, or times, more. */
  add(what: Counted, more: number): void {
    this.#session[what] += more;
    this.#today().counts[what] += more;
    this.#cancelSave ??= this.#clock.after(SAVE_EVERY_MS, () => {
      this.#cancelSave = undefined;
      this.#save();
    });
  }

  /** Bytes since the first start. */
  all(): ByteCounts {
    return pick(BYTES, this.#sum());
  }

  /** Bytes since this start. */
  session(): ByteCounts {
    return pick(BYTES, this.#session);
  }

  /** Bytes since midnight. */
  today(): ByteCounts {
    return pick(BYTES, this.#today().counts);
  }

  /** Since the first start. */
  troubles(): TroubleCounts {
    return pick(TROUBLES, this.#sum());
  }

  [Symbol.dispose](): void {
    this.#cancelSave?.();
    this.#save();
  }

  #today(): Day {
    const nowMs = this.#clock.wallMs();
    if (nowMs < this.#day.fromMs || nowMs >= this.#day.untilMs) this.#day = emptyDay(nowMs);
    return this.#day;
  }

  #sum(): Counts {
    const sum = zero();
    for (const what of COUNTED) sum[what] = this.#before[what] + this.#session[what];
    return sum;
  }

  #read(): Counts {
    let text: string;
    try {
      text = readFileSync(this.#file, 'utf8');
    } catch {
      return zero();
    }
    try {
      const read = JSON.parse(text) as Partial<Record<Counted, unknown>> & { today?: unknown };
      const counts = countsOf(read);
      const today = read.today as Partial<Record<string, unknown>> | undefined;
      if (today?.date === this.#day.date) Object.assign(this.#day.counts, countsOf(today));
      return counts;
    } catch {
      log.warn(`${this.#file} can't be read: counting starts anew`);
      return zero();
    }
  }

  #save(): void {
    try {
      const temporary = `${this.#file}.new`;
      const { date, counts } = this.#today();
      writeFileSync(temporary, `${JSON.stringify({ ...this.#sum(), today: { date, ...counts } })}\n`);
      renameSync(temporary, this.#file);
    } catch (error) {
      log.warn(`could not write ${this.#file}: ${(error as Error).message}`);
    }
  }
}

/** What of it is a count; the rest is zero. */
function countsOf(read: Partial<Record<string, unknown>>): Counts {
  const counts = zero();
  for (const what of COUNTED) {
    const value = read[what];
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) counts[what] = value;
  }
  return counts;
}

function emptyDay(nowMs: number): Day {
  const now = new Date(nowMs);
  const midnight = (days: number) =>
    new Date(now.getFullYear(), now.getMonth(), now.getDate() + days).getTime();
  const two = (number: number) => String(number).padStart(2, '0');
  return {
    date: `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`,
    fromMs: midnight(0),
    untilMs: midnight(1),
    counts: zero(),
  };
}

function zero(): Counts {
  return Object.fromEntries(COUNTED.map((what) => [what, 0])) as Counts;
}

function pick<K extends Counted>(names: readonly K[], counts: Counts): Record<K, number> {
  return Object.fromEntries(names.map((name) => [name, counts[name]])) as Record<K, number>;
}

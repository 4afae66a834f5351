/**
 * Payload bytes by source, and how often mirrors did what APT says nothing of: since the first start on this machine and
 * since this start. Counts; decides nothing.
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

export class Totals implements Disposable {
  readonly #file: string;
  readonly #clock: Clock;
  readonly #before: Counts;
  readonly #session = zero();
  #cancelSave: (() => void) | undefined;

  constructor(stateDir: string, clock: Clock) {
    this.#file = join(stateDir, 'totals.json');
    this.#clock = clock;
    this.#before = this.#read();
  }

  /** So many bytes, or times, more. */
  add(what: Counted, more: number): void {
    this.#session[what] += more;
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

  /** Since the first start. */
  troubles(): TroubleCounts {
    return pick(TROUBLES, this.#sum());
  }

  [Symbol.dispose](): void {
    this.#cancelSave?.();
    this.#save();
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
      const read = JSON.parse(text) as Partial<Record<Counted, unknown>>;
      const counts = zero();
      for (const what of COUNTED) {
        const value = read[what];
        if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) counts[what] = value;
      }
      return counts;
    } catch {
      log.warn(`${this.#file} can't be read: counting starts anew`);
      return zero();
    }
  }

  #save(): void {
    try {
      const temporary = `${this.#file}.new`;
      writeFileSync(temporary, `${JSON.stringify(this.#sum())}\n`);
      renameSync(temporary, this.#file);
    } catch (error) {
      log.warn(`could not write ${this.#file}: ${(error as Error).message}`);
    }
  }
}

function zero(): Counts {
  return Object.fromEntries(COUNTED.map((what) => [what, 0])) as Counts;
}

function pick<K extends Counted>(names: readonly K[], counts: Counts): Record<K, number> {
  return Object.fromEntries(names.map((name) => [name, counts[name]])) as Record<K, number>;
}

/**
 * Payload bytes by source, since the first start on this machine and since this start. Counts; decides nothing.
 * Kept in `<stateDir>/totals.json`, written now and then and at the end, atomically; a file that can't be read starts
 * the count anew with a warning.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../lib/clock.ts';
import { log } from '../lib/log.ts';

export const COUNTED = ['fromPeers', 'fromLan', 'fromMirror', 'fromStore', 'uploaded'] as const;
export type Counted = (typeof COUNTED)[number];
export type Counts = Record<Counted, number>;

const SAVE_EVERY_MS = 30_000;

export class Totals implements Disposable {
  readonly #file: string;
  readonly #clock: Clock;
  readonly #before: Counts;
  readonly #session: Counts = zero();
  #cancelSave: (() => void) | undefined;

  constructor(stateDir: string, clock: Clock) {
    this.#file = join(stateDir, 'totals.json');
    this.#clock = clock;
    this.#before = this.#read();
  }

  add(what: Counted, bytes: number): void {
    this.#session[what] += bytes;
    this.#cancelSave ??= this.#clock.after(SAVE_EVERY_MS, () => {
      this.#cancelSave = undefined;
      this.#save();
    });
  }

  /** Since the first start. */
  all(): Counts {
    const sum = zero();
    for (const what of COUNTED) sum[what] = this.#before[what] + this.#session[what];
    return sum;
  }

  /** Since this start. */
  session(): Counts {
    return { ...this.#session };
  }

  [Symbol.dispose](): void {
    this.#cancelSave?.();
    this.#save();
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
      writeFileSync(temporary, `${JSON.stringify(this.all())}\n`);
      renameSync(temporary, this.#file);
    } catch (error) {
      log.warn(`could not write ${this.#file}: ${(error as Error).message}`);
    }
  }
}

function zero(): Counts {
  return { fromPeers: 0, fromLan: 0, fromMirror: 0, fromStore: 0, uploaded: 0 };
}

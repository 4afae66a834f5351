/**
 * Bytes given beyond the local network in this calendar month, by the machine's own clock. Counts; decides nothing. Kept
 * in `<stateDir>/month.json`, written now and then and at the end, by rename; what doesn't decode counts as nothing.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../lib/clock.ts';
import { log } from '../lib/log.ts';

const SAVE_EVERY_MS = 30_000;

export class MonthCount implements Disposable {
  readonly #file: string;
  readonly #clock: Clock;
  #month = '';
  #bytes = 0;
  #cancelSave: (() => void) | undefined;

  constructor(stateDir: string, clock: Clock) {
    this.#file = join(stateDir, 'month.json');
    this.#clock = clock;
    this.#read();
  }

  add(bytes: number): void {
    this.#turn();
    this.#bytes += bytes;
    this.#cancelSave ??= this.#clock.after(SAVE_EVERY_MS, () => {
      this.#cancelSave = undefined;
      this.#save();
    });
  }

  /** "2026-11" */
  get month(): string {
    this.#turn();
    return this.#month;
  }

  get bytes(): number {
    this.#turn();
    return this.#bytes;
  }

  [Symbol.dispose](): void {
    if (!this.#cancelSave) return;
    this.#cancelSave();
    this.#save();
  }

  #turn(): void {
    const date = new Date(this.#clock.wallMs());
    const month = `${date.getFullYear()}-${String(date.getMonth() + 1).padStart(2, '0')}`;
    if (month === this.#month) return;
    this.#month = month;
    this.#bytes = 0;
  }

  #read(): void {
    this.#turn();
    try {
      const { month, bytes } = JSON.parse(readFileSync(this.#file, 'utf8')) as Record<string, unknown>;
      if (month === this.#month && Number.isSafeInteger(bytes) && (bytes as number) >= 0)
        this.#bytes = bytes as number;
    } catch {
      // None yet, or one that isn't ours.
    }
  }

  #save(): void {
    try {
      const temporary = `${this.#file}.new`;
      writeFileSync(temporary, `${JSON.stringify({ month: this.#month, bytes: this.#bytes })}\n`);
      renameSync(temporary, this.#file);
    } catch (error) {
      log.warn(`could not write ${this.#file}: ${(error as Error).message}`);
    }
  }
}

/**
 * Bans over restarts: `<stateDir>/bans.json`, written by rename a moment after something changed and at the end.
 * Decides nothing about bans. A file that can't be read, or an entry of it that has no sense, is left out with one
 * warning: whoever lies is caught again.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../lib/clock.ts';
import { log } from '../lib/log.ts';
import type { Bans, KeptBan } from './bans.ts';
import { MAX_BANS } from './bans.ts';

/** Bans come in bursts, when a file turns out wrong. */
const SAVE_AFTER_MS = 1_000;
/** Far beyond what `MAX_BANS` entries take. */
const MAX_FILE_BYTES = 16 * 1024 * 1024;

export class BanFile implements Disposable {
  readonly #path: string;
  readonly #clock: Clock;
  #bans: Bans | undefined;
  #written = 0;
  #cancelSave: (() => void) | undefined;

  constructor(stateDir: string, clock: Clock) {
    this.#path = join(stateDir, 'bans.json');
    this.#clock = clock;
  }

  /** What the last run left behind. */
  read(): KeptBan[] {
    let text: string;
    try {
      text = readFileSync(this.#path, 'utf8');
    } catch {
      return [];
    }
    try {
      if (text.length > MAX_FILE_BYTES) throw new RangeError('too long');
      const list: unknown = JSON.parse(text);
      if (!Array.isArray(list)) throw new TypeError('not a list');
      const sound = list.slice(0, MAX_BANS).filter(isKeptBan);
      if (sound.length < list.length)
        log.warn(`${this.#path}: ${list.length - sound.length} entries left out`);
      return sound;
    } catch {
      log.warn(`${this.#path} can't be read: nobody is banned`);
      return [];
    }
  }

  /** Something may have changed. */
  touch(bans: Bans): void {
    this.#bans = bans;
    if (bans.changes === this.#written) return;
    this.#cancelSave ??= this.#clock.after(SAVE_AFTER_MS, () => {
      this.#cancelSave = undefined;
      this.#save();
    });
  }

  [Symbol.dispose](): void {
    this.#cancelSave?.();
    this.#save();
  }

  #save(): void {
    const bans = this.#bans;
    if (!bans || bans.changes === this.#written) return;
    try {
      const temporary = `${this.#path}.new`;
      writeFileSync(temporary, `${JSON.stringify(bans.kept(), undefined, 1)}\n`, { mode: 0o600 });
      renameSync(temporary, this.#path);
      this.#written = bans.changes;
    } catch (error) {
      log.warn(`could not write ${this.#path}: ${(error as Error).message}`);
    }
  }
}

function isKeptBan(value: unknown): value is KeptBan {
  if (typeof value !== 'object' || value === null) return false;
  const { address, reason, untilWallMs, times, near } = value as Record<keyof KeptBan, unknown>;
  const isText = typeof address === 'string' && address.length <= 100 && typeof reason === 'string';
  const isTime = Number.isSafeInteger(untilWallMs) && Number.isSafeInteger(times) && (times as number) >= 1;
  return isText && isTime && typeof near === 'boolean';
}

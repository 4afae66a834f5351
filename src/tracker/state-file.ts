/**
 * The tracker's peers over restarts: `<stateDir>/tracker-peers`, replaced by rename, written every five minutes and at
 * the end. After kill -9 or a power cut the file of the last time is there whole, minutes old: whoever came since comes
 * again within an interval. A file that can't be read is an empty one, with a warning.
 */
import { readFileSync, statSync } from 'node:fs';
import { mkdir, open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../lib/clock.ts';
import { log } from '../lib/log.ts';
import { encodeState, restoreState } from './state.ts';
import type { Tracker } from './tracker.ts';

const SAVE_INTERVAL_MS = 5 * 60_000;
/** A million peers have 8 MB over IPv4, 20 MB over IPv6. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;
/** Parts are collected up to that. */
const CHUNK_BYTES = 256 * 1024;

export class StateFile implements AsyncDisposable {
  readonly #path: string;
  readonly #tracker: Tracker;
  readonly #clock: Clock;
  #stopTimer: () => void = () => {};
  #saving: Promise<void> = Promise.resolve();

  /** Reads what is there, and saves from then on. Throws when the directory can't be made. */
  static async open(stateDir: string, tracker: Tracker, clock: Clock): Promise<StateFile> {
    await mkdir(stateDir, { recursive: true, mode: 0o750 });
    const file = new StateFile(stateDir, tracker, clock);
    file.#read();
    file.#saveLater();
    return file;
  }

  private constructor(stateDir: string, tracker: Tracker, clock: Clock) {
    this.#path = join(stateDir, 'tracker-peers');
    this.#tracker = tracker;
    this.#clock = clock;
  }

  /** Resolves when the peers of this moment are in the file, or that was tried. */
  save(): Promise<void> {
    this.#saving = this.#saving.then(() => this.#write());
    return this.#saving;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopTimer();
    await this.save();
  }

  #time() {
    return { nowSeconds: this.#tracker.nowSeconds, wallSeconds: this.#clock.wallMs() / 1000 };
  }

  #read(): void {
    try {
      if (statSync(this.#path).size > MAX_FILE_BYTES) throw new RangeError('too long');
      const { table } = this.#tracker;
      const peers = restoreState(table, readFileSync(this.#path), this.#time(), (hash) =>
        this.#tracker.isNamed(hash),
      );
      log.withTag('tracker').info(`remembers ${peers} peers in ${table.swarmCount} swarms`);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        log.withTag('tracker').warn(`${this.#path} can't be read (${(error as Error).message}): begins anew`);
    }
  }

  #saveLater(): void {
    this.#stopTimer = this.#clock.after(SAVE_INTERVAL_MS, () => {
      void this.save();
      this.#saveLater();
    });
  }

  async #write(): Promise<void> {
    const temporary = `${this.#path}.new`;
    try {
      await using file = await open(temporary, 'w', 0o600);
      let parts: Uint8Array[] = [];
      let length = 0;
      const flush = async () => {
        if (length > 0) await file.write(Buffer.concat(parts));
        parts = [];
        length = 0;
      };
      for (const part of encodeState(this.#tracker.table, () => this.#time())) {
        parts.push(part);
        length += part.length;
        if (length >= CHUNK_BYTES) await flush();
      }
      await flush();
      await file.sync();
      await rename(temporary, this.#path);
    } catch (error) {
      log.withTag('tracker').warn(`could not write ${this.#path}: ${(error as Error).message}`);
    }
  }
}

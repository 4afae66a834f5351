/**
 * Makes stored files durable behind everybody's back: one fdatasync at a time, on the runtime's threads, in the order
 * of commits. A commit never waits for it; until then its row is marked with the boot (disk-index.ts).
 */
import { open } from 'node:fs/promises';
import type { Sha256 } from '../lib/sha256.ts';

export class SyncQueue implements AsyncDisposable {
  readonly #pathOf: (key: Sha256) => string;
  /** Must not throw. */
  readonly #synced: (key: Sha256) => void;
  /** Keys that wait; a set, as a file may be committed twice. */
  readonly #waiting = new Set<Sha256>();
  #running: Promise<void> | undefined;
  #stopped = false;

  constructor(pathOf: (key: Sha256) => string, synced: (key: Sha256) => void) {
    this.#pathOf = pathOf;
    this.#synced = synced;
  }

  add(key: Sha256): void {
    if (this.#stopped) return;
    this.#waiting.add(key);
    this.#running ??= this.#run();
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  /** Ends after the file under way. What still waits stays marked, and is believed until the machine restarts. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    for (const key of this.#waiting) {
      this.#waiting.delete(key);
      const done = await syncFile(this.#pathOf(key));
      if (this.#stopped) break;
      // Committed again meanwhile: what was synced may be the former file.
      if (done && !this.#waiting.has(key)) this.#synced(key);
    }
    this.#running = undefined;
  }
}

/** False when the file has gone meanwhile or the disk refuses: it then stays marked. */
async function syncFile(path: string): Promise<boolean> {
  try {
    await using file = await open(path, 'r');
    await file.datasync();
    return true;
  } catch {
    return false;
  }
}

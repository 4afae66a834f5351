/**
 * Which rows and files of the disk store are believed after a start. A row of another boot that was never known to be
 * synced is a *suspect*: its file is hashed, at once when somebody asks for it, else behind everybody's back. A whole
 * file without a row, left by a process that was killed between rename and row, is taken up after hashing.
 */
import type { Clock } from '../lib/clock.ts';
import { log } from '../lib/log.ts';
import type { Sha256 } from '../lib/sha256.ts';
import type { DiskIndex, IndexedFile } from './disk-index.ts';
import type { FileTree } from './file-tree.ts';
import { wholeSeconds } from './partial-bytes.ts';
import type { StoredFile } from './store.ts';
import { tidyFiles } from './tidy.ts';
import { verifyFile, verifyFileSlowly } from './verify-file.ts';

export interface DoubtsOptions {
  readonly index: DiskIndex;
  readonly tree: FileTree;
  readonly clock: Clock;
  /** A file that isn't what its row says. */
  readonly drop: (key: Sha256) => void;
  /** A file that is as it should be and may not be on the disk itself yet. */
  readonly sync: (key: Sha256) => void;
}

export class Doubts {
  readonly #options: DoubtsOptions;

  constructor(options: DoubtsOptions) {
    this.#options = options;
  }

  /** Whether the row may be believed; hashes a suspect's file, and drops one that is damaged. */
  areSettled({ file, isSuspect }: IndexedFile): boolean {
    if (!isSuspect) return true;
    const path = this.#options.tree.pathOf(file.key);
    return this.#settle(file, verifyFile(path, file.key, file.sizeBytes) !== undefined);
  }

  /** Settles all there is to settle, little by little. */
  async settleAll(signal: AbortSignal): Promise<void> {
    const { index, tree, sync } = this.#options;
    for (const key of index.notSynced()) sync(key);
    await tidyFiles({
      filesDir: tree.dir,
      suspects: index.suspects(),
      settle: (key) => this.#settleSlowly(key),
      lookForStrays: !index.wasClosedInOrder,
      has: (key) => index.has(key),
      adopt: (key, sizeBytes) => this.#adopt(key, sizeBytes),
      signal,
    });
  }

  async #settleSlowly(key: Sha256): Promise<void> {
    const { index, tree } = this.#options;
    const before = index.get(key);
    if (!before?.isSuspect) return;
    const isWhole = (await verifyFileSlowly(tree.pathOf(key), key, before.file.sizeBytes)) !== undefined;
    // Somebody else may have settled or replaced it meanwhile.
    if (index.get(key)?.isSuspect) this.#settle(before.file, isWhole);
  }

  #settle(file: StoredFile, isWhole: boolean): boolean {
    if (isWhole) {
      this.#options.index.markSynced(file.key);
    } else {
      log.warn(`store: ${file.key} (${file.name}) was damaged, dropped`);
      this.#options.drop(file.key);
    }
    return isWhole;
  }

  /** A file whose row was lost. Whether it may be shared isn't known any more: private until share() says otherwise. */
  #adopt(key: Sha256, sizeBytes: number): void {
    const { index, clock, sync } = this.#options;
    const nowMs = clock.wallMs();
    index.put({ key, sizeBytes, lastModifiedMs: wholeSeconds(nowMs), name: '', swarms: [] }, nowMs);
    sync(key);
  }
}

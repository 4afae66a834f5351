/**
 * The index tables on disk and in memory, one for each index content however many mirrors and suites have it
 * ("<SHA-256 of the index>.table"). It decides when a table is built and when its file is deleted; which tables are
 * in use is the catalogue's business. Two builds run at a time. A damaged file is dropped and counts as not there.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { log } from '../lib/log.ts';
import { parseSha256, type Sha256 } from '../lib/sha256.ts';
import type { BuildTable } from './build-table.ts';
import { IndexTable } from './index-table.ts';

const SUFFIX = '.table';
const BUILDS_AT_ONCE = 2;

export class TableShelf implements AsyncDisposable {
  readonly #directory: string;
  readonly #build: BuildTable;
  readonly #tables = new Map<Sha256, IndexTable>();
  readonly #building = new Map<Sha256, Promise<void>>();
  readonly #waiting: (() => void)[] = [];
  readonly #closing = new AbortController();
  #running = 0;

  constructor(directory: string, build: BuildTable) {
    this.#directory = directory;
    this.#build = build;
    mkdirSync(directory, { recursive: true });
  }

  /** A table that is loaded. */
  get(key: Sha256): IndexTable | undefined {
    return this.#tables.get(key);
  }

  /** Loads the table from its file unless it is here already; undefined when there is none, or a damaged one. */
  load(key: Sha256): IndexTable | undefined {
    const loaded = this.#tables.get(key);
    if (loaded !== undefined) return loaded;
    const path = this.#path(key);
    let bytes: Uint8Array;
    try {
      bytes = readFileSync(path);
    } catch {
      return undefined;
    }
    try {
      const table = new IndexTable(bytes);
      this.#tables.set(key, table);
      return table;
    } catch (error) {
      log.warn(`archive: dropped ${path}: ${error instanceof Error ? error.message : String(error)}`);
      rmSync(path, { force: true });
      return undefined;
    }
  }

  /**
   * Builds and loads the table of `key` from an index file; joins a build of it that is under way. `contentStated`
   * tells that `key` is the decompressed content's (else it is that of the file itself); `inputKey` is the file's, where
   * that is stated.
   */
  build(key: Sha256, input: string, inputKey: Sha256 | undefined, contentStated: boolean): Promise<void> {
    const running = this.#building.get(key);
    if (running !== undefined) return running;
    const building = this.#buildNow(key, input, inputKey, contentStated).finally(() =>
      this.#building.delete(key),
    );
    this.#building.set(key, building);
    return building;
  }

  /** Forgets and deletes every table whose key isn't in `used`. */
  sweep(used: ReadonlySet<Sha256>): void {
    for (const key of this.#tables.keys()) if (!used.has(key)) this.#tables.delete(key);
    for (const name of readdirSync(this.#directory)) {
      if (!name.includes(SUFFIX)) continue;
      const key = parseSha256(name.slice(0, name.indexOf(SUFFIX)));
      // A build's temporary file belongs to the build while that runs.
      if (key !== undefined && (this.#building.has(key) || (used.has(key) && name.endsWith(SUFFIX))))
        continue;
      rmSync(join(this.#directory, name), { force: true });
    }
  }

  /** Bytes of all loaded tables. */
  get sizeBytes(): number {
    let sum = 0;
    for (const table of this.#tables.values()) sum += table.sizeBytes;
    return sum;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new Error('the catalogue is closing'));
    await Promise.allSettled(this.#building.values());
  }

  async #buildNow(
    key: Sha256,
    input: string,
    inputKey: Sha256 | undefined,
    contentStated: boolean,
  ): Promise<void> {
    if (this.load(key) !== undefined) return;
    if (this.#running >= BUILDS_AT_ONCE) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running += 1;
    try {
      const contentKey = contentStated ? key : undefined;
      await this.#build({ input, output: this.#path(key), inputKey, contentKey }, this.#closing.signal);
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running -= 1;
    }
    if (this.load(key) === undefined) throw new Error(`could not load ${this.#path(key)} after it was built`);
  }

  #path(key: Sha256): string {
    return join(this.#directory, `${key}${SUFFIX}`);
  }
}

/**
 * What an operator does with the cache: looks at what is in it, has every file read and hashed again, lets some go. A file
 * that isn't what its name says is removed, and fetched again where that can be done (`refetch`). One verification at a
 * time, one file after another; looking at a file is no use of it.
 */
import type { Sha256 } from '../lib/sha256.ts';
import type { OpenFile, Store, StoredFile } from '../store/store.ts';
import type { Hasher } from './hasher.ts';

/** A store whose files can be looked at without being used. */
export interface Looked extends Store {
  look(key: Sha256): OpenFile | undefined;
  /** Lets the least recently used go until no more than so many bytes are left. */
  prune(toBytes: number): void;
}

export interface WrongFile {
  readonly key: Sha256;
  readonly name: string;
  /** It is here again, right; false: it is fetched when somebody asks for it. */
  readonly repaired: boolean;
}

export interface VerifyProgress {
  readonly running: boolean;
  readonly files: number;
  readonly bytes: number;
  readonly doneFiles: number;
  readonly doneBytes: number;
  readonly wrongFiles: number;
  /** The first hundred of them. */
  readonly wrong: readonly WrongFile[];
}

export interface Pruned {
  readonly files: number;
  readonly bytes: number;
}

export interface CacheCareOptions {
  readonly store: Looked;
  readonly hasher: Pick<Hasher, 'whole'>;
  /** Gets a file again that was wrong. Rejects when it can't. */
  readonly refetch?: (file: StoredFile, signal: AbortSignal) => Promise<void>;
}

type Account = { -readonly [K in keyof VerifyProgress]: VerifyProgress[K] } & { wrong: WrongFile[] };

const WRONG_MAX = 100;

export class CacheCare {
  readonly #options: CacheCareOptions;
  #progress: Account | undefined;

  constructor(options: CacheCareOptions) {
    this.#options = options;
  }

  list(): StoredFile[] {
    return [...this.#options.store.list()];
  }

  /** What went. */
  prune(toBytes: number): Pruned {
    const { store } = this.#options;
    const before = store.totals();
    store.prune(toBytes);
    const after = store.totals();
    return { files: before.files - after.files, bytes: before.bytes - after.bytes };
  }

  /** Of the verification under way, else of the last one. */
  get progress(): VerifyProgress | undefined {
    return this.#progress;
  }

  /** Throws Error when one is running; never rejects. */
  verify(signal: AbortSignal): Promise<VerifyProgress> {
    if (this.#progress?.running) throw new Error('could not verify the cache: that is being done already');
    const files = this.list();
    const progress: Account = {
      ...{ running: true, files: files.length, doneFiles: 0, doneBytes: 0, wrongFiles: 0, wrong: [] },
      bytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    };
    this.#progress = progress;
    return this.#all(files, progress, signal);
  }

  async #all(files: readonly StoredFile[], progress: Account, signal: AbortSignal): Promise<VerifyProgress> {
    for (const file of files) {
      if (signal.aborted) break;
      if (!(await this.#isRight(file))) {
        const { key, name } = file;
        this.#options.store.remove(key);
        progress.wrongFiles += 1;
        const repaired = await this.#repair(file, signal);
        if (progress.wrong.length < WRONG_MAX) progress.wrong.push({ key, name, repaired });
      }
      progress.doneFiles += 1;
      progress.doneBytes += file.sizeBytes;
    }
    progress.running = false;
    return progress;
  }

  /** One that is gone meanwhile is not wrong. */
  async #isRight({ key, sizeBytes }: StoredFile): Promise<boolean> {
    const { store, hasher } = this.#options;
    if (store.stat(key) === undefined) return true;
    using open = store.look(key);
    if (!open) return false;
    return (
      (await hasher
        .whole(open.fd)
        .finish(sizeBytes)
        .catch(() => undefined)) === key
    );
  }

  async #repair(file: StoredFile, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#options.refetch?.(file, signal);
    } catch {
      return false;
    }
    return this.#options.store.stat(file.key) !== undefined;
  }
}

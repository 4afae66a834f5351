/**
 * The main thread's side of the hash worker: whole SHA-256 of files that grow, and piece layers of files we have.
 * The worker is started when first needed. It decides nothing; callers keep a descriptor open until they are answered.
 */
import { type Sha256, sha256FromBytes } from '../lib/sha256.ts';
import type { Pieces } from '../torrent/pieces.ts';
import type { HashAnswer, HashOrder } from './hash-worker.ts';
import type { FileToHash } from './hashed-files.ts';

/** What a file was found to be. */
export interface FoundFile {
  readonly key: Sha256;
  /** Empty for a file of one piece. */
  readonly layer: Uint8Array;
}

/** The worker is told of growth in steps of an eighth of what it knows of, within these bounds: each wakes a thread. */
const MIN_STEP_BYTES = 1024 * 1024;
const MAX_STEP_BYTES = 8 * 1024 * 1024;

export class Hasher implements AsyncDisposable {
  #worker: Worker | undefined;
  #stopped = false;
  #nextId = 0;
  readonly #waiting = new Map<number, PromiseWithResolvers<HashAnswer>>();

  /** The SHA-256 of a file whose bytes come in order of offset. */
  whole(fd: number): WholeHash {
    return new WholeHash(this, this.#id(), fd);
  }

  /** The piece layer (BEP 52) of a complete file. Rejects when it can't be read. */
  async layer(fd: number, pieces: Pieces): Promise<Uint8Array> {
    const answer = await this.ask({ op: 'layer', id: this.#id(), fd, sizeBytes: pieces.sizeBytes });
    if ('layer' in answer) return answer.layer;
    throw new Error('could not hash file: the hash thread is gone');
  }

  /**
   * Whole SHA-256 and piece layer of complete files, each in one read; in the order asked, undefined for one that can't be
   * read. Rejects when the thread is gone.
   */
  async files(files: readonly FileToHash[]): Promise<(FoundFile | undefined)[]> {
    const answer = await this.ask({ op: 'wholes', id: this.#id(), files });
    if (!('wholes' in answer)) throw new Error('could not hash files: the hash thread is gone');
    return answer.wholes.map((found) => found && { key: sha256FromBytes(found.digest), layer: found.layer });
  }

  /** Hashes of single pieces, 32 bytes each in the order asked; zeros where one isn't there. Rejects when it can't be read. */
  async pieces(fd: number, pieces: Pieces, indices: readonly number[]): Promise<Uint8Array> {
    const answer = await this.ask({ op: 'pieces', id: this.#id(), fd, sizeBytes: pieces.sizeBytes, indices });
    if ('hashes' in answer) return answer.hashes;
    throw new Error('could not hash pieces: the hash thread is gone');
  }

  order(order: HashOrder): void {
    if (!this.#stopped) this.#start().postMessage(order);
  }

  /** Sends an order and waits for the answer with its id. */
  ask(order: HashOrder): Promise<HashAnswer> {
    if (this.#stopped) return Promise.reject(new Error('could not hash file: stopping'));
    const waiting = Promise.withResolvers<HashAnswer>();
    this.#waiting.get(order.id)?.reject(new Error('overtaken'));
    this.#waiting.set(order.id, waiting);
    this.order(order);
    return waiting.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    this.#worker?.terminate();
    this.#lose('stopping');
  }

  /** The thread is gone: nobody waits for it any more. The next order starts another. */
  #lose(reason: string): void {
    this.#worker = undefined;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of waiting) reject(new Error(`could not hash file: ${reason}`));
  }

  #id(): number {
    this.#nextId += 1;
    return this.#nextId;
  }

  #start(): Worker {
    if (this.#worker) return this.#worker;
    // In the compiled binary the entry point is the only module a worker can be started from: main.ts looks for it.
    const entry = Bun.main.startsWith('/$bunfs/')
      ? Bun.main
      : new URL('./hash-worker.ts', import.meta.url).href;
    const worker = new Worker(entry, { smol: true });
    worker.onmessage = ({ data }: MessageEvent<HashAnswer>) => {
      const waiting = this.#waiting.get(data.id);
      this.#waiting.delete(data.id);
      if ('error' in data) waiting?.reject(new Error(`could not hash file: ${data.error}`));
      else waiting?.resolve(data);
    };
    worker.onerror = (event) => {
      if (this.#worker !== worker) return;
      worker.terminate();
      this.#lose(`the hash thread ended: ${event.message}`);
    };
    // The DOM's Worker type, which the compiler sees, lacks what Bun's has.
    (worker as Worker & { unref?(): void }).unref?.();
    this.#worker = worker;
    return worker;
  }
}

/** One growing file. `grow` as bytes come, then `finish`; or `abandon`. */
export class WholeHash {
  readonly #hasher: Hasher;
  readonly #id: number;
  readonly #fd: number;
  #toldTo = 0;

  constructor(hasher: Hasher, id: number, fd: number) {
    this.#hasher = hasher;
    this.#id = id;
    this.#fd = fd;
  }

  /** Bytes [0, to) are here and won't change. */
  grow(to: number): void {
    const stepBytes = Math.min(MAX_STEP_BYTES, Math.max(MIN_STEP_BYTES, this.#toldTo / 8));
    if (to - this.#toldTo >= stepBytes) this.#tell(to);
  }

  /** All `sizeBytes` are here. */
  async finish(sizeBytes: number): Promise<Sha256> {
    if (this.#toldTo < sizeBytes || sizeBytes === 0) this.#tell(sizeBytes);
    const answer = await this.#hasher.ask({ op: 'finish', id: this.#id });
    if ('digest' in answer) return sha256FromBytes(answer.digest);
    throw new Error('could not hash file: given up');
  }

  /** Resolves when the descriptor is no longer read. */
  async abandon(): Promise<void> {
    if (this.#toldTo === 0) return;
    await this.#hasher.ask({ op: 'drop', id: this.#id }).catch(() => {});
  }

  #tell(to: number): void {
    this.#toldTo = to;
    this.#hasher.order({ op: 'grow', id: this.#id, fd: this.#fd, to });
  }
}

/**
 * A store without a folder, for tests and for `fetch`: the same rules as the disk store (it passes the same
 * conformance suite), gone with the process. Bytes lie in nameless temporary files (memory-partial.ts).
 */
import { type Clock, systemClock } from '../lib/clock.ts';
import type { Sha256 } from '../lib/sha256.ts';
import { bytesToEvict, chooseEvictions } from './eviction.ts';
import { type MemoryKept, MemoryPartial, type SharedFd } from './memory-partial.ts';
import { wholeSeconds } from './partial-bytes.ts';
import type {
  CommitDetails,
  OpenFile,
  PartialFile,
  Resume,
  Store,
  StoredFile,
  StoreTotals,
} from './store.ts';

interface Held {
  file: StoredFile;
  readonly bytes: SharedFd;
  layer: Uint8Array | undefined;
  opens: number;
}

export class MemoryStore implements Store {
  /** Least recently used first. */
  readonly #files = new Map<Sha256, Held>();
  readonly #listeners: ((key: Sha256) => void)[] = [];
  readonly #limitBytes: number;
  readonly #clock: Clock;
  /** What is left of files that aren't on their way any more, oldest first. */
  readonly #kept = new Map<Sha256, MemoryKept & { readonly sizeBytes: number }>();
  /** Keys whose resumable file is on its way. */
  readonly #flying = new Set<Sha256>();
  #bytes = 0;
  #keptBytes = 0;
  #reservedBytes = 0;

  constructor(options: { readonly limitBytes?: number; readonly clock?: Clock } = {}) {
    this.#limitBytes = options.limitBytes ?? Number.MAX_SAFE_INTEGER;
    this.#clock = options.clock ?? systemClock;
  }

  stat(key: Sha256): StoredFile | undefined {
    return this.#files.get(key)?.file;
  }

  open(key: Sha256): OpenFile | undefined {
    const held = this.#files.get(key);
    if (!held) return undefined;
    this.#files.delete(key);
    this.#files.set(key, held);
    held.opens += 1;
    const bytes = held.bytes.hold();
    let closed = false;
    return {
      file: held.file,
      fd: bytes.fd,
      [Symbol.dispose]: () => {
        if (closed) return;
        closed = true;
        held.opens -= 1;
        bytes.release();
      },
    };
  }

  createPartial(key: Sha256, sizeBytes: number, resume?: Resume): PartialFile {
    this.#makeRoom(sizeBytes, resume && key);
    this.#reservedBytes += sizeBytes;
    const mayResume = resume !== undefined && !this.#flying.has(key);
    const left = mayResume ? this.#takeKept(key, sizeBytes) : undefined;
    if (mayResume) this.#flying.add(key);
    return new MemoryPartial({
      key,
      sizeBytes,
      left,
      keep: mayResume ? (kept) => this.#keep(key, sizeBytes, kept) : undefined,
      publish: (bytes, details) => this.#put(key, sizeBytes, bytes, details),
      ended: () => {
        if (mayResume) this.#flying.delete(key);
        this.#reservedBytes -= sizeBytes;
      },
    });
  }

  layer(key: Sha256): Uint8Array | undefined {
    return this.#files.get(key)?.layer;
  }

  setLayer(key: Sha256, layer: Uint8Array): void {
    const held = this.#files.get(key);
    if (held) held.layer = new Uint8Array(layer);
  }

  share(key: Sha256, swarms: readonly string[]): void {
    const held = this.#files.get(key);
    if (held) held.file = { ...held.file, swarms: [...new Set([...held.file.swarms, ...swarms])] };
  }

  remove(key: Sha256): void {
    const held = this.#files.get(key);
    if (!held) return;
    this.#forget(key, held);
    for (const listener of this.#listeners) listener(key);
  }

  *list(): Generator<StoredFile> {
    for (const held of [...this.#files.values()]) yield held.file;
  }

  totals(): StoreTotals {
    return { files: this.#files.size, bytes: this.#bytes, limitBytes: this.#limitBytes };
  }

  onGone(listener: (key: Sha256) => void): void {
    this.#listeners.push(listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const [key, held] of [...this.#files]) this.#forget(key, held);
    for (const key of [...this.#kept.keys()]) this.#dropKept(key);
  }

  #put(key: Sha256, sizeBytes: number, bytes: SharedFd, details: CommitDetails): StoredFile {
    const previous = this.#files.get(key);
    if (previous) this.#forget(key, previous);
    const file: StoredFile = {
      key,
      sizeBytes,
      lastModifiedMs: wholeSeconds(details.lastModifiedMs ?? this.#clock.wallMs()),
      name: details.name,
      swarms: [...new Set([...(previous?.file.swarms ?? []), ...details.swarms])],
    };
    const layer = details.layer ? new Uint8Array(details.layer) : previous?.layer;
    this.#files.set(key, { file, bytes, layer, opens: 0 });
    this.#bytes += sizeBytes;
    return file;
  }

  #forget(key: Sha256, held: Held): void {
    this.#files.delete(key);
    this.#bytes -= held.file.sizeBytes;
    held.bytes.release();
  }

  /** What is left of a file counts as if all of it were here. */
  #keep(key: Sha256, sizeBytes: number, left: MemoryKept): void {
    this.#kept.set(key, { ...left, sizeBytes });
    this.#keptBytes += sizeBytes;
  }

  #takeKept(key: Sha256, sizeBytes: number): MemoryKept | undefined {
    const left = this.#kept.get(key);
    if (!left) return undefined;
    this.#kept.delete(key);
    this.#keptBytes -= left.sizeBytes;
    if (left.sizeBytes === sizeBytes) return left;
    left.bytes.release();
    return undefined;
  }

  #dropKept(key: Sha256): void {
    const sizeBytes = this.#kept.get(key)?.sizeBytes;
    if (sizeBytes !== undefined) this.#takeKept(key, sizeBytes)?.bytes.release();
  }

  #makeRoom(incomingBytes: number, resumed: Sha256 | undefined): void {
    const needed = () =>
      bytesToEvict({
        storedBytes: this.#bytes + this.#keptBytes,
        reservedBytes: this.#reservedBytes,
        incomingBytes: incomingBytes - (resumed ? (this.#kept.get(resumed)?.sizeBytes ?? 0) : 0),
        limitBytes: this.#limitBytes,
        diskFreeBytes: Number.MAX_SAFE_INTEGER,
        minFreeBytes: 0,
      });
    for (const key of [...this.#kept.keys()]) if (key !== resumed && needed() > 0) this.#dropKept(key);
    const isOpen = (key: Sha256) => (this.#files.get(key)?.opens ?? 0) > 0;
    for (const { key } of chooseEvictions(this.#inOrder(), needed(), isOpen)) this.remove(key);
  }

  *#inOrder(): Generator<StoredFile> {
    for (const { file } of this.#files.values()) if (file.sizeBytes > this.#limitBytes) yield file;
    for (const { file } of this.#files.values()) if (file.sizeBytes <= this.#limitBytes) yield file;
  }
}

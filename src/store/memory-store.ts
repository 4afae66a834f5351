/**
 * A store without a folder, for tests and for `fetch`: the same rules as the disk store (it passes the same
 * conformance suite), gone with the process. Bytes lie in nameless temporary files, because readers want an `fd`.
 */
import { closeSync, fstatSync, mkdtempSync, openSync, rmdirSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, systemClock } from '../lib/clock.ts';
import type { Sha256 } from '../lib/sha256.ts';
import { bytesToEvict, chooseEvictions } from './eviction.ts';
import { wholeSeconds, writeFully } from './partial-bytes.ts';
import type { CommitDetails, OpenFile, PartialFile, Store, StoredFile, StoreTotals } from './store.ts';

/** One set of bytes and who holds it; closed when nobody does any more. */
class SharedFd {
  readonly fd: number;
  #holders = 1;

  constructor(fd: number) {
    this.fd = fd;
  }

  hold(): this {
    this.#holders += 1;
    return this;
  }

  release(): void {
    this.#holders -= 1;
    if (this.#holders === 0) closeSync(this.fd);
  }
}

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
  #bytes = 0;
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

  createPartial(key: Sha256, sizeBytes: number): PartialFile {
    this.#makeRoom(sizeBytes);
    this.#reservedBytes += sizeBytes;
    const bytes = new SharedFd(namelessFile());
    let committed = false;
    let failed = false;
    let disposed = false;
    const unreserve = () => {
      this.#reservedBytes -= sizeBytes;
    };
    return {
      key,
      sizeBytes,
      fd: bytes.fd,
      write: (offset, chunk) => {
        failed = true;
        writeFully(bytes.fd, sizeBytes, offset, chunk);
        failed = false;
      },
      commit: (details) => {
        if (committed || disposed || failed) throw new Error(`could not commit ${key}: it has ended`);
        if (fstatSync(bytes.fd).size !== sizeBytes)
          throw new Error(`could not commit ${key}: bytes are missing`);
        committed = true;
        unreserve();
        return this.#put(key, sizeBytes, bytes.hold(), details);
      },
      [Symbol.asyncDispose]: async () => {
        if (disposed) return;
        disposed = true;
        if (!committed) unreserve();
        bytes.release();
      },
    };
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

  #makeRoom(incomingBytes: number): void {
    const needed = bytesToEvict({
      storedBytes: this.#bytes,
      reservedBytes: this.#reservedBytes,
      incomingBytes,
      limitBytes: this.#limitBytes,
      diskFreeBytes: Number.MAX_SAFE_INTEGER,
    });
    const isOpen = (key: Sha256) => (this.#files.get(key)?.opens ?? 0) > 0;
    for (const { key } of chooseEvictions(this.#inOrder(), needed, isOpen)) this.remove(key);
  }

  *#inOrder(): Generator<StoredFile> {
    for (const { file } of this.#files.values()) if (file.sizeBytes > this.#limitBytes) yield file;
    for (const { file } of this.#files.values()) if (file.sizeBytes <= this.#limitBytes) yield file;
  }
}

/** An open file that is in no folder. */
function namelessFile(): number {
  const dir = mkdtempSync(join(tmpdir(), 'debtorrent-memory-'));
  const path = join(dir, 'bytes');
  try {
    const fd = openSync(path, 'wx+', 0o600);
    unlinkSync(path);
    return fd;
  } finally {
    rmdirSync(dir);
  }
}

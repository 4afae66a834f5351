/**
 * A store that keeps what it has and none of the bytes: all files are zeros (zeros.ts). The rules are those of
 * src/store/store.ts as far as a simulated node needs them; nothing is ever evicted.
 */
import type { Sha256 } from '../../src/lib/sha256.ts';
import type {
  CommitDetails,
  OpenFile,
  PartialFile,
  Store,
  StoredFile,
  StoreTotals,
} from '../../src/store/store.ts';

interface Held {
  file: StoredFile;
  layer: Uint8Array | undefined;
}

export class ZeroStore implements Store {
  readonly #fd: number;
  readonly #wallMs: () => number;
  readonly #files = new Map<Sha256, Held>();

  /** `fd` reads as zeros. */
  constructor(fd: number, wallMs: () => number) {
    this.#fd = fd;
    this.#wallMs = wallMs;
  }

  stat(key: Sha256): StoredFile | undefined {
    return this.#files.get(key)?.file;
  }

  open(key: Sha256): OpenFile | undefined {
    const held = this.#files.get(key);
    return held && { file: held.file, fd: this.#fd, [Symbol.dispose]: () => {} };
  }

  createPartial(key: Sha256, sizeBytes: number): PartialFile {
    return {
      key,
      sizeBytes,
      fd: this.#fd,
      kept: { pieces: [] },
      write: () => {},
      note: () => {},
      forget: () => {},
      dated: () => {},
      discard: () => {},
      release: () => {},
      commit: (details) => this.put(key, sizeBytes, details),
      [Symbol.asyncDispose]: async () => {},
    };
  }

  put(key: Sha256, sizeBytes: number, { name, swarms, lastModifiedMs, layer }: CommitDetails): StoredFile {
    const dateMs = Math.floor((lastModifiedMs ?? this.#wallMs()) / 1000) * 1000;
    const file = { key, sizeBytes, name, swarms, lastModifiedMs: dateMs };
    this.#files.set(key, { file, layer });
    return file;
  }

  layer(key: Sha256): Uint8Array | undefined {
    return this.#files.get(key)?.layer;
  }

  setLayer(key: Sha256, layer: Uint8Array): void {
    const held = this.#files.get(key);
    if (held) held.layer = layer;
  }

  share(key: Sha256, swarms: readonly string[]): void {
    const held = this.#files.get(key);
    if (held) held.file = { ...held.file, swarms: [...new Set([...held.file.swarms, ...swarms])] };
  }

  remove(key: Sha256): void {
    this.#files.delete(key);
  }

  *list(): Generator<StoredFile> {
    for (const { file } of this.#files.values()) yield file;
  }

  totals(): StoreTotals {
    let bytes = 0;
    for (const { file } of this.#files.values()) bytes += file.sizeBytes;
    return { files: this.#files.size, bytes, limitBytes: Number.MAX_SAFE_INTEGER };
  }

  onGone(): void {}

  async [Symbol.asyncDispose](): Promise<void> {
    this.#files.clear();
  }
}

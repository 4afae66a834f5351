/** Files that are hashed one after another, each read once: whole SHA-256 and piece layer. It reads, by offset, and no more. */
import { readSync } from 'node:fs';
import { LayerBuilder } from '../torrent/layer-builder.ts';
import { Pieces } from '../torrent/pieces.ts';

export interface FileToHash {
  readonly fd: number;
  readonly sizeBytes: number;
}

export interface HashedFile {
  readonly digest: Uint8Array;
  /** Empty for a file of one piece. */
  readonly layer: Uint8Array;
}

/** Small enough that what was read is still in the core's own cache when it is hashed. */
const buffer = new Uint8Array(256 * 1024);

export class HashedFiles {
  /** Of the files that are done, in their order; undefined for one that could not be read. */
  readonly found: (HashedFile | undefined)[] = [];
  readonly #files: readonly FileToHash[];
  #open: { readonly builder: LayerBuilder; readonly hash: Bun.CryptoHasher; done: number } | undefined;

  constructor(files: readonly FileToHash[]) {
    this.#files = files;
  }

  /** Reads about so many bytes. False when there was nothing left to do. */
  work(bytes: number): boolean {
    for (let left = bytes; left > 0; ) {
      const file = this.#files[this.found.length];
      if (file === undefined) return false;
      try {
        left -= this.#step(file) + 4096;
      } catch {
        this.#end(undefined);
      }
    }
    return true;
  }

  /** Returns how many bytes it read. Throws the system's error, and one of its own for a file that ends too soon. */
  #step({ fd, sizeBytes }: FileToHash): number {
    const pieces = new Pieces(sizeBytes);
    this.#open ??= {
      builder: new LayerBuilder(pieces),
      hash: new Bun.CryptoHasher('sha256'),
      done: 0,
    };
    const { builder, hash, done } = this.#open;
    const got =
      sizeBytes === 0 ? 0 : readSync(fd, buffer, 0, Math.min(buffer.length, sizeBytes - done), done);
    if (got === 0 && done < sizeBytes) throw new Error(`the file ends at ${done}, before ${sizeBytes}`);
    const bytes = buffer.subarray(0, got);
    hash.update(bytes);
    // That of one piece has none: its hash is the whole SHA-256.
    if (!pieces.isSingle) builder.update(bytes);
    this.#open.done += got;
    if (this.#open.done === sizeBytes) {
      const layer = pieces.isSingle ? new Uint8Array(0) : builder.layer();
      this.#end({ digest: new Uint8Array(hash.digest()), layer });
    }
    return got;
  }

  #end(found: HashedFile | undefined): void {
    this.found.push(found);
    this.#open = undefined;
  }
}

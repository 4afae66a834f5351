/**
 * Where a flight keeps its bytes until they are a file of the store: in memory while it is one piece (512 KiB at
 * most, shown as a whole but for slow mirrors), else in a partial file of the store, which is kept with the pieces
 * that it has when the flight ends before it lands. When the store can't take it (full, read-only), files of a bearable
 * size fly in memory all the same (stand-in-memory.ts): a verified file is served even then.
 */
import { readSync } from 'node:fs';
import { NoRoomError } from '../lib/errors.ts';
import { type Sha256, sha256Of } from '../lib/sha256.ts';
import type { PartialFile, Store } from '../store/store.ts';
import type { Pieces } from '../torrent/pieces.ts';
import type { Hasher, WholeHash } from './hasher.ts';
import { KeptPieces } from './kept-pieces.ts';
import { takeStandInMemory } from './stand-in-memory.ts';

export interface FlightBytes {
  /** The store's partial file; undefined in memory. */
  readonly partial: PartialFile | undefined;
  /** What an earlier flight left, and what this one would leave. */
  readonly kept: KeptPieces;
  /** Throws RangeError outside the file, NoRoomError when there is nowhere to put it. */
  write(offset: number, bytes: Uint8Array): void;
  /** At most `maxBytes` from `offset`; the caller may keep it. */
  read(offset: number, maxBytes: number): Uint8Array;
  /** Fills `target` from `offset` as far as it can; returns how far. */
  readInto(offset: number, target: Uint8Array): number;
  /** Bytes [0, to) are here: hashing may follow. */
  grown(to: number): void;
  /** The SHA-256 of the whole, when all bytes are here. Once; after that only when started anew. */
  digest(): Promise<Sha256>;
  /** Hashing what was told by `grown` is void: bytes are going to be replaced. */
  restart(): Promise<void>;
  /** Resolves when nothing reads it any more; what is worth keeping is kept. */
  close(): Promise<void>;
}

/** Throws NoRoomError when neither the store nor memory can take the file. */
export function openFlightBytes(store: Store, hasher: Hasher, key: Sha256, pieces: Pieces): FlightBytes {
  const { sizeBytes, pieceLength } = pieces;
  const nothingKept = new KeptPieces(undefined, hasher, pieces);
  if (pieces.isSingle) return new MemoryBytes(sizeBytes, nothingKept);
  try {
    return new PartialBytes(store, store.createPartial(key, sizeBytes, { pieceLength }), hasher, pieces);
  } catch (cause) {
    const giveBack = takeStandInMemory(store, sizeBytes);
    if (!giveBack) throw new NoRoomError('could not store file: no room', { cause });
    return new MemoryBytes(sizeBytes, nothingKept, giveBack);
  }
}

class MemoryBytes implements FlightBytes {
  readonly partial = undefined;
  readonly kept: KeptPieces;
  readonly #bytes: Uint8Array;
  readonly #giveBack: (() => void) | undefined;

  constructor(sizeBytes: number, kept: KeptPieces, giveBack?: () => void) {
    this.kept = kept;
    this.#bytes = new Uint8Array(sizeBytes);
    this.#giveBack = giveBack;
  }

  write(offset: number, bytes: Uint8Array): void {
    this.#bytes.set(bytes, offset);
  }

  read(offset: number, maxBytes: number): Uint8Array {
    return this.#bytes.subarray(offset, offset + maxBytes);
  }

  readInto(offset: number, target: Uint8Array): number {
    const bytes = this.read(offset, target.length);
    target.set(bytes);
    return bytes.length;
  }

  grown(): void {}

  async digest(): Promise<Sha256> {
    return sha256Of(this.#bytes);
  }

  async restart(): Promise<void> {}

  async close(): Promise<void> {
    this.#giveBack?.();
  }
}

class PartialBytes implements FlightBytes {
  readonly kept: KeptPieces;
  readonly #store: Store;
  readonly #partial: PartialFile;
  readonly #hasher: Hasher;
  readonly #pieces: Pieces;
  #whole: WholeHash;
  /** Set once the store could not take a write: all bytes are here from then on. */
  #memory: MemoryBytes | undefined;

  constructor(store: Store, partial: PartialFile, hasher: Hasher, pieces: Pieces) {
    this.#store = store;
    this.#partial = partial;
    this.#hasher = hasher;
    this.#pieces = pieces;
    this.#whole = hasher.whole(partial.fd);
    this.kept = new KeptPieces(partial, hasher, pieces);
  }

  get partial(): PartialFile | undefined {
    return this.#memory ? undefined : this.#partial;
  }

  write(offset: number, bytes: Uint8Array): void {
    if (!this.#memory) {
      try {
        this.#partial.write(offset, bytes);
        return;
      } catch (error) {
        if (error instanceof RangeError) throw error;
        const giveBack = takeStandInMemory(this.#store, this.#pieces.sizeBytes);
        if (!giveBack)
          throw new NoRoomError(`could not store file: ${(error as Error).message}`, { cause: error });
        this.#memory = this.#intoMemory(giveBack);
      }
    }
    this.#memory.write(offset, bytes);
  }

  read(offset: number, maxBytes: number): Uint8Array {
    if (this.#memory) return this.#memory.read(offset, maxBytes);
    const bytes = Buffer.allocUnsafe(Math.min(maxBytes, this.#partial.sizeBytes - offset));
    return bytes.subarray(0, this.readInto(offset, bytes));
  }

  readInto(offset: number, target: Uint8Array): number {
    if (this.#memory) return this.#memory.readInto(offset, target);
    return readSync(this.#partial.fd, target, 0, target.length, offset);
  }

  grown(to: number): void {
    if (!this.#memory) this.#whole.grow(to);
  }

  digest(): Promise<Sha256> {
    return this.#memory ? this.#memory.digest() : this.#whole.finish(this.#pieces.sizeBytes);
  }

  async restart(): Promise<void> {
    const old = this.#whole;
    this.#whole = this.#hasher.whole(this.#partial.fd);
    await old.abandon();
  }

  async close(): Promise<void> {
    await this.kept.idle();
    await this.#whole.abandon();
    await this.#partial[Symbol.asyncDispose]();
    await this.#memory?.close();
  }

  #intoMemory(giveBack: () => void): MemoryBytes {
    const memory = new MemoryBytes(this.#pieces.sizeBytes, this.kept, giveBack);
    const chunk = Buffer.allocUnsafe(1024 * 1024);
    for (let at = 0; ; ) {
      const got = readSync(this.#partial.fd, chunk, 0, chunk.length, at);
      if (got === 0) return memory;
      memory.write(at, chunk.subarray(0, got));
      at += got;
    }
  }
}

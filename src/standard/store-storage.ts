/**
 * A torrent as a view of the store: nothing is written, and a piece is here when every file that it touches is (padding is
 * zeros). Which stored file is which of the torrent's is told by root where the store keeps the file's piece layer, else by
 * name and size. A name proves nothing, so the torrent's hash of a piece is compared once before its first byte goes out;
 * what isn't what the torrent means is as good as not here. Only files that may be offered in some swarm are looked at.
 */
import { readSync } from 'node:fs';
import type { Clock } from '../lib/clock.ts';
import type { Sha256 } from '../lib/sha256.ts';
import type { OpenFile, Store, StoredFile } from '../store/store.ts';
import { layerRoot } from '../torrent/merkle.ts';
import { Pieces } from '../torrent/pieces.ts';
import { Bitfield } from './bitfield.ts';
import type { Layout, LayoutFile } from './layout.ts';
import { type HashesOf, PieceCheck } from './piece-check.ts';
import type { TorrentStorage } from './storage.ts';

export interface StoreStorageOptions {
  readonly store: Pick<Store, 'open' | 'layer'>;
  readonly layout: Layout;
  readonly hashes: HashesOf;
  readonly clock: Clock;
}

/** Files that are held open, which keeps them from being evicted; and for how long at most. */
const MAX_OPEN = 16;
const REST_MS = 30_000;

export class StoreStorage implements TorrentStorage {
  readonly isReadOnly = true;
  readonly #options: StoreStorageOptions;
  readonly #check: PieceCheck;
  readonly #bySize = new Map<number, number[]>();
  /** Of each of the torrent's files that is here. */
  readonly #keys = new Map<number, Sha256>();
  readonly #filesOf = new Map<Sha256, readonly number[]>();
  /** How many files of a piece aren't here. */
  readonly #lacking: Uint32Array;
  /** Their hashes were compared: they are right, or wrong. */
  readonly #right: Bitfield;
  readonly #wrong: Bitfield;
  readonly #open = new Map<Sha256, OpenFile>();
  #takeBackRest: (() => void) | undefined;
  #isClosed = false;

  constructor(options: StoreStorageOptions) {
    const { layout, hashes } = options;
    this.#options = options;
    this.#check = new PieceCheck(layout, hashes);
    this.#lacking = new Uint32Array(layout.pieceCount);
    this.#right = new Bitfield(layout.pieceCount);
    this.#wrong = new Bitfield(layout.pieceCount);
    for (const [index, { sizeBytes, isPadding }] of layout.files.entries()) {
      if (isPadding || sizeBytes === 0) continue;
      const same = this.#bySize.get(sizeBytes);
      if (same) same.push(index);
      else this.#bySize.set(sizeBytes, [index]);
      for (const piece of this.#piecesOf(index)) this.#lacking[piece] = this.#lackingOf(piece) + 1;
    }
  }

  /** The store has it. Returns the pieces that are here now and weren't. */
  came(file: StoredFile): number[] {
    if (file.swarms.length === 0 || this.#filesOf.has(file.key)) return [];
    const indices = this.#matches(file).filter((index) => !this.#keys.has(index));
    if (indices.length === 0) return [];
    this.#filesOf.set(file.key, indices);
    const here: number[] = [];
    for (const index of indices) {
      this.#keys.set(index, file.key);
      for (const piece of this.#piecesOf(index)) {
        this.#lacking[piece] = this.#lackingOf(piece) - 1;
        if (this.#isHere(piece)) here.push(piece);
      }
    }
    return here;
  }

  /** The store has it no more. Returns the pieces that were here and aren't. */
  gone(key: Sha256): number[] {
    const left: number[] = [];
    this.#close(key);
    for (const index of this.#filesOf.get(key) ?? []) {
      this.#keys.delete(index);
      for (const piece of this.#piecesOf(index)) {
        if (this.#isHere(piece)) left.push(piece);
        this.#lacking[piece] = this.#lackingOf(piece) + 1;
        this.#right.clear(piece);
        this.#wrong.clear(piece);
      }
    }
    this.#filesOf.delete(key);
    return left;
  }

  *sure(): Generator<number> {
    for (let piece = 0; piece < this.#lacking.length; piece += 1) if (this.#isHere(piece)) yield piece;
  }

  /** Within one piece. */
  read(offset: number, into: Uint8Array): boolean {
    const { layout } = this.#options;
    const piece = Math.floor(offset / layout.pieceLength);
    if (!this.#isHere(piece)) return false;
    if (!this.#right.has(piece) && !this.#isRight(piece)) return false;
    return this.#read(offset, into);
  }

  claimed(): Iterable<number> {
    return [];
  }

  confirmed(): void {}

  checked(): void {}

  write(): never {
    throw new Error('could not write: the store is only looked at');
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#rest();
  }

  #matches({ key, sizeBytes, name }: StoredFile): number[] {
    const { files } = this.#options.layout;
    const candidates = this.#bySize.get(sizeBytes) ?? [];
    if (candidates.length === 0) return [];
    const byName = candidates.filter((index) => isNamed(name, files[index] as LayoutFile));
    if (byName.length > 0) return byName;
    const pieces = new Pieces(sizeBytes);
    const layer = pieces.isSingle ? undefined : this.#options.store.layer(key);
    if (layer === undefined) return [];
    const root = layerRoot(layer, pieces);
    return candidates.filter((index) => {
      const { piecesRoot } = files[index] as LayoutFile;
      return piecesRoot !== undefined && Buffer.compare(piecesRoot, root) === 0;
    });
  }

  /** As it may be given: all its files are here, it can be checked, and wasn't found wrong. */
  #isHere(piece: number): boolean {
    return this.#lacking[piece] === 0 && !this.#wrong.has(piece) && this.#check.canCheck(piece);
  }

  #isRight(piece: number): boolean {
    const { layout } = this.#options;
    const bytes = new Uint8Array(layout.wantedBytes(piece));
    if (!this.#read(layout.offset(piece), bytes)) return false;
    const isRight = this.#check.check(piece, bytes) === 'right';
    (isRight ? this.#right : this.#wrong).set(piece);
    return isRight;
  }

  #read(offset: number, into: Uint8Array): boolean {
    let at = 0;
    for (const { file, at: from, length } of this.#options.layout.spans(offset, into.length)) {
      const target = into.subarray(at, at + length);
      at += length;
      if (file === undefined) target.fill(0);
      else if (!this.#readFile(file, from, target)) return false;
    }
    return true;
  }

  #readFile(index: number, from: number, into: Uint8Array): boolean {
    const open = this.#opened(index);
    if (!open) return false;
    try {
      for (let done = 0; done < into.length; ) {
        const got = readSync(open.fd, into, done, into.length - done, from + done);
        if (got === 0) return false;
        done += got;
      }
    } catch {
      return false;
    }
    return open.stillHolds?.() !== false;
  }

  #opened(index: number): OpenFile | undefined {
    const key = this.#keys.get(index);
    if (key === undefined || this.#isClosed) return undefined;
    const open = this.#open.get(key) ?? this.#options.store.open(key);
    if (!open) return undefined;
    this.#open.delete(key);
    this.#open.set(key, open);
    for (const oldest of this.#open.keys()) {
      if (this.#open.size <= MAX_OPEN) break;
      this.#close(oldest);
    }
    this.#takeBackRest ??= this.#options.clock.after(REST_MS, () => this.#rest());
    return open;
  }

  #close(key: Sha256): void {
    const open = this.#open.get(key);
    this.#open.delete(key);
    open?.[Symbol.dispose]();
  }

  #rest(): void {
    this.#takeBackRest?.();
    this.#takeBackRest = undefined;
    for (const key of [...this.#open.keys()]) this.#close(key);
  }

  *#piecesOf(index: number): Generator<number> {
    const [first, end] = this.#options.layout.piecesOf(index);
    for (let piece = first; piece < end; piece += 1) yield piece;
  }

  #lackingOf(piece: number): number {
    return this.#lacking[piece] as number;
  }
}

/** "ftp.de.debian.org/debian/pool/main/a/abinit/x.deb" ends as "pool/main/a/abinit/x.deb" does. */
function isNamed(name: string, { path }: LayoutFile): boolean {
  const end = path.join('/');
  return name === end || name.endsWith(`/${end}`);
}

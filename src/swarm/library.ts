/**
 * What this node can serve to peers: whole files of the store, and files still on their way of which some pieces are
 * verified under a root. It decides what exists for whom (a file is offered only in its own swarms); it doesn't
 * speak to anyone. Invariant: nothing here can write, and what isn't shareable is never found.
 */
import { readSync } from 'node:fs';
import { type Clock, systemClock } from '../lib/clock.ts';
import type { Sha256 } from '../lib/sha256.ts';
import type { OpenFile, Store } from '../store/store.ts';
import { Pieces } from '../torrent/pieces.ts';
import { MAX_FILE_BYTES } from '../wire/archive-ext.ts';
import { type FileTree, TreeCache } from './tree-cache.ts';

/** One file as it can be served. */
export interface Servable {
  readonly key: Sha256;
  readonly pieces: Pieces;
  readonly swarms: readonly string[];
  /** The root it is served under and its layer; undefined for a file of one piece. */
  readonly tree: FileTree | undefined;
  /** Hashes of single pieces while no tree is known: our own word, or what others stated. Undefined once there is a tree. */
  readonly hearsay:
    | { of(piece: number): { readonly hash: Uint8Array; readonly own: boolean } | undefined }
    | undefined;
  /** True for a file whose whole SHA-256 holds: the root is our own statement. */
  readonly whole: boolean;
  hasPiece(index: number): boolean;
  /** Fills `target` from `offset`; false when the bytes are gone. */
  read(offset: number, target: Uint8Array): boolean;
  /** Lets go of file handles until the next read. */
  rest(): void;
}

/** Computes the piece layer of a stored file, off the main thread. */
export type ComputeLayer = (fd: number, pieces: Pieces) => Promise<Uint8Array>;

/** No file has come in for this long. */
const QUIET_MS = 1_000;
const MAX_TO_PREPARE = 10_000;

export class Library {
  readonly #store: Store;
  readonly #computeLayer: ComputeLayer;
  readonly #growing = new Map<Sha256, Servable>();
  readonly #trees = new TreeCache();
  readonly #computing = new Map<Sha256, Promise<Servable | undefined>>();

  #lastComputed: Promise<void> = Promise.resolve();
  readonly #clock: Clock;
  readonly #toPrepare: Sha256[] = [];
  #cancelPrepare: (() => void) | undefined;

  constructor(store: Store, computeLayer: ComputeLayer, clock: Clock = systemClock) {
    this.#store = store;
    this.#clock = clock;
    this.#computeLayer = computeLayer;
  }

  /** Larger files have no place in a `have`: the other end would close the connection. */
  mayOffer({ sizeBytes }: Pieces): boolean {
    return sizeBytes <= MAX_FILE_BYTES;
  }

  /** A flight has verified pieces to give; until `ungrow`. */
  grow(servable: Servable): void {
    if (this.mayOffer(servable.pieces)) this.#growing.set(servable.key, servable);
  }

  ungrow(key: Sha256): void {
    this.#growing.delete(key);
  }

  /**
   * What can be served of this key in one of `swarms`. A promise when the file is here but its layer has to be
   * computed first; undefined when there is nothing.
   */
  find(
    key: Sha256,
    inSwarm: (infoHash: string) => boolean,
  ): Servable | Promise<Servable | undefined> | undefined {
    const file = this.#store.stat(key);
    if (file) {
      const pieces = new Pieces(file.sizeBytes);
      if (!file.swarms.some(inSwarm) || !this.mayOffer(pieces)) return undefined;
      if (pieces.isSingle) return new StoredServable(this.#store, key, pieces, file.swarms, undefined);
      const tree = this.#trees.get(key, pieces, () => this.#store.layer(key));
      if (tree) return new StoredServable(this.#store, key, pieces, file.swarms, tree);
      return this.#compute(key, pieces, file.swarms);
    }
    const growing = this.#growing.get(key);
    if (growing) return growing.swarms.some(inSwarm) ? growing : undefined;
    const coming = this.#store.coming?.(key);
    return coming?.swarms.some(inSwarm)
      ? coming.settled().then(() => (this.#store.stat(key) ? this.find(key, inSwarm) : undefined))
      : undefined;
  }

  /**
   * A shareable file has come in: its layer is computed once things are quiet, so that a peer that wants it later
   * needn't wait for it.
   */
  prepare(key: Sha256): void {
    this.#toPrepare.push(key);
    if (this.#toPrepare.length > MAX_TO_PREPARE) this.#toPrepare.shift();
    this.#cancelPrepare?.();
    this.#cancelPrepare = this.#clock.after(QUIET_MS, () => void this.#prepareAll());
  }

  async #prepareAll(): Promise<void> {
    this.#cancelPrepare = undefined;
    while (this.#cancelPrepare === undefined) {
      const key = this.#toPrepare.shift();
      if (key === undefined) return;
      try {
        await this.find(key, () => true);
      } catch {
        // It can't be read: whoever wants it will be told so.
      }
    }
  }

  #compute(key: Sha256, pieces: Pieces, swarms: readonly string[]): Promise<Servable | undefined> {
    const running = this.#computing.get(key);
    if (running) return running;
    // One after the other: each holds a file open, and there is one thread to do it.
    const computing = this.#lastComputed
      .then(() => this.#computeNow(key, pieces, swarms))
      .finally(() => this.#computing.delete(key));
    this.#lastComputed = computing.then(
      () => {},
      () => {},
    );
    this.#computing.set(key, computing);
    return computing;
  }

  async #computeNow(key: Sha256, pieces: Pieces, swarms: readonly string[]): Promise<Servable | undefined> {
    using open = this.#store.open(key);
    if (!open) return undefined;
    const layer = await this.#computeLayer(open.fd, pieces);
    if (open.stillHolds?.() === false) return undefined;
    this.#store.setLayer(key, layer);
    return new StoredServable(
      this.#store,
      key,
      pieces,
      swarms,
      this.#trees.get(key, pieces, () => layer),
    );
  }
}

class StoredServable implements Servable {
  readonly key: Sha256;
  readonly pieces: Pieces;
  readonly swarms: readonly string[];
  readonly tree: Servable['tree'];
  readonly whole = true;
  readonly hearsay = undefined;
  readonly #store: Store;
  #open: OpenFile | undefined;

  constructor(store: Store, key: Sha256, pieces: Pieces, swarms: readonly string[], tree: Servable['tree']) {
    this.#store = store;
    this.key = key;
    this.pieces = pieces;
    this.swarms = swarms;
    this.tree = tree;
  }

  hasPiece(index: number): boolean {
    return this.pieces.has(index);
  }

  read(offset: number, target: Uint8Array): boolean {
    this.#open ??= this.#store.open(this.key);
    if (!this.#open) return false;
    let done = 0;
    while (done < target.length) {
      const got = readSync(this.#open.fd, target, done, target.length - done, offset + done);
      if (got === 0) return false;
      done += got;
    }
    return this.#open.stillHolds?.() !== false;
  }

  rest(): void {
    this.#open?.[Symbol.dispose]();
    this.#open = undefined;
  }
}

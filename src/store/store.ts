/**
 * The contract of a store: what we **have**, named by content. It decides where bytes lie, what is kept and what
 * is evicted; it does not decide what is true (archive) nor who may read (proxy, swarm). Only acquire's gate and
 * `cache import` write. Every implementation passes test/store/store-conformance.ts.
 *
 * Invariants: a file that can be opened has exactly the bytes whose SHA-256 is its key; a file that is open is
 * never evicted; a partial file is never visible as a file, and what is kept of it over a restart is a claim.
 */
import type { Sha256 } from '../lib/sha256.ts';

export interface StoredFile {
  readonly key: Sha256;
  readonly sizeBytes: number;
  /** What to answer as Last-Modified, milliseconds since 1970, whole seconds. */
  readonly lastModifiedMs: number;
  /** The path it was first asked by, for people ("ftp.de.debian.org/debian/pool/…"); never used to find it. */
  readonly name: string;
  /** Info-hashes (hex) of the swarms in which this file may be offered; empty = private, never shared. */
  readonly swarms: readonly string[];
}

/** An open file: reads go to `fd` by offset. Closing it unpins the file. */
export interface OpenFile extends Disposable {
  readonly file: StoredFile;
  readonly fd: number;
  /**
   * Whether what was read until now is what the key says. Asked after each read, before its bytes go anywhere. Missing
   * where nobody but the store can change a file.
   */
  readonly stillHolds?: () => boolean;
}

/** A file that seems to be here, and is hashed before anybody gets it. */
export interface Coming {
  /** As StoredFile has them. */
  readonly swarms: readonly string[];
  /** Resolves when it is known. Being asked for it puts it first. Never rejects. */
  settled(): Promise<void>;
}

export interface CommitDetails {
  /** Undefined when the mirror's date isn't known: the store then takes the time of storing. */
  readonly lastModifiedMs?: number;
  readonly name: string;
  readonly swarms: readonly string[];
  /** The piece layer (BEP 52), 32 bytes a piece, when it is known already. */
  readonly layer?: Uint8Array;
}

/** On whose word a piece was taken: the mirror's, a signed root's, or no more than a peer's. */
export type PieceGrade = 'mirror' | 'signed' | 'peer';

/** A piece that was here as a whole. */
export interface KeptPiece {
  readonly index: number;
  /** What its bytes were found to hash to (BEP 52, at the piece layer), 32 bytes. */
  readonly hash: Uint8Array;
  readonly grade: PieceGrade;
}

/** What an earlier flight, perhaps of an earlier run, left of a file. */
export interface Kept {
  /** In order of index, each once. A claim: a power cut may have taken the bytes. */
  readonly pieces: readonly KeptPiece[];
  /** The mirror's Last-Modified, milliseconds. */
  readonly lastModifiedMs?: number;
}

/** A file on its way in, of a size known from the start. Bytes may come in any order. */
export interface PartialFile extends AsyncDisposable {
  readonly key: Sha256;
  readonly sizeBytes: number;
  /** What is here already. Empty unless it was opened to be resumed. */
  readonly kept: Kept;
  /** For reading back what was written, also by other threads. Stays open until disposed. */
  readonly fd: number;
  /** Writes all of `bytes` at `offset`. Throws RangeError outside the file, the system's error when it can't. */
  write(offset: number, bytes: Uint8Array): void;
  /**
   * Makes the file visible under its key, in one step. The caller has proven that the whole SHA-256 is the key:
   * the store does not hash again. After it, `fd` still reads the same bytes until this partial is disposed.
   */
  commit(details: CommitDetails): StoredFile;
  /** The piece's bytes are written: worth keeping if the file doesn't get whole now. Never throws. */
  note(piece: KeptPiece): void;
  /** The piece's bytes are no longer worth keeping. Never throws. */
  forget(index: number): void;
  /** The mirror's Last-Modified, to be kept with the pieces. Never throws. */
  dated(lastModifiedMs: number): void;
  /** Nothing of it is worth keeping. */
  discard(): void;
  /**
   * Nothing more will be written: what is worth keeping may be taken up by another from now on, though those who read
   * this one are not done yet. `fd` reads on until it is disposed.
   */
  release(): void;
  /** Releases it and closes `fd`. Without commit: removes the bytes, unless it may be resumed and has noted pieces. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Asks for a partial file that takes up what was kept, and is kept itself. One at a time for a key: a second is fresh and isn't kept. */
export interface Resume {
  /** What is kept of a file counts only for the same piece length. */
  readonly pieceLength: number;
}

export interface StoreTotals {
  readonly files: number;
  readonly bytes: number;
  readonly limitBytes: number;
}

export interface Store extends AsyncDisposable {
  /** Synchronous and cheap: asked for every want of every peer. */
  stat(key: Sha256): StoredFile | undefined;
  /** A file that stat() doesn't know yet; where a store has files that nobody gave to it. */
  coming?(key: Sha256): Coming | undefined;
  /** Opens and pins; counts as a use for LRU. Undefined when we don't have it (or its bytes turn out missing). */
  open(key: Sha256): OpenFile | undefined;
  /**
   * Room is made by evicting first: what is kept of other files, then files. Throws when the disk can't take it: the
   * caller goes on without a store.
   */
  createPartial(key: Sha256, sizeBytes: number, resume?: Resume): PartialFile;
  /** The piece layer (BEP 52) kept beside the file; undefined when it hasn't been computed yet. */
  layer(key: Sha256): Uint8Array | undefined;
  setLayer(key: Sha256, layer: Uint8Array): void;
  /** Adds swarms in which the file may be offered. */
  share(key: Sha256, swarms: readonly string[]): void;
  /** Removes the file; those that have it open read on. */
  remove(key: Sha256): void;
  list(): Iterable<StoredFile>;
  totals(): StoreTotals;
  /** Called after a file is gone (evicted or removed). */
  onGone(listener: (key: Sha256) => void): void;
}

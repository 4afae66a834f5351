/**
 * What survives a flight that doesn't land: pieces noted in the partial file's journal as they come, and, in the next
 * flight for the same file, what an earlier one left. Those are a claim (a power cut may have taken the bytes, a disk
 * may have changed them), so each is read and hashed in the hash thread before it counts, a few MiB at a time, in the
 * order of the file. Nothing is read before somebody wants the file. What a piece is worth then is the flight's.
 */
import type { Clock } from '../lib/clock.ts';
import type { KeptPiece, PartialFile, PieceGrade } from '../store/store.ts';
import { HASH_BYTES } from '../torrent/merkle.ts';
import type { Pieces } from '../torrent/pieces.ts';
import type { Hasher } from './hasher.ts';

/** Asked of the hash thread at a time: others wait no longer for it than this takes. */
const BATCH_BYTES = 4 * 1024 * 1024;
/** A disk that takes longer than this for a batch is slower than fetching. */
const PATIENCE_MS = 3_000;

export class KeptPieces {
  readonly #partial: PartialFile | undefined;
  readonly #hasher: Hasher;
  readonly #pieces: Pieces;
  /** Pieces of an earlier flight that count in this one. */
  readonly #resumed = new Set<number>();
  #dateMs: number | undefined;
  #reading: Promise<unknown> | undefined;

  /** Without a partial file nothing is kept. */
  constructor(partial: PartialFile | undefined, hasher: Hasher, pieces: Pieces) {
    this.#partial = partial;
    this.#hasher = hasher;
    this.#pieces = pieces;
    this.#dateMs = partial?.kept.lastModifiedMs;
  }

  /** Nothing was left by an earlier flight. */
  get isEmpty(): boolean {
    return !this.#partial || this.#partial.kept.pieces.length === 0;
  }

  /** The mirror's Last-Modified, if it is known; milliseconds. */
  get dateMs(): number | undefined {
    return this.#dateMs;
  }

  /** Pieces of an earlier flight that count in this one. */
  get resumed(): ReadonlySet<number> {
    return this.#resumed;
  }

  /** Whether something that an earlier flight left came from a peer. */
  get fromPeers(): boolean {
    return this.#partial?.kept.pieces.some(({ grade }) => grade !== 'mirror') ?? false;
  }

  /**
   * Hands over, in order, the pieces whose bytes are what they were; forgets the others. `take` says whether the piece
   * counts. Ends early when `isWanted` says no, and when the disk is too slow. Never rejects.
   */
  async verify(clock: Clock, take: (piece: KeptPiece) => boolean, isWanted: () => boolean): Promise<void> {
    const partial = this.#partial;
    if (!partial) return;
    const kept = partial.kept.pieces;
    const batchPieces = Math.max(1, Math.floor(BATCH_BYTES / this.#pieces.pieceLength));
    for (let from = 0; from < kept.length; from += batchPieces) {
      const batch = kept.slice(from, from + batchPieces);
      const reading = this.#hasher.pieces(
        partial.fd,
        this.#pieces,
        batch.map(({ index }) => index),
      );
      this.#reading = reading.catch(() => {});
      const hashes = await inTime(reading, clock);
      if (!isWanted()) return;
      for (const [at, piece] of batch.entries()) {
        const found = hashes?.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES);
        if (found && Buffer.compare(found, piece.hash) === 0 && take(piece)) {
          this.#resumed.add(piece.index);
        } else {
          partial.forget(piece.index);
        }
        // Taking a piece may be the end of the flight.
        if (!isWanted()) return;
      }
      if (!hashes) break;
    }
    for (const { index } of kept) if (!this.#resumed.has(index)) partial.forget(index);
  }

  /** The bytes of a piece are here as a whole, and have this hash. */
  note(index: number, hash: Uint8Array, grade: PieceGrade, dateMs: number | undefined): void {
    if (dateMs !== undefined && dateMs !== this.#dateMs) {
      this.#dateMs = dateMs;
      this.#partial?.dated(dateMs);
    }
    this.#partial?.note({ index, hash, grade });
  }

  /** The piece is fetched anew. */
  forget(index: number): void {
    this.#resumed.delete(index);
    this.#partial?.forget(index);
  }

  /** Nothing of this flight is worth keeping. */
  discard(): void {
    this.#partial?.discard();
  }

  /** Nothing more comes: another flight may take up what is kept, though readers of this one aren't done yet. */
  release(): void {
    this.#partial?.release();
  }

  /** Resolves when the descriptor is no longer read. */
  async idle(): Promise<void> {
    await this.#reading;
  }
}

/** Undefined when it fails or takes too long. */
function inTime<T>(promise: Promise<T>, clock: Clock): Promise<T | undefined> {
  return new Promise((resolve) => {
    const cancel = clock.after(PATIENCE_MS, () => resolve(undefined));
    promise.then(
      (value) => {
        cancel();
        resolve(value);
      },
      () => {
        cancel();
        resolve(undefined);
      },
    );
  });
}

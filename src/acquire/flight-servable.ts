/**
 * The part of a flight that peers may have already. With a tree: pieces that hold under the root that it follows,
 * which is relayed (`whole` is false). Without one, in a crowd's first minutes: pieces with the hash of each, our own
 * word for what the mirror gave us, others' for what they gave.
 */
import type { Entry } from '../archive/entry.ts';
import type { Sha256 } from '../lib/sha256.ts';
import type { Servable } from '../swarm/library.ts';
import { HASH_BYTES } from '../torrent/merkle.ts';
import type { Pieces } from '../torrent/pieces.ts';
import type { FlightBytes } from './flight-bytes.ts';
import type { PieceWords } from './piece-words.ts';
import { HAVE } from './plan.ts';
import { FROM_ROOT, type Progress } from './progress.ts';

export class FlightServable implements Servable {
  readonly key: Sha256;
  readonly pieces: Pieces;
  readonly swarms: readonly string[];
  readonly whole = false;
  readonly #progress: Progress;
  readonly #bytes: FlightBytes;
  readonly #words: PieceWords;
  #tree: Servable['tree'];
  #closed = false;

  constructor(entry: Entry, pieces: Pieces, progress: Progress, bytes: FlightBytes, words: PieceWords) {
    this.key = entry.key;
    this.swarms = entry.swarms;
    this.pieces = pieces;
    this.#progress = progress;
    this.#bytes = bytes;
    this.#words = words;
  }

  hasPiece(index: number): boolean {
    if (this.#closed || this.#progress.state[index] !== HAVE) return false;
    if (this.#progress.origin[index] === FROM_ROOT) return true;
    const word = this.#words.of(index);
    if (!word || !this.#tree) return word !== undefined;
    const at = index * HASH_BYTES;
    return Buffer.compare(word.hash, this.#tree.layer.subarray(at, at + HASH_BYTES)) === 0;
  }

  read(offset: number, target: Uint8Array): boolean {
    if (this.#closed) return false;
    return this.#bytes.readInto(offset, target) === target.length;
  }

  get tree(): Servable['tree'] {
    return this.#tree;
  }

  get hearsay(): Servable['hearsay'] {
    return this.#tree ? undefined : this.#words;
  }

  /** A root is followed from now on (or no longer): it says what the pieces are. */
  follow(tree: Servable['tree']): void {
    this.#tree = tree;
  }

  rest(): void {}

  /** The flight has landed or dropped its bytes. */
  close(): void {
    this.#closed = true;
  }
}

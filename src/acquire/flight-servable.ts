/**
 * The part of a flight that peers may have already: pieces verified under the root that it follows. Its root is
 * hearsay (`whole` is false): whoever serves it relays somebody else's word and says so.
 */
import type { Entry } from '../archive/entry.ts';
import type { Sha256 } from '../lib/sha256.ts';
import type { Servable } from '../swarm/library.ts';
import type { Pieces } from '../torrent/pieces.ts';
import type { FlightBytes } from './flight-bytes.ts';
import { HAVE } from './plan.ts';
import { FROM_ROOT, type Progress } from './progress.ts';

export class FlightServable implements Servable {
  readonly key: Sha256;
  readonly pieces: Pieces;
  readonly swarms: readonly string[];
  readonly tree: { readonly root: Uint8Array; readonly layer: Uint8Array };
  readonly whole = false;
  readonly #progress: Progress;
  readonly #bytes: FlightBytes;
  #closed = false;

  constructor(
    entry: Entry,
    pieces: Pieces,
    progress: Progress,
    bytes: FlightBytes,
    tree: FlightServable['tree'],
  ) {
    this.key = entry.key;
    this.swarms = entry.swarms;
    this.pieces = pieces;
    this.tree = tree;
    this.#progress = progress;
    this.#bytes = bytes;
  }

  hasPiece(index: number): boolean {
    return (
      !this.#closed && this.#progress.state[index] === HAVE && this.#progress.origin[index] === FROM_ROOT
    );
  }

  read(offset: number, target: Uint8Array): boolean {
    if (this.#closed) return false;
    return this.#bytes.readInto(offset, target) === target.length;
  }

  rest(): void {}

  /** The flight has landed or dropped its bytes. */
  close(): void {
    this.#closed = true;
  }
}

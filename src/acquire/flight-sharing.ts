/**
 * What a flight gives on while the rest of its file still comes: pieces that are verified under a root, or whose hash is
 * known. It decides when others hear of what; what a piece is worth is FlightTrust's. What was given on and may be wrong
 * is taken back: what is asked for next gets new numbers, so often only.
 */
import type { Entry } from '../archive/entry.ts';
import type { Pieces } from '../torrent/pieces.ts';
import type { FlightBytes } from './flight-bytes.ts';
import type { FlightParts } from './flight-parts.ts';
import { FlightServable } from './flight-servable.ts';
import type { FlightTrust } from './flight-trust.ts';
import type { Progress } from './progress.ts';

/** What we share of a file is taken back so often; then it is kept to ourselves, as peers take no more new numbers than 16. */
const MAX_TAKEN_BACK = 8;

export interface SharedFlight {
  readonly entry: Entry;
  readonly pieces: Pieces;
  readonly progress: Progress;
}

export class FlightSharing {
  readonly #flight: SharedFlight;
  readonly #parts: FlightParts;
  readonly #trust: FlightTrust;
  readonly #bytes: FlightBytes;
  #servable: FlightServable | undefined;
  #takenBack = 0;

  constructor(flight: SharedFlight, parts: FlightParts, trust: FlightTrust, bytes: FlightBytes) {
    this.#flight = flight;
    this.#parts = parts;
    this.#trust = trust;
    this.#bytes = bytes;
  }

  /** A piece is here that may be given on. */
  piece(piece: number): void {
    const { entry, pieces, progress } = this.#flight;
    const { library, swarms } = this.#parts;
    if (entry.swarms.length === 0 || this.#takenBack > MAX_TAKEN_BACK) return;
    if (!this.#servable) {
      const { words, tree } = this.#trust;
      this.#servable = new FlightServable(entry, pieces, progress, this.#bytes, words);
      if (tree) this.#servable.follow(tree);
      library.grow(this.#servable);
      swarms.offer(this.#servable);
    } else if (this.#servable.hasPiece(piece)) {
      swarms.pieceVerified(this.#servable, piece);
    }
  }

  /** Another hash tree is followed, or none. */
  treeChanged(): void {
    if (!this.#servable) return;
    this.#servable.follow(this.#trust.tree);
    if (this.#trust.tree) this.#parts.swarms.offer(this.#servable);
  }

  stop(): void {
    if (!this.#servable) return;
    this.#servable.close();
    this.#parts.library.ungrow(this.#flight.entry.key);
    this.#servable = undefined;
  }

  /** What was given on may be wrong: all that was said of it is void. */
  takeBack(): void {
    if (!this.#servable) return;
    this.#takenBack += 1;
    this.stop();
    this.#parts.swarms.fileGone(this.#flight.entry.key);
  }
}

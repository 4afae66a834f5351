/**
 * Which block to ask a peer for next. A peer goes on with the pieces that are its own, then takes over what somebody
 * left, then begins the rarest piece that it has (picker.ts); when there is none left to begin it helps with a piece of
 * another's, and when all is asked for, whoever is idle asks again for what others owe (endgame). So as a rule a piece
 * comes from one peer, and it is known whose fault it is when it is wrong. Pure bookkeeping: it sends nothing and
 * checks nothing. Memory: pieces are begun up to a limit of bytes.
 */
import type { PieceBuffers } from '../swarm/piece-buffers.ts';
import { Picker } from './picker.ts';
import { PieceWork, type Receiving } from './piece-work.ts';

/** As much of a source as is looked at. */
export interface Giver {
  has(piece: number): boolean;
  /** Whether it may be asked for it now: a peer that chokes us allows a few pieces at most. */
  allows(piece: number): boolean;
  /** Blocks that it owes us. */
  readonly outstanding: number;
  owes(piece: number, block: number): boolean;
  /** It has sent what isn't the torrent's. */
  blamed(reason: string): void;
}

export type Work = PieceWork<Giver>;
export type Receipt = Receiving<Giver>;

export interface Ask {
  readonly work: Work;
  readonly block: number;
}

/** Most bytes of pieces that are under way; a first piece may always be begun. */
const MAX_OPEN_BYTES = 192 * 1024 * 1024;
/** In the endgame: whoever owes more than this asks for nothing that others owe. */
const ENDGAME_OUTSTANDING = 4;
/** By how many a block is asked for at most. */
const ENDGAME_ASKERS = 3;

export interface DownloadsOf {
  readonly pieceCount: number;
  /** What is to be fetched of a piece. */
  readonly wantedBytes: (piece: number) => number;
  readonly isSuspect: (piece: number) => boolean;
  readonly buffers: PieceBuffers;
  readonly draw: () => number;
}

export class Downloads {
  readonly picker: Picker;
  readonly #of: DownloadsOf;
  readonly #works = new Map<number, Work>();
  readonly #owned = new Map<Giver, Set<Work>>();
  #openBytes = 0;
  /** Grows whenever there may be something to begin that wasn't there before. */
  #news = 1;
  readonly #foundNone = new WeakMap<Giver, number>();

  constructor(of: DownloadsOf) {
    this.#of = of;
    this.picker = new Picker(of.pieceCount, of.draw);
  }

  /** Pieces under way. */
  get works(): ReadonlyMap<number, Work> {
    return this.#works;
  }

  /** Bytes that are here of pieces that aren't whole. */
  get partBytes(): number {
    let bytes = 0;
    for (const work of this.#works.values()) bytes += work.receivedBytes;
    return bytes;
  }

  want(piece: number): void {
    if (this.#works.has(piece)) return;
    this.picker.want(piece);
    this.#news += 1;
  }

  /** It has a piece that it hadn't, or may be asked for more than before. */
  hasMore(giver: Giver): void {
    this.#foundNone.delete(giver);
  }

  /** Asked for from now on; undefined when there is nothing to ask it for. */
  next(giver: Giver): Ask | undefined {
    for (const work of this.#owned.get(giver) ?? []) {
      const block = work.ask();
      if (block !== undefined) return { work, block };
    }
    const work = this.#leftOver(giver) ?? this.begin(giver);
    const block = work?.ask();
    if (work && block !== undefined) return { work, block };
    return this.#help(giver) ?? this.#endgame(giver);
  }

  /** Begins a piece: the rarest, or the one that is given. */
  begin(giver: Giver, chosen?: number): Work | undefined {
    if (this.#openBytes >= MAX_OPEN_BYTES) return undefined;
    if (chosen === undefined && this.#foundNone.get(giver) === this.#news) return undefined;
    const piece = chosen ?? this.picker.pick((p) => giver.has(p) && giver.allows(p));
    if (piece === undefined) {
      this.#foundNone.set(giver, this.#news);
      return undefined;
    }
    this.picker.unwant(piece);
    const work = new PieceWork<Giver>(
      piece,
      this.#of.wantedBytes(piece),
      this.#of.isSuspect(piece),
      this.#of.buffers,
    );
    this.#works.set(piece, work);
    this.#openBytes += work.sizeBytes;
    this.#own(giver, work);
    return work;
  }

  /** It is done with, whether it was right or not. Whoever wants it again says so. */
  end(work: Work): void {
    if (!this.#works.delete(work.piece)) return;
    this.#openBytes -= work.sizeBytes;
    if (work.owner) this.#owned.get(work.owner)?.delete(work);
    this.#news += 1;
  }

  /** It is gone, or can't be asked any more: its pieces are anybody's. */
  release(giver: Giver): void {
    for (const work of this.#owned.get(giver) ?? []) {
      work.owner = undefined;
      if (work.isSuspect || work.receivedBytes === 0) this.#drop(work);
    }
    this.#owned.delete(giver);
    this.#news += 1;
  }

  /** A block that was asked for won't come. */
  takeBack(work: Work, block: number): void {
    work.takeBack(block);
    this.#news += 1;
  }

  #own(giver: Giver, work: Work): void {
    work.owner = giver;
    const owned = this.#owned.get(giver);
    if (owned) owned.add(work);
    else this.#owned.set(giver, new Set([work]));
  }

  /** Begun in vain: as if it hadn't been. */
  #drop(work: Work): void {
    this.end(work);
    work.done();
    this.picker.want(work.piece);
  }

  #leftOver(giver: Giver): Work | undefined {
    for (const work of this.#works.values()) {
      if (work.owner || work.freeCount === 0 || !giver.has(work.piece) || !giver.allows(work.piece)) continue;
      this.#own(giver, work);
      return work;
    }
    return undefined;
  }

  #help(giver: Giver): Ask | undefined {
    for (const work of this.#works.values()) {
      if (work.freeCount === 0 || work.isSuspect) continue;
      if (!giver.has(work.piece) || !giver.allows(work.piece)) continue;
      const block = work.ask();
      if (block !== undefined) return { work, block };
    }
    return undefined;
  }

  /** All is asked for. */
  #endgame(giver: Giver): Ask | undefined {
    if (giver.outstanding >= ENDGAME_OUTSTANDING || this.picker.wanted > 0) return undefined;
    for (const work of this.#works.values()) {
      if (work.isSuspect || !giver.has(work.piece) || !giver.allows(work.piece)) continue;
      for (let block = 0; block < work.blocks; block += 1) {
        const mayAsk = !work.isHere(block) && work.askers(block) < ENDGAME_ASKERS;
        if (!mayAsk || giver.owes(work.piece, block)) continue;
        work.askAlso(block);
        return { work, block };
      }
    }
    return undefined;
  }
}

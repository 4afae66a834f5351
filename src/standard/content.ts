/**
 * A torrent's bytes, as far as they are here: what we have, what is wanted, what is on its way, and whether what came is
 * right. Only verified pieces are written. It knows no peers but as givers.
 */
import { log } from '../lib/log.ts';
import type { PieceBuffers } from '../swarm/piece-buffers.ts';
import type { PieceLayers } from '../torrent/piece-layers.ts';
import { Bitfield } from './bitfield.ts';
import { Blame } from './blame.ts';
import { Downloads, type Giver, type Work } from './downloads.ts';
import { Layout, type LayoutFile } from './layout.ts';
import { PieceCheck } from './piece-check.ts';
import type { TorrentStorage } from './storage.ts';

/** As much of a torrent's file as matters here. */
export interface ContentOf {
  readonly pieceLength: number;
  readonly files: readonly LayoutFile[];
  readonly pieces: Uint8Array | undefined;
  readonly layers: PieceLayers;
}

export interface ContentOptions {
  readonly torrent: ContentOf;
  readonly layout: Layout;
  readonly storage: TorrentStorage;
  readonly buffers: PieceBuffers;
  readonly draw: () => number;
}

/** Hashed at the start before the event loop gets its turn. */
const CHECK_TURN_BYTES = 8 * 1024 * 1024;

const diary = log.withTag('torrent');

export class Content {
  readonly layout: Layout;
  readonly check: PieceCheck;
  readonly have: Bitfield;
  readonly downloads: Downloads;
  /** How often we have begun to send each piece. */
  readonly given: Uint16Array;
  readonly #storage: TorrentStorage;
  readonly #blame = new Blame<Giver>();
  #haveBytes = 0;

  constructor({ torrent, layout, storage, buffers, draw }: ContentOptions) {
    this.layout = layout;
    this.#storage = storage;
    this.check = new PieceCheck(layout, torrent);
    this.have = new Bitfield(layout.pieceCount);
    this.given = new Uint16Array(layout.pieceCount);
    this.downloads = new Downloads({
      pieceCount: layout.pieceCount,
      wantedBytes: (piece) => layout.wantedBytes(piece),
      isSuspect: (piece) => this.#blame.isSuspect(piece),
      buffers,
      draw,
    });
  }

  static layoutOf({ pieceLength, files, pieces }: ContentOf): Layout {
    return new Layout({ pieceLength, files, isV1: pieces !== undefined });
  }

  get isReadOnly(): boolean {
    return this.#storage.isReadOnly ?? false;
  }

  get isComplete(): boolean {
    return this.have.isFull;
  }

  /** Verified, without padding. */
  get haveBytes(): number {
    return this.#haveBytes;
  }

  get missing(): number {
    return this.have.length - this.have.count;
  }

  /** Hashes what may be here from before; what isn't right is fetched again. `pause` lets others have their turn. */
  async checkClaimed(
    pause: () => Promise<void>,
    progress: (bytes: number) => void = () => {},
  ): Promise<void> {
    let untilPause = CHECK_TURN_BYTES;
    for (const piece of this.#storage.sure?.() ?? []) this.#got(piece);
    const buffer = new Uint8Array(this.layout.pieceLength);
    for (const piece of this.#storage.claimed()) {
      if (this.have.has(piece) || !this.check.canCheck(piece)) continue;
      const bytes = buffer.subarray(0, this.layout.wantedBytes(piece));
      const isHere = this.#storage.read(this.layout.offset(piece), bytes);
      if (isHere && this.check.check(piece, bytes) === 'right') {
        this.#got(piece);
        this.#storage.confirmed(piece);
      }
      progress(bytes.length);
      untilPause -= bytes.length;
      if (untilPause > 0) continue;
      untilPause = CHECK_TURN_BYTES;
      await pause();
    }
    this.#storage.checked();
  }

  /** What isn't here and can be checked is to be fetched. Pieces of nothing but padding are had for nothing. */
  wantMissing(): void {
    if (this.isReadOnly) return;
    for (let piece = 0; piece < this.layout.pieceCount; piece += 1) {
      if (this.have.has(piece) || !this.check.canCheck(piece)) continue;
      if (this.layout.wantedBytes(piece) === 0) this.#takeEmpty(piece);
      else this.downloads.want(piece);
    }
  }

  /**
   * All bytes of a piece have come. `written`: they are right, and can be read from now on; perhaps at once. It counts as
   * under way until then, so that what waits for the disk is bounded, too. False: they were wrong.
   * `failed`: the disk doesn't take them, or the torrent contradicts itself.
   */
  finish(work: Work, written: () => void, failed: (error: Error) => void): boolean {
    const { piece, bytes } = work;
    const verdict = this.check.check(piece, bytes);
    if (verdict === 'contradiction') {
      failed(new Error(`the torrent is wrong: its v1 and v2 hashes of piece ${piece} contradict each other`));
      return true;
    }
    if (verdict === 'wrong') {
      const liar = this.#blame.wrong(piece, bytes, work.senders);
      diary.debug(`piece ${piece} is wrong`);
      this.downloads.end(work);
      work.done();
      this.downloads.want(piece);
      liar?.blamed('a wrong piece');
      return false;
    }
    const done = () => {
      this.downloads.end(work);
      this.#got(piece);
      const liars = this.#blame.right(piece, bytes);
      work.done();
      for (const liar of liars) liar.blamed('a wrong block');
      written();
    };
    try {
      const writing = this.#storage.write(piece, bytes);
      if (writing !== undefined) writing.then(done).catch((error: unknown) => failed(error as Error));
      else done();
    } catch (error) {
      failed(error as Error);
    }
    return true;
  }

  /** False when it isn't there any more. */
  read(offset: number, into: Uint8Array): boolean {
    return this.#storage.read(offset, into);
  }

  /** It is here, without having been fetched. False where it was here before. */
  came(piece: number): boolean {
    if (this.have.has(piece)) return false;
    this.#got(piece);
    return true;
  }

  /** It isn't here any more. */
  lost(piece: number): boolean {
    if (!this.have.clear(piece)) return false;
    this.#haveBytes -= this.layout.wantedBytes(piece);
    if (!this.isReadOnly) this.downloads.want(piece);
    return true;
  }

  close(): Promise<void> {
    return this.#storage.close();
  }

  #takeEmpty(piece: number): void {
    if (this.check.check(piece, new Uint8Array(0)) === 'right') this.#got(piece);
  }

  #got(piece: number): void {
    if (this.have.set(piece)) this.#haveBytes += this.layout.wantedBytes(piece);
    this.downloads.picker.unwant(piece);
  }
}

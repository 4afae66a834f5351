/**
 * What one peer says it has. Before we know how many pieces there are (a magnet link) it is kept as it was said, and
 * judged when that is known. Bounded: bitfields have a budget, early HAVEs a limit. Throws ProtocolError for pieces that
 * there are not. Pure but for the times handed in. Source: BEP 3, BEP 6.
 */
import { Budget } from '../lib/budget.ts';
import { ProtocolError } from '../lib/errors.ts';
import type { Message } from '../wire/message.ts';
import { Bitfield } from './bitfield.ts';

/** Pieces looked at for bitfields: at once, and a second; so many at least for each. */
const BITFIELD_PIECES = 2_000_000;
const BITFIELD_PIECES_A_SECOND = 1_000_000;
const LEAST_BITFIELD_PIECES = 1_000;
/** HAVEs that come before we know how many pieces there are. */
const MAX_EARLY_HAVES = 65_536;

export class SaidPieces {
  #has: Bitfield | undefined;
  readonly #budget: Budget;
  /** What it said it has before we knew how many pieces there are. */
  #early: { bits?: Uint8Array; all?: boolean; pieces: Set<number> } = { pieces: new Set() };

  constructor(nowMs: number) {
    this.#budget = new Budget(BITFIELD_PIECES, BITFIELD_PIECES_A_SECOND, nowMs);
  }

  /** Undefined while we don't know how many pieces there are. */
  get known(): Bitfield | undefined {
    return this.#has;
  }

  /** It has said nothing yet, and we know already. */
  begin(pieceCount: number): void {
    this.#has = new Bitfield(pieceCount);
  }

  /** We know now: what it has said counts. */
  contentKnown(pieceCount: number): void {
    const { bits, all, pieces } = this.#early;
    this.#early = { pieces: new Set() };
    if (this.#has) return;
    this.#has = bits
      ? new Bitfield(pieceCount, bits)
      : all
        ? Bitfield.full(pieceCount)
        : new Bitfield(pieceCount);
    for (const piece of pieces) this.#has.set(checked(this.#has, piece));
  }

  /** `pieceCount`: 0 while it isn't known. */
  saysAll(
    message: Extract<Message, { type: 'bitfield' | 'have-all' | 'have-none' }>,
    pieceCount: number,
    nowMs: number,
  ): void {
    // It is to come once and first, but aria2 sends one in place of many HAVEs.
    if (!this.#budget.spend(Math.max(pieceCount, LEAST_BITFIELD_PIECES), nowMs))
      throw new ProtocolError('says again and again what it has');
    if (!this.#has) {
      if (message.type === 'bitfield') this.#early.bits = message.bits;
      this.#early.all = message.type === 'have-all';
      return;
    }
    if (message.type === 'bitfield') this.#has = new Bitfield(pieceCount, message.bits);
    else this.#has = message.type === 'have-all' ? Bitfield.full(pieceCount) : new Bitfield(pieceCount);
  }

  /** True when that is news of a piece that there is. */
  saysHave(piece: number): boolean {
    if (this.#has) return this.#has.set(checked(this.#has, piece));
    if (this.#early.pieces.size >= MAX_EARLY_HAVES) throw new ProtocolError('says have too often');
    this.#early.pieces.add(piece);
    return false;
  }

  /** True when that is news of a piece that there is (BEP 54). */
  saysGone(piece: number): boolean {
    if (this.#has) return this.#has.clear(checked(this.#has, piece));
    this.#early.pieces.delete(piece);
    return false;
  }
}

function checked(has: Bitfield, piece: number): number {
  if (piece >= has.length) throw new ProtocolError(`there is no piece ${piece}`);
  return piece;
}

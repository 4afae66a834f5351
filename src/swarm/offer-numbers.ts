/**
 * Which offer of one peer a piece number of it means. It decides what numbers an offer may have: none of another open
 * offer (one of two pieces under one number would be waited for for ever), and new ones for the same file only so often,
 * as whoever looks for it begins anew each time. HAVE comes for every piece of every file, so a look-up doesn't walk
 * through the offers. docs/protocol.md "Numbers of pieces".
 */
import { ProtocolError } from '../lib/errors.ts';
import { NUMBER_LIMIT } from '../wire/archive-ext.ts';
import type { Offer } from './offer.ts';

/** How often a peer may lose a file, and have it again under new numbers, while we look for it. */
const MAX_RENUMBERED = 16;

export class OfferNumbers {
  /** By first number, ascending; their ranges don't touch. */
  readonly #offers: Offer[] = [];
  /** By want number. */
  readonly #renumbered = new Map<number, number>();

  /** Throws ProtocolError for numbers that it can't have. */
  add(offer: Offer): void {
    const end = endOf(offer);
    if (end > NUMBER_LIMIT) throw new ProtocolError('piece numbers too high');
    const at = this.#after(offer.firstPiece);
    const [before, behind] = [this.#offers[at - 1], this.#offers[at]];
    if ((before && endOf(before) > offer.firstPiece) || (behind && behind.firstPiece < end))
      throw new ProtocolError('a piece number for two files');
    this.#offers.splice(at, 0, offer);
  }

  /** The peer had lost the file and has it again: the old numbers are void. Throws ProtocolError when that is too often. */
  renumber(old: Offer): void {
    const { number } = old.want;
    const times = (this.#renumbered.get(number) ?? 0) + 1;
    if (times > MAX_RENUMBERED) throw new ProtocolError('new piece numbers for one file again and again');
    this.#renumbered.set(number, times);
    this.#take(old);
  }

  /** Its want is over. */
  remove(offer: Offer): void {
    this.#renumbered.delete(offer.want.number);
    this.#take(offer);
  }

  /** A copy: whoever is told of them may end a want. */
  offers(): Offer[] {
    return [...this.#offers];
  }

  find(number: number): Offer | undefined {
    const offer = this.#offers[this.#after(number) - 1];
    return offer?.owns(number) ? offer : undefined;
  }

  #take(offer: Offer): void {
    const at = this.#after(offer.firstPiece) - 1;
    if (this.#offers[at] === offer) this.#offers.splice(at, 1);
  }

  /** How many begin at or before this number. */
  #after(number: number): number {
    let low = 0;
    let high = this.#offers.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#offers[middle] as Offer).firstPiece <= number) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** A file without pieces takes one number, too. */
function endOf({ firstPiece, pieces }: Offer): number {
  return firstPiece + Math.max(1, pieces.count);
}

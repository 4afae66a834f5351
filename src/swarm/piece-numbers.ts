/**
 * The numbers that we gave to pieces on one connection: each file that is offered has a run of its own, never used
 * again. Decides which piece of which file a number means now; what is done with it is Uploads'.
 * docs/protocol.md "Numbers of pieces".
 */
import { ProtocolError } from '../lib/errors.ts';
import type { Sha256 } from '../lib/sha256.ts';
import { NUMBER_LIMIT } from '../wire/archive-ext.ts';
import type { Servable } from './library.ts';

/** A file as it was offered under a want. */
export interface Given {
  readonly want: number;
  /** The number of its first piece. */
  readonly first: number;
  servable: Servable;
}

export class PieceNumbers {
  /** By first number, ascending. */
  readonly #given: Given[] = [];
  readonly #byWant = new Map<number, Given>();
  readonly #byKey = new Map<Sha256, Given>();
  #next = 0;

  /** Files that are offered. */
  get size(): number {
    return this.#given.length;
  }

  /** How many more pieces can be given a number. */
  get left(): number {
    return NUMBER_LIMIT - this.#next;
  }

  isGiven(number: number): boolean {
    return number < this.#next;
  }

  /** Numbers for what is offered under `want`: those it has, or the next free ones. Throws ProtocolError when they are used up. */
  give(want: number, servable: Servable): Given {
    if (this.#next + servable.pieces.count > NUMBER_LIMIT) throw new ProtocolError('piece numbers used up');
    const given = { want, first: this.#next, servable };
    this.#next += Math.max(1, servable.pieces.count);
    this.#given.push(given);
    this.#byWant.set(want, given);
    this.#byKey.set(servable.key, given);
    return given;
  }

  of(want: number): Given | undefined {
    return this.#byWant.get(want);
  }

  ofKey(key: Sha256): Given | undefined {
    return this.#byKey.get(key);
  }

  ofRoot(root: Uint8Array): Given | undefined {
    return this.#given.find(({ servable }) => {
      const own = servable.tree?.root;
      return own !== undefined && Buffer.compare(own, root) === 0;
    });
  }

  /** Void from now on. */
  takeBack(given: Given): void {
    this.#byWant.delete(given.want);
    if (this.#byKey.get(given.servable.key) === given) this.#byKey.delete(given.servable.key);
    this.#given.splice(this.#given.indexOf(given), 1);
  }

  /** The file whose piece has this number; undefined when it was taken back. */
  find(number: number): Given | undefined {
    let low = 0;
    let high = this.#given.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const given = this.#given[middle] as Given;
      if (number < given.first) high = middle - 1;
      else if (number >= given.first + given.servable.pieces.count) low = middle + 1;
      else return given;
    }
    return undefined;
  }
}

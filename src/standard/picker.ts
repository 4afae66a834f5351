/**
 * Which piece to begin next: the rarest of those that a peer has and we want, one of them by lot. Pure: it knows how
 * often each piece is to be had, and keeps the wanted ones in that order (libtorrent's way: a row of pieces, sorted by
 * rarity, in which a piece moves by swapping with the border of its neighbours), so that a HAVE costs no more than a swap.
 * Who has all pieces is counted once, not for each piece.
 */
export class Picker {
  /** Wanted pieces, the rarest first; behind them nothing. */
  readonly #order: Uint32Array;
  /** Of each piece: where it stands in the order; -1 when it isn't wanted (had, or begun). */
  readonly #at: Int32Array;
  readonly #rarity: Uint16Array;
  /** Where the pieces of each rarity begin; one more at the end. */
  readonly #begin: number[] = [0];
  readonly #draw: () => number;
  #length = 0;

  /** No piece is wanted at first. */
  constructor(pieceCount: number, draw: () => number) {
    this.#order = new Uint32Array(pieceCount);
    this.#at = new Int32Array(pieceCount).fill(-1);
    this.#rarity = new Uint16Array(pieceCount);
    this.#draw = draw;
  }

  /** Wanted pieces that nobody has begun. */
  get wanted(): number {
    return this.#length;
  }

  isWanted(piece: number): boolean {
    return (this.#at[piece] as number) >= 0;
  }

  /** Peers that have it, those that have all not counted. */
  rarity(piece: number): number {
    return this.#rarity[piece] as number;
  }

  /** It is to be fetched (again). */
  want(piece: number): void {
    if (this.isWanted(piece)) return;
    const rarity = this.#rarity[piece] as number;
    this.#growTo(rarity + 1);
    // From the end, border by border, to where its like end.
    let at = this.#length;
    this.#length += 1;
    for (let r = this.#begin.length - 1; r > rarity; r -= 1) {
      const first = this.#begin[r] as number;
      this.#put(this.#order[first] as number, at, first !== at);
      at = first;
      this.#begin[r] = first + 1;
    }
    this.#put(piece, at, true);
    this.#shuffleIn(at, rarity);
  }

  /** It is had, or somebody fetches it. */
  unwant(piece: number): void {
    const from = this.#at[piece] as number;
    if (from < 0) return;
    let at = from;
    for (let r = (this.#rarity[piece] as number) + 1; r < this.#begin.length; r += 1) {
      const last = (this.#begin[r] as number) - 1;
      this.#put(this.#order[last] as number, at, last !== at);
      at = last;
      this.#begin[r] = last;
    }
    this.#length -= 1;
    this.#at[piece] = -1;
  }

  /** One more peer has it. */
  seen(piece: number): void {
    const rarity = this.#rarity[piece] as number;
    if (rarity === 0xffff) return;
    const wanted = this.isWanted(piece);
    if (wanted) this.#moveTo(piece, rarity + 1);
    this.#rarity[piece] = rarity + 1;
    if (wanted) this.#shuffleIn(this.#at[piece] as number, rarity + 1);
  }

  /** One peer less has it. */
  gone(piece: number): void {
    const rarity = this.#rarity[piece] as number;
    if (rarity === 0) return;
    const wanted = this.isWanted(piece);
    if (wanted) this.#moveTo(piece, rarity - 1);
    this.#rarity[piece] = rarity - 1;
    if (wanted) this.#shuffleIn(this.#at[piece] as number, rarity - 1);
  }

  /** The rarest wanted piece that `has` says yes to; undefined when there is none. It stays wanted. */
  pick(has: (piece: number) => boolean): number | undefined {
    for (let i = 0; i < this.#length; i += 1) {
      const piece = this.#order[i] as number;
      if (has(piece)) return piece;
    }
    return undefined;
  }

  /** Its neighbour in rarity is next door: it only has to be swapped over the border. */
  #moveTo(piece: number, rarity: number): void {
    const old = this.#rarity[piece] as number;
    const at = this.#at[piece] as number;
    this.#growTo(rarity + 1);
    if (rarity > old) {
      const last = (this.#begin[old + 1] as number) - 1;
      this.#swap(at, last);
      this.#begin[old + 1] = last;
    } else {
      const first = this.#begin[old] as number;
      this.#swap(at, first);
      this.#begin[old] = first + 1;
    }
  }

  /** To a place by lot among its like. */
  #shuffleIn(at: number, rarity: number): void {
    const from = this.#begin[rarity] as number;
    const to = this.#begin[rarity + 1] ?? this.#length;
    this.#swap(at, from + Math.min(to - from - 1, Math.floor(this.#draw() * (to - from))));
  }

  #swap(a: number, b: number): void {
    if (a === b) return;
    const one = this.#order[a] as number;
    this.#put(this.#order[b] as number, a, true);
    this.#put(one, b, true);
  }

  #put(piece: number, at: number, moves: boolean): void {
    if (!moves) return;
    this.#order[at] = piece;
    this.#at[piece] = at;
  }

  #growTo(length: number): void {
    while (this.#begin.length <= length) this.#begin.push(this.#length);
  }
}

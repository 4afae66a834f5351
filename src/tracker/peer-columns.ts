/**
 * The peers of one swarm and one address family as packed numbers: 8 bytes for an IPv4 peer, 20 for an IPv6 one.
 * A peer is the words of its address and one more: port (16 bits), whether it has all (1), and when it was last heard
 * of in steps of eight seconds, which go round after three days (15). Knows no order and no limits; see peer-list.ts.
 */

export type CompactWidth = 6 | 18;

const STEP_SECONDS = 8;
const STEP_MASK = 0x7fff;
const COMPLETE_BIT = 0x8000;
const FIRST_CAPACITY = 4;

export class PeerColumns {
  readonly width: CompactWidth;
  /** Words of a peer. */
  readonly #stride: 2 | 5;
  #words: Uint32Array;

  constructor(width: CompactWidth) {
    this.width = width;
    this.#stride = width === 6 ? 2 : 5;
    this.#words = new Uint32Array((FIRST_CAPACITY + 1) * this.#stride);
  }

  /** Peers that have room. One slot more exists, for moving peers about. */
  get capacity(): number {
    return this.#words.length / this.#stride - 1;
  }

  /** By a half: less waste than by doubling when there are many. */
  grow(): void {
    this.#resize(Math.max(FIRST_CAPACITY * 2, Math.ceil(this.capacity * 1.5)));
  }

  /** Gives back room when most is unused; whether it did. */
  shrinkTo(size: number): boolean {
    if (size * 4 >= this.capacity || this.capacity <= 16) return false;
    this.#resize(Math.max(16, size * 2));
    return true;
  }

  /** Writes address and port. */
  setKey(slot: number, compact: Uint8Array): void {
    const at = slot * this.#stride;
    const addressWords = this.#stride - 1;
    for (let i = 0; i < addressWords; i += 1) this.#words[at + i] = wordAt(compact, 4 * i);
    this.#words[at + addressWords] = portWord(compact);
  }

  setSeen(slot: number, seconds: number): void {
    const at = this.#metaAt(slot);
    this.#words[at] =
      ((this.#words[at] as number) & ~STEP_MASK) | (Math.floor(seconds / STEP_SECONDS) & STEP_MASK);
  }

  /** Seconds since the peer was heard of, to eight seconds. */
  ageSeconds(slot: number, nowSeconds: number): number {
    const seen = (this.#words[this.#metaAt(slot)] as number) & STEP_MASK;
    return ((Math.floor(nowSeconds / STEP_SECONDS) - seen) & STEP_MASK) * STEP_SECONDS;
  }

  isComplete(slot: number): boolean {
    return ((this.#words[this.#metaAt(slot)] as number) & COMPLETE_BIT) !== 0;
  }

  setComplete(slot: number, complete: boolean): void {
    const at = this.#metaAt(slot);
    this.#words[at] = ((this.#words[at] as number) & ~COMPLETE_BIT) | (complete ? COMPLETE_BIT : 0);
  }

  hasKey(slot: number, compact: Uint8Array): boolean {
    const at = slot * this.#stride;
    const last = at + this.#stride - 1;
    if ((this.#words[last] as number) >>> 16 !== portWord(compact) >>> 16) return false;
    for (let i = at; i < last; i += 1) if (this.#words[i] !== wordAt(compact, 4 * (i - at))) return false;
    return true;
  }

  copy(from: number, to: number): void {
    const at = from * this.#stride;
    this.#words.copyWithin(to * this.#stride, at, at + this.#stride);
  }

  /** A word of the address; 0 is the first. */
  word(slot: number, index: number): number {
    return this.#words[slot * this.#stride + index] as number;
  }

  port(slot: number): number {
    return (this.#words[this.#metaAt(slot)] as number) >>> 16;
  }

  /** Writes the peer as 6 or 18 bytes. */
  write(slot: number, to: Uint8Array, at: number): void {
    const from = slot * this.#stride;
    const addressWords = this.#stride - 1;
    let end = at;
    for (let i = 0; i < addressWords; i += 1) {
      const word = this.#words[from + i] as number;
      to[end] = word >>> 24;
      to[end + 1] = word >>> 16;
      to[end + 2] = word >>> 8;
      to[end + 3] = word;
      end += 4;
    }
    const port = (this.#words[from + addressWords] as number) >>> 16;
    to[end] = port >>> 8;
    to[end + 1] = port;
  }

  #metaAt(slot: number): number {
    return (slot + 1) * this.#stride - 1;
  }

  #resize(capacity: number): void {
    const words = new Uint32Array((capacity + 1) * this.#stride);
    words.set(this.#words.subarray(0, words.length));
    this.#words = words;
  }
}

/** Four bytes of a compact peer. */
export function wordAt(compact: Uint8Array, at: number): number {
  const high = ((compact[at] as number) << 24) | ((compact[at + 1] as number) << 16);
  return (high | ((compact[at + 2] as number) << 8) | (compact[at + 3] as number)) >>> 0;
}

function portWord(compact: Uint8Array): number {
  const { length } = compact;
  return (((compact[length - 2] as number) << 24) | ((compact[length - 1] as number) << 16)) >>> 0;
}

/**
 * What peers have stated of single pieces of one file as their own word: who, of which piece, which hash; for the
 * judgement when the right file is here, and for telling meanwhile what rests on whom. Bounded, and so that nobody can
 * hide behind others: each speaker has one word a piece, and when there are too many the one with most loses its last.
 */
import type { Peer } from '../swarm/peer.ts';
import { speakerId } from '../swarm/speaker.ts';

export interface StatedWord {
  readonly peer: Peer;
  readonly piece: number;
  readonly hash: Uint8Array;
}

/** Eight whole files of the most pieces; some 150 bytes each. */
export const MAX_STATED_WORDS = 16_384;
/** Five times as many as can be connected; the first to speak is forgotten. */
const MAX_SPEAKERS = 1_024;

interface Words {
  readonly byPiece: Map<number, StatedWord>;
  /** In the order in which they were said. */
  readonly said: StatedWord[];
}

export class StatedWords {
  /** By speaker, then by piece, the first said first. */
  readonly #speakers = new Map<string, Words>();
  /** The same by piece. */
  readonly #pieces = new Map<number, Set<StatedWord>>();
  readonly #doubted = new Set<string>();
  readonly #ids = new WeakMap<Peer, string>();
  #count = 0;

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** What it said first of a piece stands. */
  add(peer: Peer, piece: number, hash: Uint8Array): void {
    const id = this.#idOf(peer);
    const words = this.#speakers.get(id) ?? this.#newSpeaker(id);
    if (words.byPiece.has(piece)) return;
    const word = { peer, piece, hash };
    words.byPiece.set(piece, word);
    words.said.push(word);
    const here = this.#pieces.get(piece) ?? new Set();
    this.#pieces.set(piece, here);
    here.add(word);
    this.#count += 1;
    if (this.#count > MAX_STATED_WORDS) this.#dropLastOf(this.#wordiest());
  }

  on(piece: number): Iterable<StatedWord> {
    return this.#pieces.get(piece) ?? [];
  }

  *all(): Generator<StatedWord> {
    for (const { said } of this.#speakers.values()) yield* said;
  }

  /** False when it was doubted already. */
  doubt(peer: Peer): boolean {
    const id = this.#idOf(peer);
    if (this.#doubted.has(id)) return false;
    this.#doubted.add(id);
    return true;
  }

  isDoubted(peer: Peer): boolean {
    return this.#doubted.size > 0 && this.#doubted.has(this.#idOf(peer));
  }

  trustAll(): void {
    this.#doubted.clear();
  }

  /** Doubted speakers have stated this, and nobody else has. */
  isDoubtful(piece: number, hash: Uint8Array): boolean {
    if (this.#doubted.size === 0) return false;
    let isDoubtful = false;
    for (const word of this.on(piece)) {
      if (Buffer.compare(word.hash, hash) !== 0) continue;
      if (!this.isDoubted(word.peer)) return false;
      isDoubtful = true;
    }
    return isDoubtful;
  }

  #idOf(peer: Peer): string {
    const known = this.#ids.get(peer) ?? speakerId(peer);
    this.#ids.set(peer, known);
    return known;
  }

  #newSpeaker(id: string): Words {
    const words: Words = { byPiece: new Map(), said: [] };
    this.#speakers.set(id, words);
    if (this.#speakers.size > MAX_SPEAKERS) {
      const [oldest] = this.#speakers;
      while (oldest && oldest[1].said.length > 0) this.#dropLastOf(oldest[1]);
      if (oldest) this.#speakers.delete(oldest[0]);
    }
    return words;
  }

  #wordiest(): Words | undefined {
    let most: Words | undefined;
    for (const words of this.#speakers.values())
      if (words.said.length > (most?.said.length ?? 0)) most = words;
    return most;
  }

  #dropLastOf(words: Words | undefined): void {
    const last = words?.said.pop();
    if (!last) return;
    words?.byPiece.delete(last.piece);
    this.#pieces.get(last.piece)?.delete(last);
    this.#count -= 1;
  }
}

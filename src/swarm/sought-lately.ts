/**
 * Which files a peer has looked for and no longer does: it is likely to have them, so its answer is worth a round trip
 * where others' are not. A hint, never a fact: four bytes of each key, the last few hundred. docs/protocol.md "The plan".
 */
import type { Sha256 } from '../lib/sha256.ts';

const MAX_SOUGHT = 512;

export class SoughtLately {
  /** Grows as it is needed: most peers look for little or nothing while we know them. */
  readonly #hints: number[] = [];
  #count = 0;

  add(key: Sha256): void {
    this.#hints[this.#count % MAX_SOUGHT] = hintOf(key);
    this.#count += 1;
  }

  has(key: Sha256): boolean {
    return this.#hints.includes(hintOf(key));
  }
}

function hintOf(key: Sha256): number {
  return Number.parseInt(key.slice(0, 8), 16);
}

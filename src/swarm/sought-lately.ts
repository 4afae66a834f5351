/**
 * Which files a peer has looked for and no longer does: it is likely to have them, so its answer is worth a round trip
 * where others' are not. A hint, never a fact: four bytes of each key, the last few hundred. docs/protocol.md "The plan".
 */
import type { Sha256 } from '../lib/sha256.ts';

const MAX_SOUGHT = 512;

export class SoughtLately {
  #hints = new Uint32Array(0);
  #count = 0;

  add(key: Sha256): void {
    // Most peers look for nothing while we know them.
    if (this.#hints.length === 0) this.#hints = new Uint32Array(MAX_SOUGHT);
    this.#hints[this.#count % MAX_SOUGHT] = hintOf(key);
    this.#count += 1;
  }

  has(key: Sha256): boolean {
    const at = this.#hints.indexOf(hintOf(key));
    return at >= 0 && at < this.#count;
  }
}

function hintOf(key: Sha256): number {
  return Number.parseInt(key.slice(0, 8), 16);
}

/**
 * The swarms that a tracker serves when its operator has named some: info-hashes. Whether a
 * .dtorrent file or a command line gave them is for the caller.
 */
import { swarmKey } from './swarm-key.ts';

export class AllowedSwarms {
  readonly #keys: ReadonlySet<string>;

  /** 20 bytes each. */
  constructor(infoHashes: Iterable<Uint8Array>) {
    this.#keys = new Set(Array.from(infoHashes, swarmKey));
  }

  get size(): number {
    return this.#keys.size;
  }

  has(infoHash: Uint8Array): boolean {
    return this.#keys.has(swarmKey(infoHash));
  }
}

/** The 20 bytes of 40 hexadecimal digits, or undefined for any other text. */
export function parseInfoHash(text: string): Uint8Array | undefined {
  return /^[0-9a-f]{40}$/i.test(text) ? Uint8Array.fromHex(text) : undefined;
}

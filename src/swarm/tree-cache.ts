/**
 * Hash trees of stored files (piece layer and root), by key: whoever asks for a file again, and whoever else asks for
 * it, gets the same object, so that neither a root is computed (1 ms for 2,048 pieces) nor a layer kept once for each
 * want of each peer. Trees never go stale: a key stands for one content. Bounded: who was used longest ago goes.
 */
import type { Sha256 } from '../lib/sha256.ts';
import { layerRoot } from '../torrent/merkle.ts';
import type { Pieces } from '../torrent/pieces.ts';

export interface FileTree {
  readonly root: Uint8Array;
  readonly layer: Uint8Array;
}

/** Layers are 1/8192 of the files at most: all of 256 GiB. */
export const MAX_TREE_BYTES = 32 * 1024 * 1024;
/** A root and what keeps it. */
const ENTRY_BYTES = 512;

export class TreeCache {
  readonly #maxBytes: number;
  /** The longest unused first. */
  readonly #trees = new Map<Sha256, FileTree>();
  #bytes = 0;

  constructor(maxBytes = MAX_TREE_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** `layer` says the piece layer, and is called only when it has to be; undefined when that gives none. */
  get(key: Sha256, pieces: Pieces, layer: () => Uint8Array | undefined): FileTree | undefined {
    const known = this.#trees.get(key);
    if (known) {
      this.#trees.delete(key);
      this.#trees.set(key, known);
      return known;
    }
    const bytes = layer();
    return bytes?.length === pieces.count * 32 ? this.#add(key, pieces, bytes) : undefined;
  }

  #add(key: Sha256, pieces: Pieces, layer: Uint8Array): FileTree {
    const tree = { layer, root: layerRoot(layer, pieces) };
    this.#trees.set(key, tree);
    this.#bytes += layer.length + ENTRY_BYTES;
    for (const [oldest, { layer: old }] of this.#trees) {
      if (this.#bytes <= this.#maxBytes) break;
      this.#trees.delete(oldest);
      this.#bytes -= old.length + ENTRY_BYTES;
    }
    return tree;
  }
}

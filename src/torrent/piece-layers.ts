/**
 * BEP 52's piece layers: for every file longer than a piece, the hashes of its pieces, which lead to the root that `info`
 * states. They stand outside `info`, so a wrong one would be noticed by nobody's info-hash: none is kept unchecked.
 * Throws ProtocolError. Pure.
 */
import { ProtocolError } from '../lib/errors.ts';
import { HASH_BYTES, rootOf } from './merkle.ts';
import { BLOCK_BYTES, log2Ceil } from './pieces.ts';

/** By root (hexadecimal); 32 bytes a piece, without the tree's padding. */
export type PieceLayers = ReadonlyMap<string, Uint8Array>;

export interface LayeredFile {
  readonly sizeBytes: number;
  readonly piecesRoot?: Uint8Array | undefined;
}

/** Whether such a file has a layer: it is longer than one piece. */
export function needsLayer(file: LayeredFile, pieceLength: number): boolean {
  return file.piecesRoot !== undefined && file.sizeBytes > pieceLength;
}

/** Whether `layer` is what its root says: of the right length, and hashing up to it. For files that need one. */
export function isLayerOf(file: LayeredFile, pieceLength: number, layer: Uint8Array): boolean {
  const { sizeBytes, piecesRoot } = file;
  if (piecesRoot === undefined || layer.length !== Math.ceil(sizeBytes / pieceLength) * HASH_BYTES)
    return false;
  const layerHeight = log2Ceil(pieceLength / BLOCK_BYTES);
  const treeHeight = log2Ceil(Math.ceil(sizeBytes / BLOCK_BYTES));
  return Buffer.compare(rootOf(layer, layerHeight, treeHeight), piecesRoot) === 0;
}

/**
 * Those that the files need, each checked once; others are left out. `find` gives the layer stated for a root.
 * Throws where one is missing or wrong.
 */
export function checkedLayers(
  files: readonly LayeredFile[],
  pieceLength: number,
  find: (root: Uint8Array) => Uint8Array | undefined,
): PieceLayers {
  const layers = new Map<string, Uint8Array>();
  const sizes = new Map<string, number>();
  for (const file of files) {
    if (!needsLayer(file, pieceLength)) continue;
    const root = (file.piecesRoot as Uint8Array).toHex();
    const known = sizes.get(root);
    if (known === file.sizeBytes) continue;
    const layer = find(file.piecesRoot as Uint8Array);
    if (layer === undefined) throw new ProtocolError(`"piece layers" has none for the root ${root}`);
    if (known !== undefined || !isLayerOf(file, pieceLength, layer))
      throw new ProtocolError(`the piece layer does not belong to the root ${root}`);
    layers.set(root, layer);
    sizes.set(root, file.sizeBytes);
  }
  return layers;
}

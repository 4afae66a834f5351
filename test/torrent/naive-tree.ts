/** BEP 52's tree by the letter, slowly and by other means than src/torrent: every row, padding and all, as arrays. */
import { createHash } from 'node:crypto';

const sha256 = (...parts: Uint8Array[]) => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
};

/** Rows from the leaves (index 0) to the root; the number of leaves is padded to a power of two, at least `minLeaves`. */
export function naiveTree(file: Uint8Array, minLeaves = 1): Uint8Array[][] {
  const leaves: Uint8Array[] = [];
  for (let at = 0; at < file.length; at += 16_384) leaves.push(sha256(file.subarray(at, at + 16_384)));
  while (leaves.length < minLeaves || (leaves.length & (leaves.length - 1)) !== 0)
    leaves.push(new Uint8Array(32));
  const rows = [leaves];
  for (let row = leaves; row.length > 1; ) {
    const above: Uint8Array[] = [];
    for (let i = 0; i < row.length; i += 2)
      above.push(sha256(row[i] as Uint8Array, row[i + 1] as Uint8Array));
    rows.push(above);
    row = above;
  }
  return rows;
}

/** A file whose blocks all differ. */
export function sampleFile(size: number): Uint8Array {
  const file = new Uint8Array(size);
  let state = size + 1;
  for (let i = 0; i < size; i += 61) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    file[i] = state >>> 16;
  }
  return file;
}

export const hex = (bytes: Uint8Array | undefined) => bytes?.toHex();
export const concat = (hashes: readonly Uint8Array[]) => new Uint8Array(Buffer.concat(hashes));

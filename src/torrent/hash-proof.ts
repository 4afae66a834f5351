/**
 * What BEP 52's HASH REQUEST asks for and HASHES carries: `length` hashes of one row of the tree, and the uncles that
 * connect them with the root. Answering and checking are the two halves of one rule and stand together. Messages and
 * limits on what may be asked are the wire's and the swarm's.
 *
 * A range of 2^k hashes is a subtree whose top lies k above its row; the proof holds the siblings of that top and of
 * its ancestors, lowest first, up to `proofLayers` above the row (as libtorrent counts, siblings that can be computed
 * from the range itself are left out). The proof is complete when proofLayers = height of the root - base layer - 1.
 */
import { HASH_BYTES, paddingHash, parentOf, rootOf } from './merkle.ts';

export interface HashRequest {
  /** Height of the row that is asked for: 0 = leaves. */
  readonly baseLayer: number;
  /** First hash; a multiple of `length`. */
  readonly index: number;
  /** A power of two ≥ 2. May reach beyond the row's real hashes: padding. */
  readonly length: number;
  /** Ancestor rows to prove, counted from the base layer. */
  readonly proofLayers: number;
}

/** Whether such a range exists in a tree whose root is at `treeHeight`. */
export function isValidHashRequest(request: HashRequest, treeHeight: number): boolean {
  const { baseLayer, index, length, proofLayers } = request;
  const rowHeight = treeHeight - baseLayer;
  return (
    [baseLayer, index, length, proofLayers].every((n) => Number.isInteger(n) && n >= 0) &&
    rowHeight >= 1 &&
    rowHeight <= 40 &&
    length >= 2 &&
    2 ** Math.round(Math.log2(length)) === length &&
    index % length === 0 &&
    index + length <= 2 ** rowHeight &&
    proofLayers < rowHeight
  );
}

/** How many uncle hashes belong to the answer. */
export function uncleCount({ length, proofLayers }: HashRequest): number {
  return Math.max(0, proofLayers - Math.log2(length) + 1);
}

/**
 * The answer: `length` hashes, then the uncles, 32 bytes each. `row` is the whole row at `baseLayer` without padding.
 * Undefined when the request isn't valid for this tree.
 */
export function answerHashRequest(
  row: Uint8Array,
  request: HashRequest,
  treeHeight: number,
): Uint8Array | undefined {
  if (!isValidHashRequest(request, treeHeight)) return undefined;
  const { baseLayer, index, length } = request;
  const uncles = uncleCount(request);
  const answer = new Uint8Array((length + uncles) * HASH_BYTES);
  const real = row.subarray(index * HASH_BYTES, (index + length) * HASH_BYTES);
  answer.set(real);
  for (let at = real.length; at < length * HASH_BYTES; at += HASH_BYTES)
    answer.set(paddingHash(baseLayer), at);

  let span = length;
  let node = index / length;
  for (let i = 0; i < uncles; i++) {
    const from = (node ^ 1) * span;
    const below = row.subarray(from * HASH_BYTES, (from + span) * HASH_BYTES);
    answer.set(rootOf(below, baseLayer, baseLayer + Math.log2(span)), (length + i) * HASH_BYTES);
    span *= 2;
    node = Math.floor(node / 2);
  }
  return answer;
}

/**
 * Whether `hashes` (`length` of them) together with `uncles` lead to `root`. The number of uncles must be exactly what
 * connects the range with the root: else hashes of one height could be passed off as those of another.
 */
export function verifyHashes(options: {
  readonly root: Uint8Array;
  readonly treeHeight: number;
  readonly baseLayer: number;
  readonly index: number;
  readonly hashes: Uint8Array;
  readonly uncles: Uint8Array;
}): boolean {
  const { root, treeHeight, baseLayer, index, hashes, uncles } = options;
  const length = hashes.length / HASH_BYTES;
  const request = { baseLayer, index, length, proofLayers: treeHeight - baseLayer - 1 };
  if (!isValidHashRequest(request, treeHeight) || uncles.length !== uncleCount(request) * HASH_BYTES)
    return false;

  let top = rootOf(hashes, baseLayer, baseLayer + Math.log2(length));
  let node = index / length;
  for (let at = 0; at < uncles.length; at += HASH_BYTES) {
    const uncle = uncles.subarray(at, at + HASH_BYTES);
    top = node % 2 === 0 ? parentOf(top, uncle) : parentOf(uncle, top);
    node = Math.floor(node / 2);
  }
  return Buffer.compare(top, root) === 0;
}

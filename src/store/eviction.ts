/**
 * Which files go when room is needed: first those that are larger than the store may ever be, then the least recently
 * used; never one that is open. Pure policy: where the order comes from and how a file is removed is the store's.
 */
import type { Sha256 } from '../lib/sha256.ts';

export interface EvictionCandidate {
  readonly key: Sha256;
  readonly sizeBytes: number;
}

/** Bytes that must go before `incomingBytes` more fit: under the limit, and (where known) into the free disk space. */
export function bytesToEvict(room: {
  readonly storedBytes: number;
  /** Promised to partial files that are still on their way in. */
  readonly reservedBytes: number;
  readonly incomingBytes: number;
  readonly limitBytes: number;
  readonly diskFreeBytes: number;
  /** What is to stay free of the disk. */
  readonly minFreeBytes: number;
}): number {
  const overLimit = room.storedBytes + room.reservedBytes + room.incomingBytes - room.limitBytes;
  const overDisk = room.incomingBytes + room.minFreeBytes - room.diskFreeBytes;
  return Math.max(0, overLimit, overDisk);
}

/**
 * Chooses from `candidates` (in the order in which they should go) until `bytes` are freed. May choose less than
 * asked for when all the rest is open. Reads no more candidates than it needs.
 */
export function chooseEvictions(
  candidates: Iterable<EvictionCandidate>,
  bytes: number,
  isOpen: (key: Sha256) => boolean,
): EvictionCandidate[] {
  const chosen: EvictionCandidate[] = [];
  let left = bytes;
  if (left <= 0) return chosen;
  for (const candidate of candidates) {
    if (isOpen(candidate.key)) continue;
    chosen.push(candidate);
    left -= candidate.sizeBytes;
    if (left <= 0) break;
  }
  return chosen;
}

/**
 * What tells that a file still is the one that was read: inode, size, and the times of its last write and last change to
 * the nanosecond. The device is left out, as its number may be another after a reboot. Source: inode(7).
 */
import type { BigIntStats } from 'node:fs';

/** Equal for two looks at one file if nothing was written to it between them, provided that neither was "fresh". */
export function stampOf({ ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${ino}:${size}:${mtimeNs}:${ctimeNs}`;
}

/** The same question for two looks through one descriptor, without making texts: it is asked for every block. */
export function isUnchanged(before: BigIntStats, now: BigIntStats): boolean {
  return (
    before.ctimeNs === now.ctimeNs &&
    before.mtimeNs === now.mtimeNs &&
    before.size === now.size &&
    before.ino === now.ino
  );
}

/**
 * File systems tell times in steps, of up to 2 s (FAT): a file that changed so lately may change once more without its
 * stamp telling.
 */
export const FRESH_MS = 2000;

/** How long ago it last changed, by a calendar's clock; negative for a date in the future. */
export function ageMs({ ctimeNs }: BigIntStats, wallMs: number): number {
  return wallMs - Number(ctimeNs / 1_000_000n);
}

/**
 * How much of the disk the cache may have, and how much of it stays free whatever comes. What isn't set goes by the size
 * of the disk, so that a small machine isn't filled and a large one isn't wasted. Pure.
 */
import { type Amount, amountBytes } from '../lib/amount.ts';

export interface CacheLimits {
  readonly limitBytes: number;
  readonly minFreeBytes: number;
}

const GIB = 2 ** 30;
/** The smaller one of the two counts. */
export const DEFAULT_CACHE_LIMIT = { bytes: 10 * GIB, percent: 20 } as const;
export const DEFAULT_MIN_FREE = { bytes: 2 * GIB, percent: 5 } as const;

/** `diskBytes`: of the file system that the cache is on. */
export function cacheLimits(
  { cacheLimit, minFree }: { readonly cacheLimit: Amount | undefined; readonly minFree: Amount | undefined },
  diskBytes: number,
): CacheLimits {
  const of = (amount: Amount | undefined, usual: { readonly bytes: number; readonly percent: number }) =>
    amount === undefined
      ? Math.min(usual.bytes, Math.floor((usual.percent / 100) * diskBytes))
      : amountBytes(amount, diskBytes);
  return {
    limitBytes: of(cacheLimit, DEFAULT_CACHE_LIMIT),
    minFreeBytes: of(minFree, DEFAULT_MIN_FREE),
  };
}

/** The cache's limits on the disk where it is. */
import { statfsSync } from 'node:fs';
import type { Settings } from '../config/settings.ts';
import { type CacheLimits, cacheLimits } from '../limits/cache-limits.ts';

/** The cache folder is there already. Throws the system's error when it can't be looked at. */
export function limitsOf(settings: Pick<Settings, 'cacheDir' | 'cacheLimit' | 'minFree'>): CacheLimits {
  const { blocks, bsize } = statfsSync(settings.cacheDir);
  return cacheLimits(settings, blocks * bsize);
}

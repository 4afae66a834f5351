/** Opens the stores' databases; a damaged one is moved aside, and an empty one takes its place. */
import { existsSync, renameSync } from 'node:fs';
import { log } from '../lib/log.ts';
import { DiskIndex } from './disk-index.ts';
import { TreeIndex, type TreeIndexOptions } from './tree-index.ts';

/** Files without a row are taken up again by tidy.ts, after they have been hashed: `wasClosedInOrder` is false then. */
export function openIndex(cacheDir: string, bootId: string): DiskIndex {
  const path = `${cacheDir}/store.sqlite`;
  return openOrReplace(path, () => new DiskIndex(path, bootId));
}

/** Of a tree that isn't ours: what was known of it is found out anew. */
export function openTreeIndex(options: TreeIndexOptions): TreeIndex {
  return openOrReplace(options.path, () => new TreeIndex(options));
}

function openOrReplace<T>(path: string, open: () => T): T {
  try {
    return open();
  } catch (error) {
    const code = (error as { code?: string }).code ?? '';
    // What no new database would cure (permissions, disk full) is the caller's to hear of.
    if (/^SQLITE_(CANTOPEN|PERM|FULL|READONLY|IOERR|BUSY|LOCKED|NOMEM)/.test(code)) throw error;
    const aside = `${path}.damaged-${Date.now()}`;
    for (const tail of ['', '-wal', '-shm'])
      if (existsSync(path + tail)) renameSync(path + tail, aside + tail);
    log.warn(
      `store: ${path} is damaged (${(error as Error).message}); moved to ${aside}, files are hashed anew`,
    );
    return open();
  }
}

/**
 * One process to a cache folder. The lock is SQLite's on a database of its own: the kernel releases it however we die,
 * and it also holds against a second store in the same process. The store's own database stays readable for others.
 */
import { Database } from 'bun:sqlite';
import { ConfigError } from '../lib/errors.ts';

/** Throws ConfigError when another process has it. */
export function lockCacheDir(cacheDir: string): Disposable {
  const db = new Database(`${cacheDir}/lock.sqlite`, { create: true });
  try {
    db.run('PRAGMA busy_timeout = 0');
    db.run('BEGIN EXCLUSIVE');
  } catch (cause) {
    db.close();
    throw new ConfigError(
      `could not use cache folder ${cacheDir}: another debtorrent is using it; stop that one or give another --cache-dir`,
      { cause },
    );
  }
  return { [Symbol.dispose]: () => db.close() };
}

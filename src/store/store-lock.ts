/**
 * One process to a folder. The lock is SQLite's on a database of its own: the kernel releases it however we die,
 * and it also holds against a second store in the same process. The store's own database stays readable for others.
 */
import { Database, type SQLiteError } from 'bun:sqlite';
import { ConfigError } from '../lib/errors.ts';

/** Throws ConfigError when another process has it. */
export function lockCacheDir(cacheDir: string): Disposable {
  return lock(`${cacheDir}/lock.sqlite`, `cache folder ${cacheDir}`, '--cache-dir');
}

/** The same for the state folder, which may be the cache folder. */
export function lockStateDir(stateDir: string): Disposable {
  return lock(`${stateDir}/state-lock.sqlite`, `state folder ${stateDir}`, '--state-dir');
}

function lock(path: string, folder: string, flag: string): Disposable {
  let db: Database | undefined;
  try {
    db = new Database(path, { create: true });
    db.run('PRAGMA busy_timeout = 0');
    db.run('BEGIN EXCLUSIVE');
  } catch (cause) {
    db?.close();
    throw new ConfigError(`could not use ${folder}: ${why(cause as SQLiteError, flag)}`, { cause });
  }
  const held = db;
  return { [Symbol.dispose]: () => held.close() };
}

function why({ code, message }: SQLiteError, flag: string): string {
  if (code === 'SQLITE_BUSY') return `another debtorrent is using it; stop that one or give another ${flag}`;
  // A disk without room for a few kilobytes shows as either.
  if (code === 'SQLITE_FULL' || code?.startsWith('SQLITE_IOERR'))
    return `its disk is full, or broken (${message}); make room or give another ${flag}`;
  return `${message}; give another ${flag}`;
}

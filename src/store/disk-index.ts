/**
 * The disk store's rows, in SQLite: which files are there, when they were last used, and whether they are known to be
 * on the disk itself. A row's `boot` names the boot in which it was written until its file has been synced (then NULL);
 * a row of another boot is a *suspect*: its file must be hashed before it is believed. No fsync happens in a commit
 * (WAL, synchronous=NORMAL: only checkpoints sync). Times of use are kept in memory and written in batches.
 * It knows nothing of the files themselves.
 */
import { Database } from 'bun:sqlite';
import { type Sha256, sha256FromBytes, sha256ToBytes } from '../lib/sha256.ts';
import type { EvictionCandidate } from './eviction.ts';
import type { StoredFile } from './store.ts';

const SCHEMA_VERSION = 1;
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS files (
    key BLOB PRIMARY KEY, size INTEGER NOT NULL, used INTEGER NOT NULL, modified INTEGER NOT NULL,
    name TEXT NOT NULL, swarms TEXT NOT NULL, boot TEXT
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS files_by_use ON files (used, size);
  CREATE INDEX IF NOT EXISTS files_not_synced ON files (boot) WHERE boot IS NOT NULL;
  CREATE TABLE IF NOT EXISTS layers (key BLOB PRIMARY KEY, layer BLOB NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
  PRAGMA user_version = ${SCHEMA_VERSION};
`;

interface Row {
  readonly key: Uint8Array;
  readonly size: number;
  readonly modified: number;
  readonly name: string;
  readonly swarms: string;
  readonly boot: string | null;
}

export interface IndexedFile {
  readonly file: StoredFile;
  readonly isSuspect: boolean;
}

export class DiskIndex implements Disposable {
  readonly #db: Database;
  readonly #bootId: string;
  readonly #uses = new Map<Sha256, number>();
  #files = 0;
  #bytes = 0;
  /** Whether the last process that had it ended in order. */
  readonly wasClosedInOrder: boolean;

  /** Throws SQLiteError when the file is no database of ours or damaged. */
  constructor(path: string, bootId: string) {
    this.#bootId = bootId;
    this.#db = new Database(path, { create: true });
    try {
      this.#db.run('PRAGMA journal_mode = WAL');
      this.#db.run('PRAGMA synchronous = NORMAL');
      this.#db.run('PRAGMA wal_autocheckpoint = 4000');
      this.#db.run('PRAGMA cache_size = -4096');
      const { user_version: version } = this.#one<{ user_version: number }>('PRAGMA user_version');
      if (version > SCHEMA_VERSION) throw new Error(`its version is ${version}, we know ${SCHEMA_VERSION}`);
      if (version !== SCHEMA_VERSION) this.#db.run(SCHEMA);
      const last = this.#fact('closed');
      this.wasClosedInOrder = last === 'yes';
      // After a power cut the database is looked through as a whole, once.
      if (last !== undefined && !this.wasClosedInOrder && this.#fact('boot') !== bootId) this.#check();
      this.#setFact('closed', 'no');
      this.#setFact('boot', bootId);
      this.#count();
    } catch (error) {
      this.#db.close();
      throw error;
    }
  }

  get files(): number {
    return this.#files;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(key: Sha256): IndexedFile | undefined {
    const row = this.#db
      .query<Row, [Uint8Array]>('SELECT key, size, modified, name, swarms, boot FROM files WHERE key = ?')
      .get(sha256ToBytes(key));
    return row ? this.#indexed(row, key) : undefined;
  }

  has(key: Sha256): boolean {
    return this.#db.query('SELECT 1 FROM files WHERE key = ?').get(sha256ToBytes(key)) !== null;
  }

  /** Adds or replaces; the file isn't synced yet. */
  put(file: StoredFile, usedMs: number): void {
    const before = this.get(file.key);
    this.#db
      .query(
        'INSERT OR REPLACE INTO files (key, size, used, modified, name, swarms, boot) VALUES (?, ?, ?, ?, ?, ?, ?)',
      )
      .run(
        sha256ToBytes(file.key),
        file.sizeBytes,
        usedMs,
        file.lastModifiedMs,
        file.name,
        file.swarms.join('\n'),
        this.#bootId,
      );
    this.#files += before ? 0 : 1;
    this.#bytes += file.sizeBytes - (before?.file.sizeBytes ?? 0);
  }

  /** False when there was no such row. */
  delete(key: Sha256): boolean {
    const before = this.get(key);
    if (!before) return false;
    const bytes = sha256ToBytes(key);
    this.#db.transaction(() => {
      this.#db.query('DELETE FROM files WHERE key = ?').run(bytes);
      this.#db.query('DELETE FROM layers WHERE key = ?').run(bytes);
    })();
    this.#uses.delete(key);
    this.#files -= 1;
    this.#bytes -= before.file.sizeBytes;
    return true;
  }

  /** Its bytes are on the disk itself, or have just been hashed. */
  markSynced(key: Sha256): void {
    this.#db.query('UPDATE files SET boot = NULL WHERE key = ?').run(sha256ToBytes(key));
  }

  setSwarms(key: Sha256, swarms: readonly string[]): void {
    this.#db.query('UPDATE files SET swarms = ? WHERE key = ?').run(swarms.join('\n'), sha256ToBytes(key));
  }

  layer(key: Sha256): Uint8Array | undefined {
    const row = this.#db
      .query<{ layer: Uint8Array }, [Uint8Array]>('SELECT layer FROM layers WHERE key = ?')
      .get(sha256ToBytes(key));
    return row?.layer;
  }

  setLayer(key: Sha256, layer: Uint8Array): void {
    this.#db
      .query('INSERT OR REPLACE INTO layers (key, layer) SELECT key, ? FROM files WHERE key = ?')
      .run(layer, sha256ToBytes(key));
  }

  /** Remembers a use until flushUses(). */
  touch(key: Sha256, usedMs: number): void {
    this.#uses.set(key, usedMs);
  }

  flushUses(): void {
    if (this.#uses.size === 0) return;
    const update = this.#db.query('UPDATE files SET used = ? WHERE key = ?');
    this.#db.transaction(() => {
      for (const [key, usedMs] of this.#uses) update.run(usedMs, sha256ToBytes(key));
    })();
    this.#uses.clear();
  }

  /** In the order in which they should go, as far as uses are flushed. Don't change rows while iterating. */
  *evictionOrder(limitBytes: number): Generator<EvictionCandidate> {
    const oversized = 'SELECT key, size FROM files WHERE size > ? ORDER BY used';
    const others = 'SELECT key, size FROM files WHERE size <= ? ORDER BY used';
    for (const sql of [oversized, others]) {
      for (const row of this.#db.query<Pick<Row, 'key' | 'size'>, [number]>(sql).iterate(limitBytes)) {
        yield { key: sha256FromBytes(row.key), sizeBytes: row.size };
      }
    }
  }

  /** Rows of an earlier boot whose files were never known to be synced. */
  suspects(): Sha256[] {
    const rows = this.#db
      .query<{ key: Uint8Array }, [string]>('SELECT key FROM files WHERE boot IS NOT NULL AND boot <> ?')
      .all(this.#bootId);
    return rows.map((row) => sha256FromBytes(row.key));
  }

  /** Rows of this boot that wait for their sync (left by a process that was killed). */
  notSynced(): Sha256[] {
    const rows = this.#db
      .query<{ key: Uint8Array }, [string]>('SELECT key FROM files WHERE boot = ?')
      .all(this.#bootId);
    return rows.map((row) => sha256FromBytes(row.key));
  }

  /** All that is believed, in the order of keys, a page at a time: rows may change while it is read. */
  *all(): Generator<StoredFile> {
    const page = this.#db.query<Row, [Uint8Array]>(
      'SELECT key, size, modified, name, swarms, boot FROM files WHERE key > ? ORDER BY key LIMIT 500',
    );
    // Before every key of 32 bytes; an empty one would be bound as NULL.
    let after: Uint8Array = new Uint8Array(1);
    for (;;) {
      const rows = page.all(after);
      for (const row of rows) {
        const indexed = this.#indexed(row, sha256FromBytes(row.key));
        if (!indexed.isSuspect) yield indexed.file;
      }
      const last = rows.at(-1);
      if (!last) return;
      after = last.key;
    }
  }

  [Symbol.dispose](): void {
    try {
      this.#setFact('closed', 'yes');
    } finally {
      this.#db.close();
    }
  }

  #indexed(row: Row, key: Sha256): IndexedFile {
    const file: StoredFile = {
      key,
      sizeBytes: row.size,
      lastModifiedMs: row.modified,
      name: row.name,
      swarms: row.swarms === '' ? [] : row.swarms.split('\n'),
    };
    return { file, isSuspect: row.boot !== null && row.boot !== this.#bootId };
  }

  #check(): void {
    const { quick_check: verdict } = this.#one<{ quick_check: string }>('PRAGMA quick_check(1)');
    if (verdict !== 'ok') throw new Error(verdict);
  }

  #count(): void {
    const { files, bytes } = this.#one<{ files: number; bytes: number }>(
      'SELECT count(*) AS files, coalesce(sum(size), 0) AS bytes FROM files',
    );
    this.#files = files;
    this.#bytes = bytes;
  }

  #fact(name: string): string | undefined {
    return this.#db.query<{ value: string }, [string]>('SELECT value FROM facts WHERE name = ?').get(name)
      ?.value;
  }

  #setFact(name: string, value: string): void {
    this.#db.query('INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)').run(name, value);
  }

  #one<T>(sql: string): T {
    const row = this.#db.query<T, []>(sql).get();
    if (row === null) throw new Error(`no answer to ${sql}`);
    return row;
  }
}

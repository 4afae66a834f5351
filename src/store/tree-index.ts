/**
 * What is known of the files of a tree that isn't ours: a row for each path with the file's stamp (file-stamp.ts), the
 * SHA-256 that its bytes were found to have, and the swarms in which it may be offered; and piece layers, by key.
 * A row is a claim about a file that others may change at any time: whoever uses it compares the stamp first.
 *
 * A power cut may take bytes that were read from the page cache, and leave the stamp. So a file that was young when it
 * was read is believed in the same boot only (boot-id.ts).
 */
import { Database } from 'bun:sqlite';
import { type Sha256, sha256FromBytes, sha256ToBytes } from '../lib/sha256.ts';

export interface TreeRow {
  /** Below the tree's root, without a slash in front. */
  readonly path: string;
  readonly stamp: string;
  readonly sizeBytes: number;
  /** Of the last write, milliseconds since 1970. */
  readonly modifiedMs: number;
  /** Of its bytes as they were found. */
  readonly key: Sha256;
  /** Info-hashes (hex); empty for a file that no index names, or as another than it is. */
  readonly swarms: readonly string[];
}

export interface TreeIndexOptions {
  /** A file; made when it isn't there. */
  readonly path: string;
  /** Of the tree. Rows of another one are forgotten. */
  readonly root: string;
  readonly bootId: string;
}

const SCHEMA_VERSION = 1;
const SCHEMA = `
CREATE TABLE files (path TEXT PRIMARY KEY, stamp TEXT NOT NULL, size INTEGER NOT NULL, modified INTEGER NOT NULL,
  key BLOB NOT NULL, swarms TEXT NOT NULL, boot TEXT) WITHOUT ROWID;
CREATE INDEX files_by_key ON files (key);
CREATE TABLE layers (key BLOB PRIMARY KEY, layer BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
PRAGMA user_version = ${SCHEMA_VERSION};`;
const COLUMNS = 'path, stamp, size, modified, key, swarms';
const PAGE_ROWS = 500;

interface Row {
  readonly path: string;
  readonly stamp: string;
  readonly size: number;
  readonly modified: number;
  readonly key: Uint8Array;
  readonly swarms: string;
}

export class TreeIndex implements Disposable {
  readonly #db: Database;
  readonly #bootId: string;
  #files = 0;
  #bytes = 0;

  /** Throws SQLiteError when the file is no database of ours or damaged. */
  constructor({ path, root, bootId }: TreeIndexOptions) {
    this.#bootId = bootId;
    this.#db = new Database(path, { create: true });
    try {
      this.#db.run('PRAGMA journal_mode = WAL');
      this.#db.run('PRAGMA synchronous = NORMAL');
      this.#db.run('PRAGMA cache_size = -4096');
      const { user_version: version } = this.#one<{ user_version: number }>('PRAGMA user_version');
      if (version > SCHEMA_VERSION) throw new Error(`its version is ${version}, we know ${SCHEMA_VERSION}`);
      if (version !== SCHEMA_VERSION) this.#db.run(SCHEMA);
      if (this.fact('root') !== root) this.#db.run('DELETE FROM files');
      this.setFact('root', root);
      this.#db.query('DELETE FROM files WHERE boot IS NOT NULL AND boot <> ?').run(bootId);
      this.#count();
    } catch (error) {
      this.#db.close();
      throw error;
    }
  }

  /** That may be offered, each content once. */
  get files(): number {
    return this.#files;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(path: string): TreeRow | undefined {
    const row = this.#db.query<Row, [string]>(`SELECT ${COLUMNS} FROM files WHERE path = ?`).get(path);
    return row ? treeRow(row) : undefined;
  }

  /** Those of that content that may be offered: hard links and doubles have several. */
  withKey(key: Sha256): TreeRow[] {
    const sql = `SELECT ${COLUMNS} FROM files WHERE key = ? AND swarms <> ''`;
    return this.#db.query<Row, [Uint8Array]>(sql).all(sha256ToBytes(key)).map(treeRow);
  }

  /** Any with that stamp: the same file by another name. */
  withStamp(key: Sha256, stamp: string): TreeRow | undefined {
    const sql = `SELECT ${COLUMNS} FROM files WHERE key = ? AND stamp = ?`;
    const row = this.#db.query<Row, [Uint8Array, string]>(sql).get(sha256ToBytes(key), stamp);
    return row ? treeRow(row) : undefined;
  }

  /** Adds or replaces. `isYoung`: its bytes may not be on the disk itself yet. */
  put(row: TreeRow, isYoung: boolean): void {
    const before = this.get(row.path);
    if (before) this.#counted(before, -1);
    this.#db
      .query(`INSERT OR REPLACE INTO files (${COLUMNS}, boot) VALUES (?, ?, ?, ?, ?, ?, ?)`)
      .run(
        row.path,
        row.stamp,
        row.sizeBytes,
        row.modifiedMs,
        sha256ToBytes(row.key),
        row.swarms.join('\n'),
        isYoung ? this.#bootId : null,
      );
    this.#counted(row, 1);
  }

  setSwarms(row: TreeRow, swarms: readonly string[]): void {
    this.#counted(row, -1);
    this.#db.query('UPDATE files SET swarms = ? WHERE path = ?').run(swarms.join('\n'), row.path);
    this.#counted({ ...row, swarms }, 1);
  }

  /** False when there was no such row. */
  delete(path: string): boolean {
    const before = this.get(path);
    if (!before) return false;
    this.#counted(before, -1);
    this.#db.query('DELETE FROM files WHERE path = ?').run(path);
    return true;
  }

  layer(key: Sha256): Uint8Array | undefined {
    const sql = 'SELECT layer FROM layers WHERE key = ?';
    return this.#db.query<{ layer: Uint8Array }, [Uint8Array]>(sql).get(sha256ToBytes(key))?.layer;
  }

  setLayer(key: Sha256, layer: Uint8Array): void {
    this.#db.query('INSERT OR REPLACE INTO layers (key, layer) VALUES (?, ?)').run(sha256ToBytes(key), layer);
  }

  /** Layers of files that are gone. */
  dropStrayLayers(): void {
    this.#db.run('DELETE FROM layers WHERE key NOT IN (SELECT key FROM files)');
  }

  /** All rows in the order of paths, a page at a time: rows may change while it is read. */
  *all(): Generator<TreeRow> {
    const sql = `SELECT ${COLUMNS} FROM files WHERE path > ? ORDER BY path LIMIT ${PAGE_ROWS}`;
    for (let after = ''; ; ) {
      const rows = this.#db.query<Row, [string]>(sql).all(after);
      for (const row of rows) yield treeRow(row);
      const last = rows.at(-1);
      if (!last) return;
      after = last.path;
    }
  }

  fact(name: string): string | undefined {
    const sql = 'SELECT value FROM facts WHERE name = ?';
    return this.#db.query<{ value: string }, [string]>(sql).get(name)?.value;
  }

  setFact(name: string, value: string): void {
    this.#db.query('INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)').run(name, value);
  }

  /** What `run` writes is written in one go. */
  together(run: () => void): void {
    this.#db.transaction(run)();
  }

  [Symbol.dispose](): void {
    this.#db.close();
  }

  /** Keeps the totals while a row isn't there: those of its content that are make it count no more. */
  #counted({ path, key, sizeBytes, swarms }: TreeRow, sign: 1 | -1): void {
    if (swarms.length === 0) return;
    const sql = "SELECT 1 FROM files WHERE key = ? AND swarms <> '' AND path <> ? LIMIT 1";
    if (this.#db.query(sql).get(sha256ToBytes(key), path) !== null) return;
    this.#files += sign;
    this.#bytes += sign * sizeBytes;
  }

  #count(): void {
    const { files, bytes } = this.#one<{ files: number; bytes: number }>(
      `SELECT count(*) AS files, coalesce(sum(size), 0) AS bytes
       FROM (SELECT size FROM files WHERE swarms <> '' GROUP BY key)`,
    );
    this.#files = files;
    this.#bytes = bytes;
  }

  #one<T>(sql: string): T {
    const row = this.#db.query<T, []>(sql).get();
    if (row === null) throw new Error(`no answer to ${sql}`);
    return row;
  }
}

function treeRow({ path, stamp, size, modified, key, swarms }: Row): TreeRow {
  return {
    path,
    stamp,
    sizeBytes: size,
    modifiedMs: modified,
    key: sha256FromBytes(key),
    swarms: swarms === '' ? [] : swarms.split('\n'),
  };
}

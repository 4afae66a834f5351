/**
 * What the catalogue keeps over restarts: one small JSON file of places, verdicts and index tables in use, and the
 * Release files as the mirrors gave them, each under its own SHA-256 ("<SHA-256>.release"). It decides the format and
 * that writes are atomic; what a record means is the catalogue's. The state directory is ours alone, yet a crash or a
 * hand may have been in it: whatever doesn't decode is dropped with a warning.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { log } from '../lib/log.ts';
import { quoteRemote } from '../lib/quote-remote.ts';
import { parseSha256, type Sha256, sha256Of } from '../lib/sha256.ts';
import { type KeptFile, RELEASE_FILES, type ReleaseFileName } from './held-release.ts';
import { MAX_RELEASE_BYTES } from './release.ts';
import type { SignatureVerdict } from './signature.ts';

const VERSION = 1;
const STATE_NAME = 'catalogue.json';
const RELEASE_SUFFIX = '.release';
const MAX_STATE_BYTES = 16 << 20;

/** One held release, as JSON has it. */
export interface ReleaseRecord {
  readonly scheme: 'http' | 'https';
  readonly host: string;
  readonly path: string;
  readonly form: 'InRelease' | 'Release';
  readonly verdict: SignatureVerdict;
  readonly files: readonly (KeptFile & { readonly name: ReleaseFileName })[];
  readonly indexes: readonly {
    readonly stem: string;
    /** Undefined while a client uses the index but its table isn't built: it is made up for after a restart. */
    readonly current: Sha256 | undefined;
    readonly previous: Sha256 | undefined;
  }[];
}

export class CatalogueState {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true });
  }

  /** The records that decode; none when there is no state. */
  load(): ReleaseRecord[] {
    const path = join(this.#directory, STATE_NAME);
    let json: string;
    try {
      if (statSync(path).size > MAX_STATE_BYTES) throw new RangeError('it is too long');
      json = readFileSync(path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        log.warn(`archive: could not read ${path}: ${reasonOf(error)}`);
      return [];
    }
    try {
      const state: unknown = JSON.parse(json);
      if (!isObject(state) || state.version !== VERSION || !Array.isArray(state.releases)) {
        throw new TypeError('it is not of this version');
      }
      const records = state.releases.map(readRecord);
      const good = records.filter((record) => record !== undefined);
      if (good.length < records.length)
        log.warn(
          `archive: dropped ${records.length - good.length} releases from ${path}: they do not decode`,
        );
      return good;
    } catch (error) {
      log.warn(`archive: dropped ${path}: ${reasonOf(error)}`);
      return [];
    }
  }

  /** Replaces the records in one step and deletes the Release files that none of them names. */
  save(records: readonly ReleaseRecord[]): void {
    this.#write(STATE_NAME, JSON.stringify({ version: VERSION, releases: records }, undefined, 1));
    const named = new Set(records.flatMap((record) => record.files.map((file) => file.key + RELEASE_SUFFIX)));
    for (const name of readdirSync(this.#directory)) {
      const stray = name.endsWith('.tmp') || (name.endsWith(RELEASE_SUFFIX) && !named.has(name));
      if (stray) rmSync(join(this.#directory, name), { force: true });
    }
  }

  /** Keeps a Release file's bytes; they last if the next save() names them. */
  keep(bytes: Uint8Array): Sha256 {
    const key = sha256Of(bytes);
    this.#write(key + RELEASE_SUFFIX, bytes);
    return key;
  }

  /** The bytes of a kept file; undefined when they are gone or damaged. */
  read(key: Sha256): Uint8Array | undefined {
    const path = join(this.#directory, key + RELEASE_SUFFIX);
    try {
      if (statSync(path).size > MAX_RELEASE_BYTES) return undefined;
      const bytes = readFileSync(path);
      return sha256Of(bytes) === key ? bytes : undefined;
    } catch {
      return undefined;
    }
  }

  #write(name: string, content: string | Uint8Array): void {
    const path = join(this.#directory, name);
    const temporary = `${path}.${process.pid}.tmp`;
    writeFileSync(temporary, content, { mode: 0o644 });
    renameSync(temporary, path);
  }
}

function readRecord(value: unknown): ReleaseRecord | undefined {
  if (!isObject(value)) return undefined;
  const { scheme, host, path, form } = value;
  if ((scheme !== 'http' && scheme !== 'https') || (form !== 'InRelease' && form !== 'Release'))
    return undefined;
  if (typeof host !== 'string' || host === '' || host.includes('/')) return undefined;
  if (typeof path !== 'string' || (path !== '' && !path.startsWith('/'))) return undefined;
  const verdict = readVerdict(value.verdict);
  if (verdict === undefined || !Array.isArray(value.files) || !Array.isArray(value.indexes)) return undefined;
  const files = value.files.map(readFile);
  const indexes = value.indexes.map(readIndex);
  return {
    scheme,
    host,
    path,
    form,
    verdict,
    files: files.filter((file) => file !== undefined),
    indexes: indexes.filter((index) => index !== undefined),
  };
}

function readVerdict(value: unknown): SignatureVerdict | undefined {
  if (!isObject(value)) return undefined;
  const { status, keyring, fingerprint, reason } = value;
  if (status === 'public' || status === 'private') {
    return typeof keyring === 'string' && typeof fingerprint === 'string'
      ? { status, keyring, fingerprint }
      : undefined;
  }
  if (status !== 'unknown' && status !== 'bad' && status !== 'unavailable') return undefined;
  return typeof reason === 'string' ? { status, reason } : undefined;
}

function readFile(value: unknown): ReleaseRecord['files'][number] | undefined {
  if (!isObject(value)) return undefined;
  const name = RELEASE_FILES.find((file) => file === value.name);
  const key = readKey(value.key);
  if (name === undefined || key === undefined) return undefined;
  return { name, key, lastModified: readText(value.lastModified), etag: readText(value.etag) };
}

function readIndex(value: unknown): ReleaseRecord['indexes'][number] | undefined {
  if (!isObject(value) || typeof value.stem !== 'string') return undefined;
  return { stem: value.stem, current: readKey(value.current), previous: readKey(value.previous) };
}

function readKey(value: unknown): Sha256 | undefined {
  return typeof value === 'string' ? parseSha256(value) : undefined;
}

function readText(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function reasonOf(error: unknown): string {
  return quoteRemote(error instanceof Error ? error.message : String(error), 200);
}

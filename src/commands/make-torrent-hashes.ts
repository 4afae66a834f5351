/**
 * What was found out about the files of a pool, kept between runs, so that only files that changed are read again. One line
 * of JSON a file, appended as it is known: a run that is cut off has lost a second's work. A file is taken for
 * unchanged while size, time of change (nanoseconds) and inode are the same. Lines that can't be read are passed over:
 * their files are hashed again.
 */
import { appendFileSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { FileHashes } from '../torrent/file-hasher.ts';

/** How a file is known again. */
export interface FileMark {
  readonly sizeBytes: number;
  readonly mtimeNs: string;
  readonly inode: string;
}

/** A line of the file, and what a hashing child answers. Bytes are base64. */
export interface HashRecord extends FileMark {
  readonly path: string;
  readonly pieceLength: number;
  readonly sha256: string;
  readonly root: string;
  readonly layer: string;
  readonly pieces?: string;
  readonly paddedPiece?: string;
}

const HEADER = '{"debtorrent":"hashes","version":1}';
/** Lines are written in batches of this many, or when the oldest is so old: a run that is cut off loses no more. */
const BATCH = 256;
const FLUSH_MS = 1000;

export class KeptHashes implements Disposable {
  readonly #path: string;
  readonly #records = new Map<string, HashRecord>();
  /** In the file, overtaken ones too. */
  #lines = 0;
  /** It is there, and one of ours. */
  #isOurs = false;
  /** Its last line was cut off. */
  #isTorn = false;
  #pending: string[] = [];
  #flushedMs = performance.now();

  constructor(path: string) {
    this.#path = path;
    const [header, ...lines] = readIfThere(path).split('\n');
    this.#isTorn = lines.at(-1) !== '';
    if (header !== HEADER) return;
    this.#isOurs = true;
    this.#lines = lines.length;
    for (const line of lines) {
      const record = parse(line);
      if (record) this.#records.set(record.path, record);
    }
  }

  /** What is known of a file that is still the same, and enough for what is wanted now. */
  find(path: string, mark: FileMark, wanted: { pieceLength?: number | undefined }): HashRecord | undefined {
    const record = this.#records.get(path);
    if (!record || !isSame(record, mark)) return undefined;
    if (wanted.pieceLength === undefined) return record;
    return record.pieceLength === wanted.pieceLength && record.pieces !== undefined ? record : undefined;
  }

  add(record: HashRecord): void {
    this.#records.set(record.path, record);
    this.#pending.push(JSON.stringify(record));
    this.#lines += 1;
    if (this.#pending.length >= BATCH || performance.now() - this.#flushedMs > FLUSH_MS) this.flush();
  }

  /** Throws where it can't be written. */
  flush(): void {
    this.#flushedMs = performance.now();
    if (this.#pending.length === 0) return;
    const lines = `${this.#pending.join('\n')}\n`;
    this.#pending = [];
    if (this.#isOurs) appendFileSync(this.#path, this.#isTorn ? `\n${lines}` : lines);
    else writeFileSync(this.#path, `${HEADER}\n${lines}`);
    this.#isOurs = true;
    this.#isTorn = false;
  }

  /** Whether half of it is about other files, or overtaken. */
  isOutgrown(files: number): boolean {
    return this.#lines > 2 * files + BATCH;
  }

  /** Writes it anew with these files only: those that are gone, and what was overtaken, are forgotten. */
  keepOnly(paths: ReadonlySet<string>): void {
    this.#pending = [];
    const lines = [HEADER];
    for (const record of this.#records.values())
      if (paths.has(record.path)) lines.push(JSON.stringify(record));
    const temporary = `${this.#path}.${process.pid}.tmp`;
    try {
      writeFileSync(temporary, `${lines.join('\n')}\n`);
      renameSync(temporary, this.#path);
    } finally {
      rmSync(temporary, { force: true });
    }
    this.#isOurs = true;
    this.#lines = lines.length;
  }

  [Symbol.dispose](): void {
    this.flush();
  }
}

export function isSame(a: FileMark, b: FileMark): boolean {
  return a.sizeBytes === b.sizeBytes && a.mtimeNs === b.mtimeNs && a.inode === b.inode;
}

export function hashesOf(record: HashRecord): FileHashes {
  return {
    pieceLength: record.pieceLength,
    sha256: Uint8Array.fromBase64(record.sha256),
    root: Uint8Array.fromBase64(record.root),
    layer: Uint8Array.fromBase64(record.layer),
    pieces: record.pieces === undefined ? undefined : Uint8Array.fromBase64(record.pieces),
    paddedPiece: record.paddedPiece === undefined ? undefined : Uint8Array.fromBase64(record.paddedPiece),
  };
}

export function recordOf(path: string, mark: FileMark, hashes: FileHashes): HashRecord {
  const { pieceLength, sha256, root, layer, pieces, paddedPiece } = hashes;
  return {
    path,
    sizeBytes: mark.sizeBytes,
    mtimeNs: mark.mtimeNs,
    inode: mark.inode,
    pieceLength,
    sha256: sha256.toBase64(),
    root: root.toBase64(),
    layer: layer.toBase64(),
    ...(pieces && { pieces: pieces.toBase64() }),
    ...(paddedPiece && { paddedPiece: paddedPiece.toBase64() }),
  };
}

function parse(line: string): HashRecord | undefined {
  if (line === '') return undefined;
  try {
    const record = JSON.parse(line) as Partial<HashRecord>;
    const texts = [record.path, record.mtimeNs, record.inode, record.sha256, record.root, record.layer];
    const numbers = [record.sizeBytes, record.pieceLength];
    const isRecord =
      texts.every((text) => typeof text === 'string') &&
      numbers.every((number) => Number.isSafeInteger(number));
    return isRecord ? (record as HashRecord) : undefined;
  } catch {
    return undefined;
  }
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw new Error(`could not read ${path}: ${(cause as Error).message}`, { cause });
  }
}

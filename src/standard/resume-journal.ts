/**
 * Which pieces of a torrent are in its folder: ".debtorrent-ID" there, a head and four bytes for each piece, appended and
 * never waited for. A killed process loses nothing of it; a power cut may tear its end, or lose bytes that it speaks of:
 * what it says is a claim, to be hashed before it counts. Gone when everything is there.
 */
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { basename } from 'node:path';

const { O_RDONLY, O_RDWR, O_CREAT, O_APPEND, O_NOFOLLOW, O_NONBLOCK } = constants;
const MAGIC = 'DTpieces1\n';
/** Of the longest: four million pieces, some of them twice. */
const MAX_BYTES = 64 * 1024 * 1024;

export class ResumeJournal {
  readonly #path: string;
  readonly #here = new Set<number>();
  #fd: number | undefined;

  /** `id`: hexadecimal. Nothing is written before there is something to say. */
  constructor(folder: string, id: string) {
    this.#path = `${folder}/.debtorrent-${id.slice(0, 40)}`;
    let bytes: Buffer;
    try {
      bytes = readRegular(this.#path);
    } catch {
      return;
    }
    if (bytes.subarray(0, MAGIC.length).toString('latin1') !== MAGIC) return;
    for (let at = MAGIC.length; at + 4 <= bytes.length; at += 4) this.#here.add(bytes.readUInt32BE(at));
  }

  /** As it was found. */
  pieces(): Iterable<number> {
    return this.#here;
  }

  /** Throws when the folder can't be written. */
  add(piece: number): void {
    if (this.#here.has(piece)) return;
    this.#here.add(piece);
    this.#fd ??= this.#open();
    const record = Buffer.alloc(4);
    record.writeUInt32BE(piece);
    writeSync(this.#fd, record);
  }

  /** Nothing is missing, so it isn't needed any more. */
  remove(): void {
    this.close();
    if (this.#here.size > 0) rmSync(this.#path, { force: true });
    this.#here.clear();
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  /** A torn record at its end would shift those that follow. */
  #open(): number {
    const fd = openSync(this.#path, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK, 0o644);
    const stat = fstatSync(fd);
    if (!stat.isFile()) {
      closeSync(fd);
      throw new Error(`could not keep which pieces are here: ${basename(this.#path)} is not a file`);
    }
    const { size } = stat;
    if (size < MAGIC.length) {
      ftruncateSync(fd, 0);
      writeSync(fd, MAGIC);
    } else ftruncateSync(fd, size - ((size - MAGIC.length) % 4));
    return fd;
  }
}

function readRegular(path: string): Buffer {
  const fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile() || stat.size > MAX_BYTES) throw new Error('not a journal');
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}

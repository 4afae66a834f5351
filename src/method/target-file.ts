/**
 * The file that apt named, written in place as it grows: apt shows progress by its size, and a later run, or apt's own
 * method after a redirect, resumes it by its date. So its date is the answer's Last-Modified whenever it is let go of,
 * and one that nobody may resume is emptied. Hashes along; what an earlier run left is hashed when it is taken up.
 */
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  futimesSync,
  lstatSync,
  openSync,
  readSync,
  unlinkSync,
  writeSync,
} from 'node:fs';

const READ_BYTES = 1024 * 1024;

export class TargetFile {
  /** Bytes of it that count. */
  sizeBytes = 0;
  /** What the file gets as its date; the moment it was written when undefined. */
  lastModified: string | undefined;
  readonly #fd: number;
  readonly #algorithm: 'sha256' | 'sha512';
  #hasher: Bun.CryptoHasher;
  #closed = false;

  /** Opens it, or makes it; what is in it stays until restart(). Throws the system's error. */
  constructor(fileName: string, algorithm: 'sha256' | 'sha512') {
    const {
      O_RDWR,
      O_CREAT,
      O_NOFOLLOW,
      O_CLOEXEC = 0,
    } = constants as typeof constants & { O_CLOEXEC?: number };
    this.#fd = openSync(pathOf(fileName), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o644);
    this.#algorithm = algorithm;
    this.#hasher = new Bun.CryptoHasher(algorithm);
  }

  /** From its first byte. */
  restart(): void {
    ftruncateSync(this.#fd, 0);
    this.sizeBytes = 0;
    this.#hasher = new Bun.CryptoHasher(this.#algorithm);
  }

  /** After its first `sizeBytes`, which are hashed now. Throws when it hasn't so many. */
  resume(sizeBytes: number): void {
    ftruncateSync(this.#fd, Math.min(sizeBytes, fstatSync(this.#fd).size));
    this.#hasher = new Bun.CryptoHasher(this.#algorithm);
    const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, Math.max(1, sizeBytes)));
    for (let offset = 0; offset < sizeBytes; ) {
      const got = readSync(this.#fd, buffer, 0, Math.min(buffer.length, sizeBytes - offset), offset);
      if (got === 0) throw new RangeError(`the file has only ${offset} bytes`);
      this.#hasher.update(buffer.subarray(0, got));
      offset += got;
    }
    this.sizeBytes = sizeBytes;
  }

  /** Nothing after close(). */
  append(bytes: Uint8Array): void {
    if (this.#closed) return;
    for (let done = 0; done < bytes.length; ) {
      done += writeSync(this.#fd, bytes, done, bytes.length - done, this.sizeBytes + done);
    }
    this.#hasher.update(bytes);
    this.sizeBytes += bytes.length;
  }

  /** Hexadecimal, of all that counts. */
  digest(): string {
    return this.#hasher.copy().digest('hex');
  }

  /** Gives it its date and lets go of it. Once; never throws. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const dateMs = Date.parse(this.lastModified ?? '');
    try {
      if (!Number.isNaN(dateMs)) futimesSync(this.#fd, dateMs / 1000, dateMs / 1000);
      closeSync(this.#fd);
    } catch {
      // Its date was all that could be lost: whoever resumes starts anew.
    }
  }
}

/** What an earlier run left: size and date. Undefined when there is nothing to resume. */
export function leftOver(
  fileName: string,
): { readonly sizeBytes: number; readonly date: string } | undefined {
  const found = lstatSync(pathOf(fileName), { throwIfNoEntry: false });
  if (!found?.isFile() || found.size === 0) return undefined;
  return { sizeBytes: found.size, date: new Date(found.mtimeMs).toUTCString() };
}

/** Nothing of it may be taken up by anybody. Never throws. */
export function remove(fileName: string): void {
  try {
    unlinkSync(pathOf(fileName));
  } catch {
    // It isn't there.
  }
}

/** Names come as latin1 of their bytes. */
function pathOf(fileName: string): Buffer {
  return Buffer.from(fileName, 'latin1');
}

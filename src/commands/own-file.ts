/**
 * Files that we put into a system beside other people's: each bears the words by which we know it again, is written
 * whole or not at all (temporary file, fsync, rename, fsync of the folder), and a file without the words is never
 * touched, neither overwritten nor removed.
 */
import {
  closeSync,
  fchmodSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** In a comment of every file of ours. */
export const OUR_WORDS = 'Written by `debtorrent apt enable`';

/** Its text, or undefined where there is none. Throws when there is one that isn't ours, or that can't be read. */
export function readOwnFile(path: string): string | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new Error(`could not read ${path}: ${(cause as Error).message}`, { cause });
  }
  if (text.includes(OUR_WORDS)) return text;
  throw new Error(`won't touch ${path}: it was not written by "debtorrent apt enable"; move it away first`);
}

/** False when it was there already, just so. Throws with what to do. */
export function writeOwnFile(path: string, text: string, mode: number): boolean {
  if (readOwnFile(path) === text) return false;
  // apt looks past names that begin with a dot, and at none that dpkg would have left behind.
  const temporary = join(dirname(path), `.${basename(path)}.dpkg-new`);
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
    // What a run that was cut off has left.
    rmSync(temporary, { force: true });
    const fd = openSync(temporary, 'wx', mode);
    try {
      writeFileSync(fd, text);
      // Whatever the umask: apt's own user reads it.
      fchmodSync(fd, mode);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
    syncFolder(dirname(path));
  } catch (cause) {
    discard(temporary);
    throw failed('write', path, cause);
  }
  return true;
}

/** False when there was none. Throws with what to do. */
export function removeOwnFile(path: string): boolean {
  if (readOwnFile(path) === undefined) return false;
  try {
    rmSync(path);
    syncFolder(dirname(path));
  } catch (cause) {
    throw failed('remove', path, cause);
  }
  return true;
}

function discard(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // Something else of that name: not ours to remove.
  }
}

function syncFolder(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function failed(verb: string, path: string, cause: unknown): Error {
  const { code, message } = cause as NodeJS.ErrnoException;
  const reason = code === 'EACCES' || code === 'EPERM' ? 'it needs root; try again with sudo' : message;
  return new Error(`could not ${verb} ${path}: ${reason}`, { cause });
}

/** Where whole files lie: `<dir>/ab/<sha256>`. Knows names and lengths, not what is in them nor which are believed. */
import { closeSync, fstatSync, mkdirSync, openSync, renameSync, rmSync } from 'node:fs';
import type { Sha256 } from '../lib/sha256.ts';

export class FileTree {
  readonly dir: string;
  readonly #prefixesMade = new Set<string>();

  /** Throws the system's error when the folder can't be made. */
  constructor(dir: string) {
    this.dir = dir;
    mkdirSync(dir, { recursive: true });
  }

  pathOf(key: Sha256): string {
    return `${this.dir}/${key.slice(0, 2)}/${key}`;
  }

  /** The file at `path` becomes that of the key, in one step. */
  take(path: string, key: Sha256): void {
    const prefix = key.slice(0, 2);
    if (!this.#prefixesMade.has(prefix)) {
      mkdirSync(`${this.dir}/${prefix}`, { recursive: true });
      this.#prefixesMade.add(prefix);
    }
    renameSync(path, this.pathOf(key));
  }

  /** A file descriptor, if the file is there and as long as it should be. */
  open(key: Sha256, sizeBytes: number): number | undefined {
    let fd: number;
    try {
      fd = openSync(this.pathOf(key), 'r');
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'ENOENT' || code === 'EISDIR') return undefined;
      throw error;
    }
    if (fstatSync(fd).size === sizeBytes) return fd;
    closeSync(fd);
    return undefined;
  }

  remove(key: Sha256): void {
    rmSync(this.pathOf(key), { force: true });
  }
}

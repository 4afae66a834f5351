/**
 * What lies in a tree of files: the paths of all regular files below its root. It decides what of links: one to a file or
 * a folder inside the tree is followed, one that leads out of it isn't; no folder is entered inside itself, nor by more
 * than a few names. Names that begin with a dot are passed over (rsync's and debmirror's unfinished files). It only
 * reads; what can't be read is named to `unreadable` and passed over.
 */
import { type Dirent, readdirSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';

export interface TreeWalkOptions {
  /** Its real path: no link in it. */
  readonly root: string;
  /** "pool/main/x: EACCES: permission denied" */
  readonly unreadable: (path: string, reason: string) => void;
  /** Folders that aren't entered, by their path below the root. */
  readonly isClosed?: (path: string) => boolean;
}

/** Below the root, without a slash in front; "" is the root itself. */
export interface TreeFolder {
  readonly path: string;
  /** Where it really is. */
  readonly real: string;
  /** Names of what counts as a regular file in it, sorted. */
  readonly files: readonly string[];
}

const MAX_DEPTH = 32;
/** By links, besides its own place. */
const MAX_NAMES_OF_A_FOLDER = 4;

/** One folder after another, each before what is in it. */
export class TreeWalk {
  readonly #options: TreeWalkOptions;
  /** How often a folder was entered by a link, by its real path. */
  readonly #entered = new Map<string, number>();

  constructor(options: TreeWalkOptions) {
    this.#options = options;
  }

  folders(): Generator<TreeFolder> {
    return this.#walk('', this.#options.root, 0);
  }

  *#walk(path: string, real: string, depth: number): Generator<TreeFolder> {
    if (depth > MAX_DEPTH || this.#options.isClosed?.(path)) return;
    const files: string[] = [];
    const folders: { readonly path: string; readonly real: string }[] = [];
    for (const entry of this.#entries(path, real)) {
      const { name } = entry;
      if (name.startsWith('.')) continue;
      const below = path === '' ? name : `${path}/${name}`;
      if (entry.isFile()) files.push(name);
      else if (entry.isDirectory()) folders.push({ path: below, real: join(real, name) });
      else if (entry.isSymbolicLink()) {
        const target = this.#targetOf(join(real, name));
        if (target?.isFile) files.push(name);
        else if (target && this.#mayEnter(target.path, real))
          folders.push({ path: below, real: target.path });
      }
    }
    yield { path, real, files: files.sort() };
    for (const folder of folders) yield* this.#walk(folder.path, folder.real, depth + 1);
  }

  #entries(path: string, real: string): Dirent[] {
    try {
      return readdirSync(real, { withFileTypes: true });
    } catch (error) {
      // Gone since its parent was read: a sync is at work.
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ENOENT' && code !== 'ENOTDIR') this.#options.unreadable(path, (error as Error).message);
      return [];
    }
  }

  /** Undefined where a link leads to nothing, out of the tree, or to what is neither a file nor a folder. */
  #targetOf(link: string): { readonly path: string; readonly isFile: boolean } | undefined {
    try {
      const path = realpathSync(link);
      if (!isBelow(path, this.#options.root)) return undefined;
      const stat = statSync(path);
      return stat.isFile() || stat.isDirectory() ? { path, isFile: stat.isFile() } : undefined;
    } catch {
      return undefined;
    }
  }

  /** From the folder `from`, by a link. */
  #mayEnter(real: string, from: string): boolean {
    if (from === real || isBelow(from, real)) return false;
    const times = (this.#entered.get(real) ?? 0) + 1;
    this.#entered.set(real, times);
    return times <= MAX_NAMES_OF_A_FOLDER;
  }
}

/** Whether that is inside of the folder; both real paths. */
export function isBelow(path: string, folder: string): boolean {
  return path.startsWith(folder.endsWith('/') ? folder : `${folder}/`);
}

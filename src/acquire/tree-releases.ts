/**
 * Where the archives of a tree have their Releases: in each folder of a dists/, and beside the packages of a flat
 * repository. It decides where is looked (not in pools, and under dists/ no deeper than a Release), and that a suite
 * which is only another name for one (stable → bookworm) counts once.
 */
import { join } from 'node:path';
import { TreeWalk } from './tree-walk.ts';

export interface TreeRelease {
  /** Of its folder, below the tree's root; "" is the root itself. */
  readonly directory: string;
  /** Which files it has: InRelease, or Release and perhaps Release.gpg. */
  readonly files: readonly string[];
}

const RELEASE_FILES = ['InRelease', 'Release', 'Release.gpg'];
/** No Release is ever in these, or none that a signature is for. */
const CLOSED = /(?:^|\/)(?:pool|by-hash|project|indices|doc|tools|installer-[^/]+|[^/]+\.diff)$/;
const MAX_FOLDERS = 50_000;
const MAX_DEPTH = 10;

/** Never throws. In the order of paths. */
export function findReleases(
  root: string,
  unreadable: (path: string, reason: string) => void,
): TreeRelease[] {
  const found = new Map<string, TreeRelease>();
  /** Folders with a Release, by any name. */
  const suites = new Set<string>();
  const isInsideSuite = (path: string) => {
    const dists = /^(?:.*\/)?dists(?=\/)/.exec(path)?.[0];
    if (dists === undefined) return false;
    for (let at = path.lastIndexOf('/'); at > dists.length; at = path.lastIndexOf('/', at - 1))
      if (suites.has(path.slice(0, at))) return true;
    return false;
  };
  const walk = new TreeWalk({
    root,
    unreadable,
    isClosed: (path) => CLOSED.test(path) || path.split('/').length > MAX_DEPTH || isInsideSuite(path),
  });
  let folders = 0;
  for (const { path, real, files } of walk.folders()) {
    folders += 1;
    if (folders > MAX_FOLDERS) break;
    const its = RELEASE_FILES.filter((name) => files.includes(name));
    if (!its.includes('InRelease') && !its.includes('Release')) continue;
    suites.add(path);
    // By its own name rather than by a link's.
    if (!found.has(real) || real === join(root, path)) found.set(real, { directory: path, files: its });
  }
  return [...found.values()].sort((a, b) => (a.directory < b.directory ? -1 : 1));
}

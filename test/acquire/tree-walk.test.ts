import { afterEach, describe, expect, test } from 'bun:test';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { findReleases } from '../../src/acquire/tree-releases.ts';
import { TreeWalk } from '../../src/acquire/tree-walk.ts';
import { type TempDir, tempDir } from '../fixtures/temp-dir.ts';

const directories: TempDir[] = [];
afterEach(() => {
  for (const directory of directories.splice(0)) directory[Symbol.dispose]();
});

/** A tree with these files; "a -> b" is a link. Returns its root, which is in a folder of its own. */
function tree(...names: readonly string[]): string {
  const directory = tempDir('tree-walk');
  directories.push(directory);
  const root = join(directory.path, 'root');
  mkdirSync(root);
  for (const name of names) {
    const [path = '', target] = name.split(' -> ');
    mkdirSync(dirname(join(root, path)), { recursive: true });
    if (target === undefined) writeFileSync(join(root, path), 'bytes');
    else symlinkSync(target, join(root, path));
  }
  return root;
}

const unreadable = (path: string, reason: string) => {
  throw new Error(`${path}: ${reason}`);
};

function filesIn(root: string): string[] {
  const folders = [...new TreeWalk({ root, unreadable }).folders()];
  return folders
    .flatMap(({ path, files }) => files.map((name) => (path === '' ? name : `${path}/${name}`)))
    .sort();
}

describe('TreeWalk', () => {
  test('names all regular files, and passes over what begins with a dot', () => {
    const root = tree('a', 'pool/b', 'pool/c/d', 'pool/.d.deb.XyZ', '.~tmp~/e');
    expect(filesIn(root)).toEqual(['a', 'pool/b', 'pool/c/d']);
  });

  test('follows links to files and folders inside the tree', () => {
    const root = tree(
      'pool/a',
      'debian/pool -> ../pool',
      'debian/a -> ../pool/a',
      'debian/absolute -> nowhere',
    );
    expect(filesIn(root)).toEqual(['debian/a', 'debian/pool/a', 'pool/a']);
  });

  test('follows no link out of the tree, nor to its own parents', () => {
    const root = tree(
      'pool/a',
      'pool/up -> ..',
      'pool/self -> .',
      'out -> /etc',
      'passwd -> /etc/passwd',
      'beside -> ../root2',
    );
    mkdirSync(`${root}2`);
    writeFileSync(`${root}2/secret`, '');
    expect(filesIn(root)).toEqual(['pool/a']);
  });

  test('ends, however folders are linked to each other', () => {
    const links = Array.from({ length: 12 }, (_, i) => [
      `d${i}/file`,
      ...Array.from({ length: 12 }, (_, j) => `d${i}/to${j} -> ../d${j}`),
    ]).flat();
    expect(filesIn(tree(...links)).length).toBeLessThan(100);
  });

  test('a folder that is gone by the time it is read has nothing in it, and that is no trouble', () => {
    const told: string[] = [];
    const root = tree('a', 'b/c');
    const walk = new TreeWalk({ root: `${root}/a`, unreadable: (path) => told.push(path) });
    expect([...walk.folders()].flatMap(({ files }) => files)).toEqual([]);
    expect(told).toEqual([]);
  });
});

describe('findReleases()', () => {
  const directoriesIn = (root: string) => findReleases(root, unreadable).map(({ directory }) => directory);

  test('in each dists/, also of several archives below one root, and of suites with a slash', () => {
    const root = tree(
      ...['debian/dists/bookworm/InRelease', 'debian/dists/bookworm/main/binary-amd64/Release'],
      ...[
        'security/dists/buster/updates/Release',
        'security/dists/buster/updates/Release.gpg',
        'debian/pool/Release',
      ],
    );
    expect(findReleases(root, unreadable)).toEqual([
      { directory: 'debian/dists/bookworm', files: ['InRelease'] },
      { directory: 'security/dists/buster/updates', files: ['Release', 'Release.gpg'] },
    ]);
  });

  test('a flat repository, in the root itself, too', () => {
    expect(directoriesIn(tree('Release', 'Packages', 'a.deb'))).toEqual(['']);
    expect(directoriesIn(tree('flat/InRelease', 'flat/sub/InRelease'))).toEqual(['flat', 'flat/sub']);
  });

  test('a suite that is another name for one counts once, by its own name', () => {
    const root = tree('dists/bookworm/InRelease', 'dists/a-stable -> bookworm', 'dists/stable -> bookworm');
    expect(directoriesIn(root)).toEqual(['dists/bookworm']);
  });

  test('what only a link leads to is found by that: a publication that is switched', () => {
    const root = tree('.published/one/dists/bookworm/InRelease', 'debian -> .published/one');
    expect(directoriesIn(root)).toEqual(['debian/dists/bookworm']);
  });

  test('nothing where there is none', () => {
    expect(directoriesIn(tree('pool/main/a.deb', 'dists/bookworm/Release.gpg'))).toEqual([]);
  });
});

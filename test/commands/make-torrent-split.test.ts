import { describe, expect, test } from 'bun:test';
import {
  GROUP_MAX_BYTES,
  GROUP_MAX_FILES,
  pieceLengthFor,
  type SplitFile,
  splitFiles,
} from '../../src/commands/make-torrent-split.ts';
import { random } from '../bencode/random.ts';

/** A pool of many sources, a few files each. */
function pool(sources: number, seed = 1, component = 'main'): SplitFile[] {
  const { int } = random(seed);
  const files: SplitFile[] = [];
  for (let i = 0; i < sources; i++) {
    const name = `${String.fromCharCode(97 + int(26))}${int(1e9).toString(36)}`;
    for (let n = int(4); n >= 0; n--)
      files.push({
        path: `pool/${component}/${name[0]}/${name}/${name}-${n}_1_all.deb`,
        sizeBytes: int(2_000_000),
      });
  }
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

const names = (files: readonly SplitFile[]) =>
  splitFiles(files).map((group) => group.files.map(({ path }) => path).join());
const bytesOf = (files: readonly SplitFile[]) => files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);

describe('splitFiles()', () => {
  test('a small archive is one torrent', () => {
    const files = pool(100);
    expect(splitFiles(files)).toEqual([{ stem: '', files, pieceLength: 65_536 }]);
    expect(splitFiles([])).toEqual([]);
  });

  test('a large one is several: every file once, in order, folders whole, none too large', () => {
    const files = pool(10_000);
    const groups = splitFiles(files);
    expect(groups.length).toBeGreaterThan(20);
    expect(groups.length).toBeLessThan(100);
    expect(groups.flatMap((group) => group.files)).toEqual(files);
    expect(new Set(groups.map(({ stem }) => stem)).size).toBe(groups.length);
    const folders = groups.map((group) => new Set(group.files.map(({ path }) => path.replace(/[^/]*$/, ''))));
    expect(folders.reduce((sum, { size }) => sum + size, 0)).toBe(
      new Set(folders.flatMap((set) => [...set])).size,
    );
    for (const group of groups) {
      expect(group.files.length).toBeLessThanOrEqual(GROUP_MAX_FILES);
      expect(bytesOf(group.files)).toBeLessThanOrEqual(GROUP_MAX_BYTES);
    }
  });

  test('an update changes few torrents', () => {
    const before = pool(10_000);
    const changed = before.flatMap((file, i) => {
      if (i % 1000 === 0) return [];
      return i % 1000 === 500 ? [file, { ...file, path: file.path.replace('_1_', '_2_') }] : [file];
    });
    const known = new Set(names(before));
    const fresh = names(changed).filter((group) => !known.has(group));
    // Two changes in a thousand files: each makes one torrent anew, and where it was full the next one too.
    expect(fresh.length).toBeLessThanOrEqual(Math.ceil((2 * before.length) / 1000) + 2);
  });

  test('components do not meet in one torrent of a large archive', () => {
    const files = [...pool(3000, 2, 'contrib'), ...pool(3000, 3, 'main')];
    for (const group of splitFiles(files)) {
      expect(new Set(group.files.map(({ path }) => path.split('/')[1])).size).toBe(1);
    }
  });

  test('a folder of more than a torrent takes is divided, a file of more is alone', () => {
    const many = Array.from({ length: 4000 }, (_, i) => ({
      path: `pool/x/${String(i).padStart(5, '0')}`,
      sizeBytes: 1,
    }));
    expect(splitFiles(many).map(({ files }) => files.length)).toEqual([1500, 1500, 1000]);
    const large = ['a', 'b', 'c'].map((name) => ({ path: `pool/${name}`, sizeBytes: 3 * 2 ** 30 }));
    expect(splitFiles(large).map(({ stem, files }) => [stem, files.length])).toEqual([
      ['pool/a', 1],
      ['pool/b', 1],
      ['pool/c', 1],
    ]);
    expect(splitFiles([{ path: 'a', sizeBytes: 2 ** 40 }])).toHaveLength(1);
  });

  test('files without a byte make no torrent', () => {
    expect(splitFiles([{ path: 'a', sizeBytes: 0 }])).toEqual([]);
  });
});

test('pieceLengthFor() gives a power of two from 64 KiB up, for some thousand pieces', () => {
  expect([1, 2 ** 29, 2 ** 29 + 1, 2 ** 32, 2 ** 50].map(pieceLengthFor)).toEqual([
    65_536, 65_536, 131_072, 524_288, 16_777_216,
  ]);
});

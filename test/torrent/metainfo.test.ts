/**
 * The samples are torrents of one small tree, made by programs that nobody here wrote: libtorrent 2.0.8's
 * create_torrent, mktorrent 1.1 and transmission-create 3.00. The info-hashes are what libtorrent says of them.
 */
import { describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeDict } from '../../src/bencode/decode.ts';
import { encode } from '../../src/bencode/encode.ts';
import { type BInput, type BInputDict, keyFromBytes } from '../../src/bencode/value.ts';
import { ProtocolError } from '../../src/lib/errors.ts';
import {
  type Metainfo,
  parseInfo,
  parseMetainfo,
  swarmHashes,
  TORRENT_MAX_BYTES,
} from '../../src/torrent/metainfo.ts';
import { MAX_FILES } from '../../src/torrent/torrent-files.ts';
import { random } from '../bencode/random.ts';

const PIECE = 16 * 1024;
const sample = (name: string) => readFileSync(join(import.meta.dir, 'samples', `${name}.torrent`));
const read = (name: string) => parseMetainfo(sample(name));
const proper = (torrent: Metainfo) =>
  torrent.files.filter((file) => !file.isPadding).map(({ path, sizeBytes }) => [path.join('/'), sizeBytes]);

const IN_TREE_ORDER = [
  ['mix/a.bin', 100],
  ['mix/b/c.bin', 16_384],
  ['mix/b/d.bin', 70_000],
  ['mix/b.txt', 40_000],
  ['mix/empty', 0],
  ['mix/ü.bin', 16_385],
];

describe('parseMetainfo() of torrents that other programs made', () => {
  test.each([
    [
      'libtorrent-hybrid',
      '7375c334c599055ce656b075bd41f62ed3c5e514',
      '70585163f075dc70948c8aca57ba1ad57cd644e07a0033a4bdbbe4467d2723c5',
    ],
    [
      'libtorrent-hybrid-32k',
      '13f22858ca493e85e06309694628ea2c26441512',
      'c2dbbf23b8e62f05eca249a94f8ec6f3d9575535cfd904f653232f74685fe863',
    ],
    [
      'libtorrent-single-hybrid',
      '910d7f1cad7735bae6ee1595cc2c67a5ba5ac9ae',
      '1d9ec8fc71cdcf060dee3324f7cdce401c8d49145c8fc9721d24e9fe343ba727',
    ],
    ['libtorrent-v1', 'd84bc51572fff17bf37ccbbbb6605d7ebb89ee6e', undefined],
    ['libtorrent-v2', undefined, '4c48102bbbd3d7f5d752883b0aef694aaf8db646d85d8526a6225ca53115bbf8'],
    ['libtorrent-single-v2', undefined, '079e22a231fe9ae903b8cb0851ddc7e47e5d483a6543db016c9bd59ff342be1b'],
    ['mktorrent-v1', 'd7f954393bed3b9cdc6599ff922e4d06e1200b47', undefined],
    ['transmission-v1', 'b1983b609173719dbce318115481117454f9f1ea', undefined],
  ])('%s: info-hashes, and the same again from its info alone', (name, v1, v2) => {
    const torrent = read(name);
    expect([torrent.infoHashV1, torrent.infoHashV2] as unknown[]).toEqual([v1, v2]);
    const { layers: _, trackers, webSeeds, comment, createdBy, createdAtMs, ...info } = torrent;
    expect(parseInfo(torrent.info)).toMatchObject(info as object);
    expect(swarmHashes(torrent) as string[]).toEqual(
      [v1, v2?.slice(0, 40)].filter((hash) => hash !== undefined),
    );
  });

  test('a hybrid: files in the order of the tree, each at the beginning of a piece, with its root', () => {
    for (const name of ['libtorrent-hybrid', 'libtorrent-hybrid-32k']) {
      const torrent = read(name);
      expect(proper(torrent)).toEqual(IN_TREE_ORDER);
      expect(torrent.contentBytes).toBe(142_869);
      for (const { sizeBytes, offset, isPadding, piecesRoot } of torrent.files) {
        expect(piecesRoot?.length).toBe(isPadding || sizeBytes === 0 ? undefined : 32);
        if (piecesRoot) expect(offset % torrent.pieceLength).toBe(0);
      }
      expect(torrent.spaceBytes).toBe(torrent.pieceCount * torrent.pieceLength);
      expect(torrent.pieces?.length).toBe(torrent.pieceCount * 20);
      expect(torrent.layers.size).toBe(torrent.pieceLength === PIECE ? 3 : 2);
    }
  });

  test('version 2: each file begins with a piece, and the last piece is as long as it is', () => {
    const torrent = read('libtorrent-v2');
    expect(proper(torrent)).toEqual(IN_TREE_ORDER);
    expect(torrent.files.map(({ offset }) => offset / 32_768)).toEqual([0, 1, 2, 5, 6.220703125, 7]);
    expect(torrent).toMatchObject({ pieceCount: 8, spaceBytes: 7 * 32_768 + 16_385, pieces: undefined });
  });

  test('version 1: one file after the other', () => {
    const torrent = read('transmission-v1');
    expect(torrent.files.map(({ path, offset }) => [path.at(-1), offset])).toEqual([
      ['ü.bin', 0],
      ['a.bin', 16_385],
      ['b.txt', 16_485],
      ['c.bin', 56_485],
      ['d.bin', 72_869],
    ]);
    expect(torrent).toMatchObject({
      isPrivate: true,
      layers: new Map(),
      createdBy: expect.stringMatching(/^Tr/),
    });
    expect(read('mktorrent-v1').isPrivate).toBe(false);
  });

  test('one file lies by itself, not in a folder', () => {
    for (const name of ['libtorrent-single-hybrid', 'libtorrent-single-v2']) {
      expect(proper(read(name))).toEqual([['d.bin', 70_000]]);
    }
  });

  test('trackers in tiers, web seeds as text or list', () => {
    expect(read('libtorrent-hybrid').trackers).toEqual([
      ['udp://tracker.example:6969/announce'],
      ['http://tracker.example/announce'],
    ]);
    expect(read('mktorrent-v1').trackers).toEqual([['http://tracker.example/announce']]);
    expect(read('mktorrent-v1').webSeeds).toEqual(['http://mirror.example/']);
    expect(read('libtorrent-v2').webSeeds).toEqual(['http://a.example/', 'http://b.example/']);
  });
});

/** A torrent of one file of 20,000 bytes, to be changed. */
const v1 = (info: BInputDict = {}, outer: BInputDict = {}) =>
  encode({
    info: { length: 20_000, name: 'n', 'piece length': PIECE, pieces: new Uint8Array(40), ...info },
    ...outer,
  });
const v1Files = (files: BInput[], pieces = 2) =>
  v1({ length: undefined, files, pieces: new Uint8Array(pieces * 20) });
const file = (path: BInput[], length = 20_000, more: BInputDict = {}): BInputDict => ({
  length,
  path,
  ...more,
});
const leaf = (length: number, more: BInputDict = {}) => ({
  '': { length, 'pieces root': length === 0 ? undefined : new Uint8Array(32).fill(1), ...more },
});
const v2 = (tree: BInputDict, info: BInputDict = {}, outer: BInputDict = {}) =>
  encode({
    info: { 'file tree': tree, 'meta version': 2, name: 'n', 'piece length': PIECE, ...info },
    'piece layers': {},
    ...outer,
  });
const hybrid = (tree: BInputDict, files: BInput[], pieces = 1) =>
  v2(tree, { files, pieces: new Uint8Array(20 * pieces) });
const bytes = (...values: number[]) => Uint8Array.from(values);

describe('parseMetainfo() takes', () => {
  test('keys in any order outside of info, and nowhere else', () => {
    const info = decodeDict(v1()).info as BInputDict;
    const unsorted = Buffer.concat([Buffer.from('d4:info'), encode(info), Buffer.from('8:announce3:abce')]);
    expect(parseMetainfo(unsorted).name).toBe('n');
    const inside = Buffer.from(
      `d4:infod4:name1:n6:lengthi1e12:piece lengthi16384e6:pieces20:${'x'.repeat(20)}ee`,
    );
    expect(() => parseMetainfo(inside)).toThrow(/not sorted/);
  });
  test('names of other clients: UTF-8 beside another encoding', () => {
    const torrent = parseMetainfo(v1Files([file([bytes(0xff)], 20_000, { 'path.utf-8': ['ä', 'ö'] })]));
    expect(torrent.files[0]?.path).toEqual(['n', 'ä', 'ö']);
  });
  test('names that only look dangerous, and names that differ in case', () => {
    const names = [
      '...',
      '..a',
      '.hidden',
      'a b',
      'C:',
      'con',
      'README',
      'readme',
      '__proto__',
      'constructor',
      '10',
      '9',
    ];
    const torrent = parseMetainfo(
      v1Files(
        names.map((name) => file([name], 1)),
        1,
      ),
    );
    expect(torrent.files.map(({ path }) => path[1] ?? '')).toEqual(names);
    const sorted = [...names].sort();
    const tree = Object.assign(Object.create(null), Object.fromEntries(names.map((name) => [name, leaf(1)])));
    Object.defineProperty(tree, '__proto__', { value: leaf(1), enumerable: true });
    expect(parseMetainfo(v2(tree)).files.map(({ path }) => path[1] ?? '')).toEqual(sorted);
  });
  test("padding by its attribute, without a path, and by BitComet's name", () => {
    const files = [
      file(['a'], 1),
      { attr: 'p', length: PIECE - 1 },
      file(['b'], 1),
      file(['_____padding_file_0_if you see this file'], PIECE - 1),
      file(['c'], 1),
    ];
    const torrent = parseMetainfo(v1Files(files, 3));
    expect(torrent.files.map(({ isPadding }) => isPadding)).toEqual([false, true, false, true, false]);
    expect(torrent).toMatchObject({ contentBytes: 3, spaceBytes: 2 * PIECE + 1 });
  });
  test('symbolic links by leaving them out', () => {
    const link = { attr: 'l', 'symlink path': ['..', '..', 'etc', 'passwd'] };
    const torrent = parseMetainfo(v1Files([file(['a']), { ...link, length: 0, path: ['b'] }]));
    expect(torrent).toMatchObject({ symlinks: 1, files: [{ path: ['n', 'a'] }] });
    expect(parseMetainfo(v2({ a: leaf(1), b: { '': link } }))).toMatchObject({ symlinks: 1 });
    expect(parseMetainfo(v2({ a: leaf(1), b: { '': link } })).files).toHaveLength(1);
  });
  test('a tree of one file as that file, of one folder as a folder', () => {
    expect(parseMetainfo(v2({ a: leaf(1) })).files[0]?.path).toEqual(['a']);
    expect(parseMetainfo(v2({ d: { a: leaf(1) } })).files[0]?.path).toEqual(['n', 'd', 'a']);
    expect(parseMetainfo(hybrid({ a: leaf(1) }, [file(['a'], 1)])).files[0]?.path).toEqual(['n', 'a']);
  });
  test('trackers and web seeds of other kinds, and remarks that make no sense, by leaving them out', () => {
    const torrent = parseMetainfo(
      v1(
        {},
        {
          announce: 'wss://tracker.example',
          'announce-list': [['wss://a.example', 'udp://a.example:1'], 'http://b.example/', 7, []],
          'url-list': ['', 'ftp://x.example/', 'https://x.example/', 5],
          comment: 5,
          'creation date': -1,
        },
      ),
    );
    expect(torrent.trackers).toEqual([['udp://a.example:1'], ['http://b.example/']]);
    expect(torrent.webSeeds).toEqual(['https://x.example/']);
    expect(torrent).toMatchObject({ comment: undefined, createdBy: undefined, createdAtMs: undefined });
  });
  test('at most 1,000 trackers and web seeds', () => {
    const many = Array.from({ length: 1500 }, (_, i) => `http://${i}.example/`);
    const torrent = parseMetainfo(v1({}, { 'announce-list': many.map((url) => [url]), 'url-list': many }));
    expect([torrent.trackers.length, torrent.webSeeds.length]).toEqual([1000, 1000]);
  });
});

describe('parseMetainfo() refuses, and says what is wrong:', () => {
  const long = 'x'.repeat(256);
  const cases: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ['what is no bencoding', Buffer.from('<html>'), /could not read torrent: .*bencoding/],
    ['what is cut short', v1().subarray(0, 50), /longer than what is there|cut short/],
    ['what has something behind it', Buffer.concat([v1(), Buffer.from('x')]), /trailing bytes/],
    ['a torrent without info', encode({ announce: 'x' }), /"info" is missing/],
    ['an info that is no dictionary', encode({ info: 'x' }), /"info" is not a dictionary/],
    ['no name', v1({ name: undefined }), /"name" is missing/],
    ['an empty name', v1({ name: '' }), /empty name/],
    ['".." as its name', v1({ name: '..' }), /"name": "\.\." as a name/],
    ['an absolute name', v1({ name: '/etc' }), /path separator in \/etc/],
    ['a name that is not UTF-8', v1({ name: bytes(0xc3, 0x28) }), /"name" is not UTF-8/],
    ['a UTF-16 surrogate in UTF-8', v1({ name: bytes(0xed, 0xa0, 0x80) }), /"name" is not UTF-8/],
    ['an overlong "/" in UTF-8', v1({ name: bytes(0xc0, 0xaf) }), /"name" is not UTF-8/],
    ['path traversal', v1Files([file(['..', '..', 'etc', 'passwd'])]), /"\.\." as a name/],
    ['"." in a path', v1Files([file(['.', 'a'])]), /"\." as a name/],
    ['an empty component', v1Files([file(['a', '', 'b'])]), /empty name/],
    ['an empty path', v1Files([file([])]), /"path" is empty/],
    ['no path', v1Files([{ length: 20_000 }]), /"path" is missing/],
    ['"/" in a component', v1Files([file(['a/../../b'])]), /path separator/],
    ['"\\" in a component', v1Files([file(['..\\b'])]), /path separator/],
    ['NUL', v1Files([file(['a\0b'])]), /control character in a\\u\{0\}b/],
    ['a line break', v1Files([file(['a\nb'])]), /control character/],
    ['a terminal sequence', v1Files([file(['\x1b[2J'])]), /control character in \\u\{1b\}\[2J/],
    ['a path that is not UTF-8', v1Files([file([bytes(0xff, 0xfe)])]), /"path" is not UTF-8/],
    ['a path of numbers', v1Files([file([1, 2])]), /"path" is not a byte string/],
    ['a name of 256 bytes', v1Files([file([long])]), /longer than 255 bytes/],
    ['a path of 49 names', v1Files([file(Array.from({ length: 48 }, () => 'a'))]), /more than 48 names/],
    [
      'a path of 2,049 bytes',
      v1Files([file(Array.from({ length: 20 }, () => 'y'.repeat(110)))]),
      /longer than 2048 bytes/,
    ],
    ['the same file twice', v1Files([file(['a'], 1), file(['a'], 1)]), /the file n\/a twice/],
    ['a file as a folder', v1Files([file(['a'], 1), file(['a', 'b'], 1)]), /a both file and folder/],
    ['a folder as a file', v1Files([file(['a', 'b', 'c'], 1), file(['a'], 1)]), /a both file and folder/],
    ['no files', v1Files([]), /no file in it has any bytes/],
    ['empty files only', v1Files([file(['a'], 0)], 0), /no file in it has any bytes/],
    ['files that are no list', v1({ length: undefined, files: 5 }), /"files" is not a list/],
    ['files that are no dictionaries', v1Files(['x']), /something else than dictionaries/],
    ['length and files', v1({ files: [file(['a'])] }), /both "length" and "files"/],
    ['neither length nor files', v1({ length: undefined }), /neither "length" nor "files"/],
    ['a negative size', v1({ length: -1 }), /"length" is not within/],
    ['a negative size in a list', v1Files([file(['a'], -5)]), /"length" is not within/],
    ['a size beyond 2^53', v1({ length: 2n ** 53n }), /outside ±\(2\^53-1\)/],
    [
      'sizes of more than 2^53 together',
      v1Files([file(['a'], 2 ** 53 - 1), file(['b'], 1)]),
      /2\^53-1 bytes in all/,
    ],
    ['10 GB of two pieces', v1({ length: 10 ** 10 }), /"pieces" has 40 bytes: 610352 pieces need 12207040/],
    ['more pieces than a torrent may have', v1({ length: 2 ** 40 }), /more than 4194304 pieces/],
    ['one piece too many', v1({ pieces: new Uint8Array(60) }), /"pieces" has 60 bytes: 2 pieces need 40/],
    ['pieces of a wrong length', v1({ pieces: new Uint8Array(41) }), /"pieces" has 41 bytes/],
    ['no pieces', v1({ pieces: undefined }), /"pieces" is missing/],
    ['pieces of 0 bytes', v1({ 'piece length': 0 }), /"piece length" is not within/],
    ['pieces of 256 MiB', v1({ 'piece length': 256 << 20 }), /"piece length" is not within/],
    [
      'padding longer than a piece',
      v1Files([file(['a']), { attr: 'p', length: PIECE }], 3),
      /padding as long as a piece/,
    ],
    [
      'a symbolic link with bytes',
      v1Files([file(['a']), file(['b'], 5, { attr: 'l' })]),
      /symbolic link with bytes/,
    ],
    ['a symbolic link alone', v1({ attr: 'l' }), /symbolic link as the only file/],
    ['a later version', v2({ a: leaf(1) }, { 'meta version': 3 }), /"meta version" is 3/],
    ['a tree without version', v1({ 'file tree': {} }), /"file tree" without "meta version"/],
    ['version 2 without a tree', v1({ 'meta version': 2 }), /"file tree" is missing/],
    ['a tree that is a file', v2({ '': { length: 1 } }), /"file tree" is itself a file/],
    ['a tree with ".."', v2({ '..': { a: leaf(1) } }), /"file tree": "\.\." as a name/],
    ['a tree with "/"', v2({ '/etc': { a: leaf(1) } }), /path separator/],
    ['a tree with NUL', v2({ 'a\0': leaf(1) }), /control character/],
    ['a tree of names that are not UTF-8', v2({ '\xff': leaf(1), a: leaf(1) }), /"file tree" is not UTF-8/],
    ['a tree of something else', v2({ a: 5 }), /something else than dictionaries/],
    ['a leaf of something else', v2({ a: { '': 5 } }), /"" is not a dictionary/],
    ['a file and folder in one', v2({ a: { ...leaf(1), b: leaf(1) } }), /a both file and folder/],
    ['an empty tree', v2({}), /no file in it has any bytes/],
    ['padding in a tree', v2({ a: leaf(1, { attr: 'p' }) }), /padding in "file tree"/],
    ['no root', v2({ a: leaf(1, { 'pieces root': undefined }) }), /"pieces root" is missing/],
    ['a short root', v2({ a: leaf(1, { 'pieces root': 'x' }) }), /"pieces root" is not 32 bytes long/],
    ['a negative size in a tree', v2({ a: leaf(-1) }), /"length" is not within/],
    [
      'version 2 in pieces that are no power of two',
      v2({ a: leaf(1) }, { 'piece length': 3 * PIECE }),
      /not a power of two/,
    ],
    [
      'version 2 in pieces below 16 KiB',
      v2({ a: leaf(1) }, { 'piece length': 8192 }),
      /"piece length" is not within/,
    ],
    ['too many pieces by roots alone', v2({ a: leaf(2 ** 50) }), /more than 4194304 pieces/],
    [
      'a hybrid of different sizes',
      hybrid({ a: leaf(1) }, [file(['a'], 2)]),
      /do not describe the same files/,
    ],
    [
      'a hybrid of different names',
      hybrid({ a: leaf(1) }, [file(['b'], 1)]),
      /do not describe the same files/,
    ],
    [
      'a hybrid with a file less',
      hybrid({ a: leaf(1), b: leaf(0) }, [file(['a'], 1)]),
      /do not describe the same files/,
    ],
    [
      'a hybrid with a file more',
      hybrid({ a: leaf(1) }, [file(['a'], 1), file(['b'], 0)]),
      /do not describe the same files/,
    ],
    [
      'a hybrid without padding',
      hybrid({ a: leaf(1), b: leaf(1) }, [file(['a'], 1), file(['b'], 1)]),
      /does not begin with a piece/,
    ],
    [
      'a hybrid without files for its pieces',
      v2({ a: leaf(1) }, { pieces: new Uint8Array(20) }),
      /neither "length" nor "files"/,
    ],
    ['nesting', Buffer.from(`d4:info${'l'.repeat(100)}${'e'.repeat(100)}e`), /nested deeper than 56/],
    ['no layer for a root', v2({ a: leaf(20_000) }), /"piece layers" has none for the root 0101/],
  ];
  test.each(cases)('%s', (_, torrent, reason) => {
    expect(() => parseMetainfo(torrent)).toThrow(reason);
    expect(() => parseMetainfo(torrent)).toThrow(ProtocolError);
  });

  test('layers that are too short, too long, of another file or changed', () => {
    const dict: BInputDict = decodeDict(sample('libtorrent-v2'));
    const layers = dict['piece layers'] as Record<string, Uint8Array>;
    const [first, second] = Object.keys(layers) as [string, string];
    const changed = Uint8Array.from(layers[first] as Uint8Array);
    changed[40] = (changed[40] as number) ^ 1;
    for (const layer of [
      layers[first]?.subarray(32),
      Buffer.concat([changed, changed]),
      layers[second],
      changed,
    ]) {
      const torrent = encode({ ...dict, 'piece layers': { ...layers, [first]: layer } });
      expect(() => parseMetainfo(torrent)).toThrow(/does not belong to the root/);
    }
    const torrent = parseMetainfo(encode({ ...dict, 'piece layers': { ...layers, more: 'x' } }));
    expect([...torrent.layers.keys()].sort()).toEqual(
      [first, second].map((key) => Buffer.from(key, 'latin1').toString('hex')).sort(),
    );
  });

  test('one root for two sizes', () => {
    const info = read('libtorrent-v2').files.find(({ sizeBytes }) => sizeBytes === 70_000);
    const root = info?.piecesRoot as Uint8Array;
    const layers = decodeDict(sample('libtorrent-v2'))['piece layers'] as BInputDict;
    const tree = (second: number) => ({
      a: { '': { length: 70_000, 'pieces root': root } },
      b: { '': { length: second, 'pieces root': root } },
    });
    const torrent = (second: number) =>
      v2(tree(second), { 'piece length': 32_768 }, { 'piece layers': layers });
    expect(parseMetainfo(torrent(70_000)).layers.size).toBe(1);
    expect(keyFromBytes(root)).toHaveLength(32);
    expect(() => parseMetainfo(torrent(70_001))).toThrow(/does not belong to the root/);
  });

  test('more than 32 MiB, more than 100,000 files and more than two million values, without building them', () => {
    expect(() => parseMetainfo(new Uint8Array(100 << 20))).toThrow(`longer than ${TORRENT_MAX_BYTES} bytes`);
    expect(() => parseMetainfo(new Uint8Array(100 << 20))).toThrow(ProtocolError);
    const empty = (count: number) =>
      Buffer.concat([
        Buffer.from('d4:infod5:filesl'),
        Buffer.from(
          Array.from({ length: count }, (_, i) => `d6:lengthi0e4:pathl${`${i}`.length}:${i}ee`).join(''),
        ),
        Buffer.from('e4:name1:n12:piece lengthi16384e6:pieces0:ee'),
      ]);
    expect(() => parseMetainfo(empty(MAX_FILES + 1))).toThrow(/more than 100000 files/);
    expect(() => parseMetainfo(empty(900_000))).toThrow(/more than 2000000 values/);
  });

  test('more than 100,000 folders, and large values that nobody knows', () => {
    const paths = Array.from({ length: 5000 }, (_, i) =>
      file([`${i}`, ...Array.from({ length: 30 }, () => 'a')], 1),
    );
    expect(() => parseMetainfo(v1Files(paths, 1))).toThrow(/more than 100000 folders/);
    const many = Array.from({ length: 200_001 }, () => '');
    expect(() => parseMetainfo(v1({}, { zukunft: many }))).toThrow(/more than 200000 values/);
    expect(() => parseMetainfo(v1({ zukunft: many }))).toThrow(/more than 200000 values/);
  });
});

test('damaged torrents give a torrent or ProtocolError, nothing else', () => {
  const { int } = random(31);
  const samples = ['libtorrent-hybrid', 'libtorrent-v2', 'mktorrent-v1', 'libtorrent-single-hybrid'].map(
    sample,
  );
  let refused = 0;
  for (let i = 0; i < 4000; i++) {
    const good = samples[i % samples.length] as Buffer;
    const damaged = new Uint8Array(good);
    for (let n = int(3); n >= 0; n--) damaged[int(damaged.length)] = int(256);
    try {
      const torrent = parseMetainfo(int(10) === 0 ? damaged.subarray(0, int(damaged.length)) : damaged);
      for (const { path } of torrent.files) expect(path.join('/')).not.toMatch(/(^|\/)\.{0,2}(\/|$)|[\0\\]/);
    } catch (error) {
      expect(error).toBeInstanceOf(ProtocolError);
      refused += 1;
    }
  }
  expect(refused).toBeGreaterThan(1000);
});

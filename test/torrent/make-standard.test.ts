/**
 * What libtorrent 2.0.8's create_torrent made of the same tree (samples/, see metainfo.test.ts) is the measure: the same
 * bytes, not only the same info-hash. test/system/make-torrent.test.ts asks libtorrent itself about many more trees.
 */
import { describe, expect, test } from 'bun:test';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ProtocolError } from '../../src/lib/errors.ts';
import { FileHasher, type FileHashes } from '../../src/torrent/file-hasher.ts';
import { parseMagnet } from '../../src/torrent/magnet.ts';
import {
  makeStandardTorrent,
  type SourceFile,
  type StandardOptions,
} from '../../src/torrent/make-standard.ts';
import { parseMetainfo } from '../../src/torrent/metainfo.ts';
import { random } from '../bencode/random.ts';
import { concat, naiveTree, sampleFile } from './naive-tree.ts';

const KIB = 1024;
const sample = (name: string) =>
  new Uint8Array(readFileSync(join(import.meta.dir, 'samples', `${name}.torrent`)));
/** As the tree of the samples was filled. */
const filled = (size: number, step: number) =>
  Uint8Array.from({ length: size }, (_, i) => (i * step + Math.floor(i / 251)) % 256);
const TREE: readonly (readonly [string, Uint8Array])[] = [
  ['ü.bin', filled(16_385, 13)],
  ['empty', new Uint8Array()],
  ['b.txt', filled(40_000, 11)],
  ['a.bin', filled(100, 3)],
  ['b/d.bin', filled(70_000, 7)],
  ['b/c.bin', filled(16_384, 5)],
];
const TRACKERS = [['udp://tracker.example:6969/announce'], ['http://tracker.example/announce']];

function hashed(bytes: Uint8Array, pieceLength: number, wantsV1 = true): FileHashes {
  const hasher = new FileHasher(bytes.length, pieceLength, wantsV1);
  hasher.update(bytes);
  return hasher.finish();
}

function make(
  kind: StandardOptions['kind'],
  pieceLength: number,
  tree: readonly (readonly [string | undefined, Uint8Array])[],
  more: Partial<StandardOptions> = {},
) {
  const files: SourceFile[] = tree.map(([path, bytes]) => ({
    path: path?.split('/'),
    sizeBytes: bytes.length,
    hashes: hashed(bytes, pieceLength, kind !== 'v2'),
  }));
  return makeStandardTorrent({
    kind,
    name: 'mix',
    pieceLength,
    files,
    trackers: TRACKERS,
    webSeeds: [],
    ...more,
  });
}

describe('makeStandardTorrent()', () => {
  const single = [[undefined, filled(70_000, 7)]] as const;
  const seeds = (...webSeeds: string[]) => ({ webSeeds });
  test.each([
    ['libtorrent-hybrid', make('hybrid', 16 * KIB, TREE, seeds('http://mirror.example/files/'))],
    ['libtorrent-hybrid-32k', make('hybrid', 32 * KIB, TREE)],
    ['libtorrent-v2', make('v2', 32 * KIB, TREE, seeds('http://a.example/', 'http://b.example/'))],
    ['libtorrent-single-hybrid', make('hybrid', 16 * KIB, single, { name: 'd.bin' })],
    ['libtorrent-single-v2', make('v2', 16 * KIB, single, { name: 'd.bin' })],
  ])('makes %s to the byte', (name, { bytes }) => {
    expect(Buffer.from(bytes).toString('latin1')).toBe(Buffer.from(sample(name)).toString('latin1'));
  });

  test.each(['hybrid', 'v1', 'v2'] as const)('what it makes (%s) is read again as it was meant', (kind) => {
    for (const tree of [TREE, TREE.slice(0, 1), [[undefined, filled(5, 1)] as const]]) {
      const made = make(kind, 16 * KIB, tree, {
        isPrivate: true,
        comment: 'for all',
        createdBy: 'test',
        createdAtMs: 1_700_000_000_000,
        webSeeds: ['http://mirror.example/'],
      });
      const torrent = parseMetainfo(made.bytes);
      expect(torrent).toMatchObject({
        infoHashV1: made.infoHashV1,
        infoHashV2: made.infoHashV2,
        isPrivate: true,
        comment: 'for all',
        createdBy: 'test',
        createdAtMs: 1_700_000_000_000,
        trackers: TRACKERS,
        webSeeds: ['http://mirror.example/'],
        contentBytes: tree.reduce((sum, [, bytes]) => sum + bytes.length, 0),
      });
      expect([made.infoHashV1 === undefined, made.infoHashV2 === undefined]).toEqual([
        kind === 'v2',
        kind === 'v1',
      ]);
      expect(parseMagnet(made.magnet)).toMatchObject({
        infoHashV1: made.infoHashV1,
        infoHashV2: made.infoHashV2,
        name: 'mix',
        trackers: TRACKERS.flat(),
      });
    }
  });

  test('v1 pieces are those of the files and their padding, one after the other', () => {
    const torrent = parseMetainfo(make('v1', 16 * KIB, TREE).bytes);
    const byPath = new Map(TREE.map(([path, bytes]) => [`mix/${path}`, bytes]));
    const space = Buffer.concat(
      torrent.files.map(({ isPadding, sizeBytes, path }) =>
        isPadding ? new Uint8Array(sizeBytes) : (byPath.get(path.join('/')) as Uint8Array),
      ),
    );
    const pieces = Array.from({ length: torrent.pieceCount }, (_, i) =>
      createHash('sha1')
        .update(space.subarray(i * 16 * KIB, (i + 1) * 16 * KIB))
        .digest(),
    );
    expect(torrent.pieces?.toHex()).toBe(Buffer.concat(pieces).toString('hex'));
  });

  test('the order in which the files are given means nothing', () => {
    const hash = (tree: typeof TREE) => Bun.hash(make('hybrid', 16 * KIB, tree).bytes);
    expect(hash([...TREE].reverse())).toBe(hash(TREE));
  });

  test.each([
    ['nothing', []],
    ['empty files only', [['a', new Uint8Array()]]],
    ['a name that climbs', [['..', filled(1, 1)]]],
    [
      'a file twice',
      [
        ['a', filled(1, 1)],
        ['a', filled(1, 1)],
      ],
    ],
    [
      'a file as a folder',
      [
        ['a', filled(1, 1)],
        ['a/b', filled(1, 1)],
      ],
    ],
    [
      'a file without a path among others',
      [
        [undefined, filled(1, 1)],
        ['b', filled(1, 1)],
      ],
    ],
  ] as [string, [string | undefined, Uint8Array][]][])('refuses %s', (_, tree) => {
    expect(() => make('hybrid', 16 * KIB, tree)).toThrow(ProtocolError);
  });
});

describe('FileHasher', () => {
  test('gives the hashes of the definitions, whatever the chunks', () => {
    const { int } = random(3);
    for (const pieceLength of [16 * KIB, 64 * KIB]) {
      for (const size of [
        0,
        1,
        16 * KIB - 1,
        16 * KIB,
        16 * KIB + 1,
        64 * KIB,
        64 * KIB + 1,
        200_000,
        256 * KIB,
      ]) {
        const bytes = sampleFile(size);
        const hasher = new FileHasher(size, pieceLength, true);
        for (let at = 0; at < size; ) {
          const length = 1 + int(70_000);
          hasher.update(bytes.subarray(at, at + length));
          at += length;
        }
        const hashes = hasher.finish();
        const sha1 = (from: number, to: number) =>
          createHash('sha1').update(bytes.subarray(from, to)).digest();
        const count = Math.ceil(size / pieceLength);
        expect(hashes.sha256.toHex()).toBe(createHash('sha256').update(bytes).digest('hex'));
        expect(hashes.pieces?.toHex()).toBe(
          Buffer.concat(
            Array.from({ length: count }, (_, i) => sha1(i * pieceLength, (i + 1) * pieceLength)),
          ).toString('hex'),
        );
        const rest = size % pieceLength;
        const padded = Buffer.concat([bytes.subarray(size - rest), new Uint8Array(pieceLength - rest)]);
        expect(hashes.paddedPiece?.toHex()).toBe(
          rest === 0 ? undefined : createHash('sha1').update(padded).digest('hex'),
        );
        if (size === 0) continue;
        const tree = naiveTree(bytes, count > 1 ? pieceLength / (16 * KIB) : 1);
        expect(hashes.root).toEqual(tree.at(-1)?.[0] as Uint8Array);
        const height = Math.log2(pieceLength / (16 * KIB));
        expect(hashes.layer).toEqual(
          count > 1 ? concat((tree[height] ?? []).slice(0, count)) : new Uint8Array(),
        );
      }
    }
  });
  test('without v1 hashes no pieces, and wants every byte', () => {
    const hasher = new FileHasher(5, 16 * KIB, false);
    expect(() => hasher.finish()).toThrow(RangeError);
    hasher.update(new Uint8Array(5));
    expect(hasher.finish()).toMatchObject({ pieces: undefined, paddedPiece: undefined });
    expect(() => hasher.update(new Uint8Array(1))).toThrow(RangeError);
  });
});

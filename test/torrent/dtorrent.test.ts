import { describe, expect, test } from 'bun:test';
import { decodeDict } from '../../src/bencode/decode.ts';
import { encode } from '../../src/bencode/encode.ts';
import type { BInputDict } from '../../src/bencode/value.ts';
import { ProtocolError } from '../../src/lib/errors.ts';
import { sha256Of } from '../../src/lib/sha256.ts';
import { decodeDtorrent, encodeDtorrent } from '../../src/torrent/dtorrent.ts';
import { FileTable } from '../../src/torrent/file-table.ts';
import { FileTableBuilder } from '../../src/torrent/file-table-builder.ts';
import { makeDtorrent } from '../../src/torrent/make.ts';
import { random } from '../bencode/random.ts';

const identity = { origin: 'Debian', codename: 'bookworm', architecture: 'amd64' };
const key = (seed: number) => new Uint8Array(32).fill(seed);
const PATHS = [
  'pool/main/b/b_1_all.deb',
  'pool/main/a/a_1+b1_amd64.deb',
  'pool/main/a/a~rc_1_amd64.deb',
  'z',
];

function sampleTable(): FileTable {
  const builder = new FileTableBuilder();
  for (const [i, path] of PATHS.entries()) builder.add(path, i === 3 ? 2 ** 52 + 7 : i * 1000, key(i));
  builder.setRoot('z', key(99));
  return builder.build();
}

const sample = () =>
  encodeDtorrent({
    identity,
    trackers: [
      ['http://tracker.example/announce', 'udp://tracker.example:6969'],
      ['https://other.example/a'],
    ],
    webSeeds: ['http://ftp.de.debian.org/debian'],
    createdBy: 'test',
    createdAtMs: 1_700_000_000_999,
    files: sampleTable(),
  });

describe('FileTable', () => {
  test('is sorted by bytes, finds by path, and gives what was put in', () => {
    const table = sampleTable();
    expect([...table].map(({ path }) => path)).toEqual([...PATHS].sort());
    for (const [i, path] of PATHS.entries()) {
      const index = table.lookup(path) as number;
      expect(table.file(index)).toEqual({
        path,
        sizeBytes: i === 3 ? 2 ** 52 + 7 : i * 1000,
        key: Buffer.from(key(i)).toString('hex') as never,
        root: i === 3 ? key(99) : undefined,
      });
    }
    for (const path of ['', 'pool', 'pool/main/a/a_1', 'zz', '\u{10000}'])
      expect(table.lookup(path)).toBeUndefined();
    expect(() => table.path(4)).toThrow(RangeError);
    expect(() => table.key(-1)).toThrow(RangeError);
  });
  test('keeps UTF-8 paths', () => {
    const builder = new FileTableBuilder();
    builder.add(Buffer.from('pool/ä').toString('latin1'), 1, key(1));
    const table = builder.build();
    expect(table.path(0)).toBe('pool/ä');
    expect(table.lookup('pool/ä')).toBe(0);
  });
  test('takes the same file twice as one, two contents for a path as an error', () => {
    const builder = new FileTableBuilder();
    builder.add('b', 1, key(1));
    builder.add('a', 1, key(1));
    builder.add('b', 1, key(1));
    expect(builder.build().count).toBe(2);
    builder.add('b', 2, key(1));
    expect(() => builder.build()).toThrow(/two contents for b/);
  });
  test('grows past its first buffer', () => {
    const builder = new FileTableBuilder();
    for (let i = 0; i < 10_000; i++) builder.add(`p/${i}`, i, key(i & 255));
    const table = builder.build();
    expect(table.count).toBe(10_000);
    expect(table.sizeBytes(table.lookup('p/9999') as number)).toBe(9999);
    expect(table.totalBytes).toBe((9999 * 10_000) / 2);
  });
  const columns = (paths: string, count = paths.split('\n').length) => ({
    paths: Buffer.from(paths, 'latin1'),
    sizes: new Uint8Array(8 * count),
    keys: new Uint8Array(32 * count),
  });
  test('may be empty', () => expect(new FileTable(columns('', 0)).count).toBe(0));
  for (const paths of [
    '/etc/passwd',
    'a/../b',
    '..',
    '.',
    'a/./b',
    'a//b',
    'a/',
    'a\n',
    '\na',
    'a\n\nb',
    'a\0b',
    'a\x7fb',
    'a\rb',
    '\xff',
    'b\na',
    'a\na',
    'a/b\na',
  ]) {
    test(`refuses the paths ${JSON.stringify(paths)}`, () => {
      expect(() => new FileTable(columns(paths))).toThrow(ProtocolError);
    });
  }
  test('takes names that only look like those', () => {
    expect(new FileTable(columns('...\n..a\n.a\na../.b')).count).toBe(4);
  });
  test('refuses columns of other lengths and sizes beyond 2^53-1', () => {
    const good = columns('a\nb');
    expect(() => new FileTable({ ...good, sizes: new Uint8Array(15) })).toThrow(ProtocolError);
    expect(() => new FileTable({ ...good, keys: new Uint8Array(96) })).toThrow(ProtocolError);
    expect(() => new FileTable({ ...good, roots: new Uint8Array(32) })).toThrow(ProtocolError);
    expect(() => new FileTable({ ...good, sizes: new Uint8Array(16).fill(0xff) })).toThrow(ProtocolError);
  });
});

describe('decodeDtorrent()', () => {
  test('gives back what encodeDtorrent() wrote', () => {
    const decoded = decodeDtorrent(sample());
    expect(decoded.identity).toEqual(identity);
    expect(decoded.trackers).toEqual([
      ['http://tracker.example/announce', 'udp://tracker.example:6969'],
      ['https://other.example/a'],
    ]);
    expect(decoded.webSeeds).toEqual(['http://ftp.de.debian.org/debian']);
    expect(decoded.createdBy).toBe('test');
    expect(decoded.createdAtMs).toBe(1_700_000_000_000);
    expect([...decoded.files]).toEqual([...sampleTable()]);
    expect(encodeDtorrent(decoded)).toEqual(sample());
  });
  test('passes over unknown keys', () => {
    const dict = decodeDict(sample());
    expect(decodeDtorrent(encode({ ...dict, zukunft: 1 })).identity).toEqual(identity);
  });
  test('refuses what is missing, of another type or no archive identity', () => {
    const dict: BInputDict = decodeDict(sample());
    const files = dict.files as BInputDict;
    const changes: BInputDict[] = [
      { info: undefined },
      { info: 1 },
      { info: { name: 'x' } },
      { files: undefined },
      { files: [] },
      { files: { ...files, paths: undefined } },
      { files: { ...files, sizes: 1 } },
      { files: { ...files, keys: 'short' } },
      { files: { ...files, roots: [] } },
      { announce: undefined, 'announce-list': ['http://a.example/'] },
      { 'announce-list': [['file:///etc/passwd']] },
      { announce: 'no url', 'announce-list': undefined },
      { 'url-list': ['ftp://a.example/'] },
      { 'url-list': 'http://a.example/' },
      { 'creation date': -1 },
      { 'created by': 7 },
    ];
    for (const change of changes) {
      expect(() => decodeDtorrent(encode({ ...dict, ...change }))).toThrow(ProtocolError);
    }
  });
  test('damaged bytes give a .dtorrent or ProtocolError, nothing else', () => {
    const { int } = random(11);
    const good = sample();
    let refused = 0;
    for (let i = 0; i < 3000; i++) {
      const bytes = new Uint8Array(good);
      for (let n = int(3); n >= 0; n--) bytes[int(bytes.length)] = int(256);
      try {
        decodeDtorrent(int(10) === 0 ? bytes.subarray(0, int(bytes.length)) : bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolError);
        refused += 1;
      }
    }
    expect(refused).toBeGreaterThan(100);
  });
});

describe('makeDtorrent()', () => {
  test('gives the same bytes for the same input, and a magnet link with the trackers', () => {
    const make = (order: readonly number[]) => {
      const files = new FileTableBuilder();
      for (const i of order) files.add(`f${i}`, i, key(i));
      return makeDtorrent({
        identity,
        files,
        trackers: ['http://a.example/?x=1&y'],
        webSeeds: [],
        createdBy: 'test',
      });
    };
    const made = make([1, 2, 3]);
    expect(sha256Of(made.bytes)).toBe(sha256Of(make([3, 1, 2]).bytes));
    expect(made).toMatchObject({ name: 'Debian bookworm amd64', files: 3, totalBytes: 6 });
    expect(made.magnet).toBe(
      `magnet:?xt=urn:btih:${made.infoHash}&dn=Debian%20bookworm%20amd64&tr=http%3A%2F%2Fa.example%2F%3Fx%3D1%26y`,
    );
  });
  test('refuses an archive without files', () => {
    const files = new FileTableBuilder();
    const options = { identity, files, trackers: [], webSeeds: [], createdBy: 'test' };
    expect(() => makeDtorrent(options)).toThrow(ProtocolError);
  });
});

/** The vectors, tables and limits of docs/protocol.md against the code: who builds a node by the document gets ours. */
import { describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseSha256, type Sha256 } from '../../src/lib/sha256.ts';
import { swarmInfo, swarmInfoHash } from '../../src/torrent/archive-identity.ts';
import { decodeDtorrent, encodeDtorrent } from '../../src/torrent/dtorrent.ts';
import { FileTableBuilder } from '../../src/torrent/file-table-builder.ts';
import { answerHashRequest, verifyHashes } from '../../src/torrent/hash-proof.ts';
import { LayerBuilder } from '../../src/torrent/layer-builder.ts';
import { Pieces } from '../../src/torrent/pieces.ts';
import {
  type ArchiveMessage,
  blindSwarm,
  decodeArchiveMessage,
  encodeArchiveMessage,
  Grade,
  MAX_ARCHIVE_MESSAGE_BYTES,
  MAX_CLAIM_ENTRIES,
  MAX_FILE_BYTES,
  MAX_HAVE_ENTRIES,
  MAX_HELLO_SWARMS,
  MAX_RANGE_NUMBERS,
  MAX_RANGES,
  MAX_WANT_KEYS,
  NUMBER_LIMIT,
} from '../../src/wire/archive-ext.ts';
import { encodeExtendedHandshake } from '../../src/wire/extended.ts';
import { encodeHandshake, reservedBytes } from '../../src/wire/handshake.ts';
import {
  BLOCK_BYTES,
  encodeExtended,
  encodeHashRequest,
  MAX_HASHES,
  MAX_REQUEST_BYTES,
} from '../../src/wire/message.ts';

const document = readFileSync(join(import.meta.dir, '../../docs/protocol.md'), 'utf8');

/** Fields of the block "```vector NAME". Reading one marks it, so that none is left unchecked. */
const read = new Set<string>();
const blocks = new Map(
  [...document.matchAll(/^```vector (\S+)\n([\s\S]*?)^```$/gm)].map(([, name = '', body = '']) => [
    name,
    new Map(
      body
        .trimEnd()
        .split('\n')
        .map((line) => line.split(' = ', 2) as [string, string]),
    ),
  ]),
);

function vector(block: string, field: string): string {
  const value = blocks.get(block)?.get(field);
  if (value === undefined) throw new Error(`no "${field}" in vector ${block}`);
  read.add(`${block}: ${field}`);
  return value;
}

/** Rows of the table below a header line, as cells without thousands separators. */
function rows(header: string): string[][] {
  const at = document.indexOf(`\n${header}\n`);
  if (at < 0) throw new Error(`no table ${header}`);
  const lines = document
    .slice(at + 1)
    .split('\n')
    .slice(2);
  const end = lines.findIndex((line) => !line.startsWith('|'));
  return lines.slice(0, end).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const unhex = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'));
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');
const keyOf = (field: string): Sha256 => {
  const key = parseSha256(field);
  if (!key) throw new Error(`not a key: ${field}`);
  return key;
};

const identity = () => ({
  origin: vector('swarm', 'origin'),
  codename: vector('swarm', 'codename'),
  architecture: vector('swarm', 'architecture'),
});
const peerA = Buffer.from('-DT0100-aaaaaaaaaaaa');
const peerB = Buffer.from('-DT0100-bbbbbbbbbbbb');
const infoHash = () => unhex(vector('swarm', 'info-hash'));

/** "614400 zero bytes". */
function zeros(block: string): { pieces: Pieces; bytes: Uint8Array; tree: LayerBuilder } {
  const bytes = new Uint8Array(Number.parseInt(vector(block, 'file'), 10));
  const pieces = new Pieces(bytes.length);
  const tree = new LayerBuilder(pieces);
  tree.update(bytes);
  return { pieces, bytes, tree };
}

describe('vectors of docs/protocol.md', () => {
  test('swarm: info dictionary and info-hash', () => {
    expect(text(swarmInfo(identity()))).toBe(vector('swarm', 'info'));
    expect<string>(swarmInfoHash(identity())).toBe(vector('swarm', 'info-hash'));
    const all = swarmInfoHash({ ...identity(), architecture: 'all' });
    expect<string>(all).toBe(vector('swarm', 'info-hash of all'));
  });

  test('tree: layer and root', () => {
    const { pieces, bytes, tree } = zeros('tree');
    expect(new Bun.CryptoHasher('sha256').update(bytes).digest('hex')).toBe(vector('tree', 'key'));
    expect(pieces.count).toBe(Number(vector('tree', 'pieces')));
    expect(hex(tree.layer())).toBe(hex(unhex(vector('tree', 'layer'))));
    expect(hex(tree.root())).toBe(vector('tree', 'root'));
  });

  test('hash-request: message, hashes and uncle', () => {
    const { pieces, tree } = zeros('hash-request');
    const range = { baseLayer: pieces.layerHeight, index: 0, length: 4, proofLayers: 1 };
    expect(range.proofLayers).toBe(pieces.treeHeight - pieces.layerHeight - 1);
    const request = encodeHashRequest({ piecesRoot: tree.root(), ...range });
    expect(hex(request)).toBe(vector('hash-request', 'request'));
    const answer = unhex(vector('hash-request', 'hashes'));
    expect(hex(answerHashRequest(tree.layer(), range, pieces.treeHeight) ?? new Uint8Array())).toBe(
      hex(answer),
    );
    const parts = { hashes: answer.subarray(0, 128), uncles: answer.subarray(128) };
    const { treeHeight } = pieces;
    expect(verifyHashes({ root: tree.root(), treeHeight, baseLayer: 4, index: 0, ...parts })).toBe(true);
  });

  test('handshake and extended handshake', () => {
    const handshake = { reserved: reservedBytes('extended', 'fast'), infoHash: infoHash(), peerId: peerA };
    expect(hex(encodeHandshake(handshake))).toBe(vector('handshake', 'handshake'));
    const extensions = new Map([
      ['dt_archive', 1],
      ['ut_metadata', 2],
      ['lt_donthave', 3],
    ]);
    const payload = encodeExtendedHandshake({
      extensions,
      client: 'DebTorrent 0.1.0',
      requestQueue: 1024,
      port: 9989,
      metadataSizeBytes: swarmInfo(identity()).length,
    });
    expect(text(payload)).toBe(vector('handshake', 'extended handshake'));
  });

  test('hello, with the swarm blinded', () => {
    const blinded = blindSwarm(infoHash(), peerB, peerA);
    expect(hex(blinded)).toBe(vector('hello', 'blinded'));
    check('hello', 'hello', { kind: 'hello', version: 1, maxRequestBytes: 262_144, swarms: [blinded] });
  });

  test('messages', () => {
    const key = keyOf(vector('messages', 'key of hello'));
    expect<string>(key).toBe(new Bun.CryptoHasher('sha256').update('hello\n').digest('hex'));
    check('messages', 'want', { kind: 'want', first: 7, keys: [key] });
    const entry = { want: 7, sizeBytes: 6, firstPiece: 0, grade: Grade.whole };
    check('messages', 'have', { kind: 'have', entries: [entry] });
    const root = unhex(vector('tree', 'root'));
    const part = { want: 8, sizeBytes: 614_400, firstPiece: 1, grade: Grade.relayed, root };
    check('messages', 'have of a part', {
      kind: 'have',
      entries: [{ ...part, pieces: Uint8Array.of(0xa0) }],
    });
    const ranges = [{ first: 7, count: 1 }];
    check('messages', 'none', { kind: 'none', ranges: [...ranges, { first: 9, count: 3 }] });
    check('messages', 'unwant', { kind: 'unwant', ranges });
    const unwant = encodeExtended(1, encodeArchiveMessage({ kind: 'unwant', ranges }));
    expect(hex(unwant)).toBe(vector('messages', 'extended unwant'));
  });

  test('dtorrent', () => {
    const field = (name: string) => vector('dtorrent', name);
    const [origin, codename, architecture] = [field('origin'), field('codename'), field('architecture')];
    const files = new FileTableBuilder();
    files.add(field('path'), Number(field('size')), unhex(field('key')));
    const bytes = encodeDtorrent({
      identity: { origin, codename, architecture },
      trackers: [[field('announce')]],
      webSeeds: [field('url-list')],
      createdBy: field('created by'),
      createdAtMs: Number(field('creation date')) * 1000,
      files: files.build(),
    });
    expect(hex(bytes)).toBe(field('file'));
    const [file] = [...decodeDtorrent(unhex(field('file'))).files];
    expect(file).toMatchObject({ path: field('path'), key: keyOf(field('key')) });
  });

  test('every one of them is checked above', () => {
    const there = [...blocks].flatMap(([name, fields]) =>
      [...fields.keys()].map((field) => `${name}: ${field}`),
    );
    expect(there.length).toBeGreaterThan(20);
    expect([...read].sort()).toEqual(there.sort());
  });
});

test('the table of pieces in docs/protocol.md is what Pieces does', () => {
  const header = '| file size | piece length | pieces | height of the layer | height of the tree |';
  const table = rows(header).map((cells) => cells.map(Number));
  expect(table.length).toBeGreaterThan(5);
  for (const [size = Number.NaN, ...row] of table) {
    const { pieceLength, count, layerHeight, treeHeight } = new Pieces(size);
    expect([size, ...row]).toEqual([size, pieceLength, count, layerHeight, treeHeight]);
  }
});

test('the limits in docs/protocol.md are those of the decoders', () => {
  expect(rows('| limit | value |').map(([, value]) => Number(value))).toEqual([
    MAX_ARCHIVE_MESSAGE_BYTES,
    MAX_HELLO_SWARMS,
    MAX_WANT_KEYS,
    MAX_HAVE_ENTRIES,
    MAX_CLAIM_ENTRIES,
    MAX_RANGES,
    MAX_RANGE_NUMBERS,
    NUMBER_LIMIT,
    MAX_FILE_BYTES,
    BLOCK_BYTES,
    MAX_REQUEST_BYTES,
    MAX_HASHES,
    new Pieces(2 ** 40).count,
  ]);
});

/** The vector is what the message encodes to, and decodes to the message. */
function check(block: string, field: string, message: ArchiveMessage): void {
  expect(hex(encodeArchiveMessage(message))).toBe(vector(block, field));
  expect(decodeArchiveMessage(unhex(vector(block, field)))).toEqual(message);
}

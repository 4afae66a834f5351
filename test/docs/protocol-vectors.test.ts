/** The vectors and tables of docs/protocol.md against the code: who builds a node by the document gets ours. */
import { describe, expect, test } from 'bun:test';
import { rankOf } from '../../src/acquire/crowd.ts';
import { archiveIdentity } from '../../src/archive/identity.ts';
import type { Release } from '../../src/archive/release.ts';
import { parseSha256, type Sha256 } from '../../src/lib/sha256.ts';
import { parseSwarmInfo, swarmInfo, swarmInfoHash } from '../../src/torrent/archive-identity.ts';
import { decodeDtorrent, encodeDtorrent } from '../../src/torrent/dtorrent.ts';
import { FileTableBuilder } from '../../src/torrent/file-table-builder.ts';
import { answerHashRequest, verifyHashes } from '../../src/torrent/hash-proof.ts';
import { LayerBuilder } from '../../src/torrent/layer-builder.ts';
import { Pieces } from '../../src/torrent/pieces.ts';
import { blindSwarm } from '../../src/wire/archive-ext.ts';
import { encodeHashRequest } from '../../src/wire/message.ts';
import { blocks, hex, tableRows, unhex } from './protocol-document.ts';
import { HELLO, PEER_A, PEER_B } from './session.ts';

/** Fields of the block "```vector NAME". Reading one marks it, so that none is left unchecked. */
const read = new Set<string>();
const vectors = new Map(
  blocks
    .filter(({ kind }) => kind === 'vector')
    .map(({ name, body }) => [
      name,
      new Map(body.split('\n').map((line) => line.split(' = ', 2) as [string, string])),
    ]),
);

function vector(block: string, field: string): string {
  const value = vectors.get(block)?.get(field);
  if (value === undefined) throw new Error(`no "${field}" in vector ${block}`);
  read.add(`${block}: ${field}`);
  return value;
}

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');
const keyOf = (field: string): Sha256 => {
  const key = parseSha256(field);
  if (!key) throw new Error(`not a key: ${field}`);
  return key;
};

const identity = (block: string) => ({
  origin: vector(block, 'origin'),
  codename: vector(block, 'codename'),
  architecture: vector(block, 'architecture'),
});
const peer = (block: string, name: 'A' | 'B') => Buffer.from(vector(block, `peer id ${name}`));

/** "614400 zero bytes". */
function zeros(block: string): { pieces: Pieces; bytes: Uint8Array; tree: LayerBuilder } {
  const bytes = new Uint8Array(Number.parseInt(vector(block, 'file'), 10));
  const pieces = new Pieces(bytes.length);
  const tree = new LayerBuilder(pieces);
  tree.update(bytes);
  return { pieces, bytes, tree };
}

describe('vectors of docs/protocol.md', () => {
  test.each(['swarm', 'flat-repository'])('%s: info dictionary and info-hash', (block) => {
    const info = swarmInfo(identity(block));
    expect(text(info)).toBe(vector(block, 'info'));
    expect(parseSwarmInfo(info)).toEqual(identity(block));
    expect<string>(swarmInfoHash(identity(block))).toBe(vector(block, 'info-hash'));
    const all = swarmInfoHash({ ...identity(block), architecture: 'all' });
    expect<string>(all).toBe(vector(block, 'info-hash of all'));
  });

  test('tree: layer and root', () => {
    const { pieces, bytes, tree } = zeros('tree');
    expect(new Bun.CryptoHasher('sha256').update(bytes).digest('hex')).toBe(vector('tree', 'key'));
    expect(pieces.count).toBe(Number(vector('tree', 'pieces')));
    expect(hex(tree.layer())).toBe(hex(unhex(vector('tree', 'layer'))));
    expect(hex(tree.root())).toBe(vector('tree', 'root'));
  });

  test('small-file: its key is the hash of its piece', () => {
    expect(vector('small-file', 'file')).toBe('hello and LF, six bytes');
    expect<string>(HELLO.entry.key).toBe(vector('small-file', 'key'));
    expect(new Pieces(HELLO.bytes.length).count).toBe(Number(vector('small-file', 'pieces')));
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

  test('blind: what stands for a swarm, the same from both ends', () => {
    const infoHash = unhex(vector('blind', 'info-hash'));
    expect(hex(infoHash)).toBe(vector('swarm', 'info-hash'));
    const [a, b] = [peer('blind', 'A'), peer('blind', 'B')];
    expect([a, b].map(String)).toEqual([PEER_A, PEER_B]);
    expect(hex(blindSwarm(infoHash, a, b))).toBe(vector('blind', 'blinded'));
    expect(hex(blindSwarm(infoHash, b, a))).toBe(vector('blind', 'blinded'));
  });

  test('rank: who goes first', () => {
    const ranks = (['A', 'B'] as const).map((name) => {
      const rank = rankOf(peer('rank', name), keyOf(vector('rank', 'key')));
      expect(rank).toBe(vector('rank', `rank of ${name}`));
      return { name, rank };
    });
    ranks.sort((a, b) => (a.rank < b.rank ? -1 : 1));
    expect<string | undefined>(ranks[0]?.name).toBe(vector('rank', 'first'));
  });

  test('dtorrent', () => {
    const field = (name: string) => vector('dtorrent', name);
    const files = new FileTableBuilder();
    files.add(field('path'), Number(field('size')), unhex(field('key')));
    const bytes = encodeDtorrent({
      identity: identity('dtorrent'),
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
    const there = [...vectors].flatMap(([name, fields]) =>
      [...fields.keys()].map((field) => `${name}: ${field}`),
    );
    expect(there.length).toBeGreaterThan(20);
    expect([...read].sort()).toEqual(there.sort());
  });
});

test('the table of pieces in docs/protocol.md is what Pieces does', () => {
  const header = '| file size | piece length | pieces | height of the layer | height of the tree |';
  const table = tableRows(header).map((cells) => cells.map(Number));
  expect(table.length).toBeGreaterThan(5);
  for (const [size = Number.NaN, ...row] of table) {
    const { pieceLength, count, layerHeight, treeHeight } = new Pieces(size);
    expect([size, ...row]).toEqual([size, pieceLength, count, layerHeight, treeHeight]);
  }
});

test('the table of identities in docs/protocol.md is what archiveIdentity() does', () => {
  const table = tableRows('| Origin | Codename | Suite | base | → origin | → codename |');
  expect(table.length).toBeGreaterThan(5);
  for (const [origin, codename, suite, base = '', toOrigin, toCodename] of table) {
    const release = {
      origin: origin || undefined,
      codename: codename || undefined,
      suite: suite || undefined,
    } as Release;
    const identity = archiveIdentity(release, 'all', base.replaceAll('`', ''));
    expect([base, identity.origin, identity.codename]).toEqual([base, toOrigin ?? '', toCodename ?? '']);
  }
});

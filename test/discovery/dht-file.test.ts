import { describe, expect, test } from 'bun:test';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DhtFile, MAX_KEPT_NODES } from '../../src/discovery/dht-file.ts';
import { tempDir } from '../fixtures/temp-dir.ts';

const ID = 'ab'.repeat(20);
const BOOTSTRAP = [
  { host: 'a.example', port: 1 },
  { host: 'b.example', port: 2 },
];
const NAMED = 'a.example:1 b.example:2';

describe('DhtFile', () => {
  test('gives back what was written, and nothing the first time', () => {
    using dir = tempDir('dht-file');
    const file = new DhtFile(dir.path, BOOTSTRAP);
    expect(file.read()).toEqual({ id: undefined, nodes: [] });
    file.write({ id: ID, nodes: [{ host: '8.8.8.8', port: 6881 }] });
    expect(new DhtFile(dir.path, BOOTSTRAP).read()).toEqual({
      id: ID,
      nodes: [{ host: '8.8.8.8', port: 6881 }],
    });
    expect(readdirSync(dir.path)).toEqual(['dht.json']);
  });

  test.each([
    ['no JSON', '{"id": '],
    ['another shape', '[]'],
    ['null', 'null'],
    ['nodes that are no list', '{"nodes": 7}'],
    ['too long a file', JSON.stringify({ bootstrap: NAMED, nodes: [], more: 'x'.repeat(70_000) })],
  ])('is empty when it holds %s', (_name, text) => {
    using dir = tempDir('dht-file');
    writeFileSync(join(dir.path, 'dht.json'), text);
    expect(new DhtFile(dir.path, BOOTSTRAP).read()).toEqual({ id: undefined, nodes: [] });
  });

  test('is empty to who begins at other bootstrap nodes: theirs is another DHT', () => {
    using dir = tempDir('dht-file');
    new DhtFile(dir.path, BOOTSTRAP).write({ id: ID, nodes: [{ host: '8.8.8.8', port: 6881 }] });
    expect(new DhtFile(dir.path, BOOTSTRAP.toReversed()).read().nodes).toHaveLength(1);
    expect(new DhtFile(dir.path, BOOTSTRAP.slice(1)).read()).toEqual({ id: undefined, nodes: [] });
  });

  test('leaves out what is no node, and an id that is none', () => {
    using dir = tempDir('dht-file');
    const good = { host: '8.8.8.8', port: 6881 };
    const bad = [
      null,
      7,
      {},
      { host: 'example.org', port: 1 },
      { host: '224.0.0.1', port: 1 },
      { host: '8.8.8.8', port: 0 },
    ];
    writeFileSync(
      join(dir.path, 'dht.json'),
      JSON.stringify({ id: 'xyz', bootstrap: NAMED, nodes: [...bad, good, { ...good, port: 1.5 }] }),
    );
    expect(new DhtFile(dir.path, BOOTSTRAP).read()).toEqual({ id: undefined, nodes: [good] });
  });

  test('holds 200 nodes at most, and a folder that is gone is no error', () => {
    using dir = tempDir('dht-file');
    const nodes = Array.from({ length: 1000 }, (_, i) => ({ host: `20.0.${i >> 8}.${i & 255}`, port: 1 }));
    new DhtFile(dir.path, BOOTSTRAP).write({ id: ID, nodes });
    expect(new DhtFile(dir.path, BOOTSTRAP).read().nodes).toHaveLength(MAX_KEPT_NODES);
    new DhtFile(join(dir.path, 'gone'), BOOTSTRAP).write({ id: ID, nodes });
  });
});

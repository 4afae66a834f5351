/** A node that was written from docs/protocol.md alone (second-node.ts) and a real one understand each other. */
import { describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Link } from '../../src/swarm/link.ts';
import { PEER_PORT, poolFile } from '../fixtures/memory-node.ts';
import { World } from '../fixtures/world.ts';
import { infoHash } from './second-codec.ts';
import { SecondNode } from './second-node.ts';
import { SWARMS } from './session.ts';

const MIB = 1024 * 1024;
const OURS = ['amd64', 'all'].map((architecture) => infoHash('Debian', 'bookworm', architecture));
const PEER_ID = '-XX0000-zzzzzzzzzzzz';

function over(link: Link, dialled: boolean): SecondNode {
  const stream = { send: (bytes: Uint8Array) => link.send(bytes), close: () => link.close('closed') };
  let node: SecondNode | undefined;
  link.attach({ data: (chunk) => node?.receive(chunk), drained: () => {}, closed: () => {} });
  node = new SecondNode(stream, PEER_ID, OURS, dialled);
  return node;
}

const files = [1, 100, 512 * 1024, 512 * 1024 + 1, 3 * MIB + 17, 5 * MIB].map((size, i) =>
  poolFile(size, i + 1, SWARMS),
);
const keyOf = (file: (typeof files)[number]) => Buffer.from(file.entry.key, 'hex');

describe('a second implementation of docs/protocol.md', () => {
  test('imports nothing of src/', () => {
    const sources = ['second-node.ts', 'second-codec.ts'].map((file) =>
      readFileSync(join(import.meta.dir, file), 'utf8'),
    );
    const imported = sources.flatMap((source) =>
      [...source.matchAll(/from '([^']+)'/g)].map(([, name]) => name),
    );
    expect(imported.sort()).toEqual(['./second-codec.ts', 'node:crypto']);
  });

  test('comes to the same swarms', () => {
    expect(OURS.map((swarm) => swarm.toString('hex'))).toEqual([...SWARMS]);
  });

  test('dials a node and gets from it what it has, and "none" for the rest', async () => {
    await using world = new World();
    const node = world.node('10.0.0.1', { swarms: SWARMS });
    for (const file of files) node.keep(file);
    const link = await world.until(
      world.network.node('10.0.0.9').dial({ host: node.host, port: PEER_PORT }, 1_000),
    );
    const second = over(link, true);
    await world.until(second.ready);
    for (const file of files) {
      const got = await world.until(second.fetch(keyOf(file), file.bytes.length));
      expect(got?.equals(file.bytes)).toBe(true);
    }
    expect(await world.until(second.fetch(Buffer.alloc(32), 5))).toBeUndefined();
    link.close('done');
  });

  test('gives a node what that looks for, its hash trees included', async () => {
    await using world = new World();
    const node = world.node('10.0.0.1', { swarms: SWARMS });
    node.mirror.hangsMs = 600_000;
    for (const file of files) node.offersAtMirror(file);
    const accepted = Promise.withResolvers<SecondNode>();
    let end: Link | undefined;
    world.network.node('10.0.0.9').listen({ host: '10.0.0.9', port: PEER_PORT }, (link) => {
      end = link;
      accepted.resolve(over(link, false));
    });
    node.swarms.give({ host: '10.0.0.9', port: PEER_PORT });
    const second = await world.until(accepted.promise);
    for (const file of files) second.files.set(file.entry.key, Buffer.from(file.bytes));
    await world.until(second.ready);
    await world.clock.run(100);
    for (const file of files) expect(await world.until(node.fetch(file))).toEqual(file.bytes);
    expect(node.moved.fromMirror).toBe(0);
    world.network.switchOff('10.0.0.9');
    end?.close('done');
  });
});

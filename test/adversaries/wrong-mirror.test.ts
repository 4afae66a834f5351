/** Mirrors and captive portals that serve wrong bytes: nobody is blamed for what they did. */
import { expect, setDefaultTimeout, test } from 'bun:test';
import { UnavailableError } from '../../src/lib/errors.ts';
import { poolFile } from '../fixtures/memory-node.ts';
import { errorOf, World } from '../fixtures/world.ts';

setDefaultTimeout(60_000);

const KIB = 1024;
const FILES = [poolFile(100 * KIB, 21), poolFile(2048 * KIB, 22)];

/** `count` nodes that know one another, all of whose mirrors give zeros for these files. */
async function behindAPortal(world: World, count: number) {
  const nodes = Array.from({ length: count }, (_, i) => world.node(`10.0.0.${i + 1}`, { latencyMs: 1 }));
  for (const node of nodes) {
    for (const { at, bytes } of FILES) node.mirror.files.set(at.host + at.path, new Uint8Array(bytes.length));
    node.meet(...nodes.filter((other) => other !== node));
  }
  await world.clock.run(3_000);
  return nodes;
}

test.each(FILES.map((file) => [file.bytes.length, file] as const))(
  'a crowd behind a mirror that serves wrong bytes (%p bytes): every apt gets an error, nobody is banned, and when the mirror is right again, so are all',
  async (_size, file) => {
    await using world = new World();
    const nodes = await behindAPortal(world, 3);
    const errors = await world.until(Promise.all(nodes.map((node) => errorOf(node.fetch(file)))), 300_000);
    for (const error of errors) expect(error).toBeInstanceOf(UnavailableError);
    // Until the last flight has given up hope of peers.
    await world.clock.run(60_000);
    for (const node of nodes) {
      expect(node.swarms.banned()).toEqual([]);
      expect(node.store.stat(file.entry.key)).toBeUndefined();
      node.offersAtMirror(file);
    }
    const right = await world.until(Promise.all(nodes.map((node) => node.fetch(file))), 300_000);
    for (const bytes of right) expect(Buffer.compare(bytes, file.bytes)).toBe(0);
    for (const node of nodes) expect(node.swarms.banned()).toEqual([]);
  },
);

test.each(FILES.map((file) => [file.bytes.length, file] as const))(
  'a node behind such a mirror (%p bytes) has the right file from a peer, whom it doesn’t blame',
  async (_size, file) => {
    await using world = new World();
    const [node] = await behindAPortal(world, 1);
    const honest = world.node('10.0.0.50', { latencyMs: 1 });
    honest.keep(file);
    node?.meet(honest);
    await world.clock.run(1_000);
    expect(Buffer.compare(await world.until(node?.fetch(file) ?? Promise.reject()), file.bytes)).toBe(0);
    expect(node?.swarms.banned()).toEqual([]);
    expect(honest.swarms.banned()).toEqual([]);
  },
);

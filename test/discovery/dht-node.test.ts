import { describe, expect, test } from 'bun:test';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findBytes, getBytes, getDict } from '../../src/bencode/fields.ts';
import { QUERIES_A_HOST, QUERIES_OUT_A_SECOND, QUERIES_OUT_AT_ONCE } from '../../src/discovery/dht-gate.ts';
import { DhtNode } from '../../src/discovery/dht-node.ts';
import { isNodeIdAt } from '../../src/discovery/dht-node-id.ts';
import { MAX_VALUES_HEARD } from '../../src/discovery/krpc.ts';
import { type Clock, systemClock } from '../../src/lib/clock.ts';
import type { HostPort } from '../../src/lib/host-port.ts';
import { eventually } from '../fixtures/eventually.ts';
import { tempDir } from '../fixtures/temp-dir.ts';
import { compactNode, knowsNobody, Stranger } from './stranger.ts';

const A = 'aa'.repeat(20);
const B = 'bb'.repeat(20);
const NOBODY = { host: '127.0.0.1', port: 9 };
const LIARS = 600;
/** Waits a fifth as long. */
const hasty: Clock = { ...systemClock, after: (ms, run) => systemClock.after(ms / 5, run) };

/** Some DHT nodes, each on an address of its own, and what they found. */
class Nodes implements AsyncDisposable {
  readonly #lives = new AsyncDisposableStack();
  readonly found: { host: string; infoHash: string; peers: HostPort[] }[] = [];

  async start(host: string, bootstrap: readonly HostPort[], more: { stateDir?: string; clock?: Clock } = {}) {
    const stateDir = more.stateDir ?? this.#lives.use(tempDir('dht-node')).path;
    return this.#lives.use(
      await DhtNode.open({
        listen: { host, port: 0 },
        bootstrap,
        stateDir,
        clock: more.clock ?? systemClock,
        found: (infoHash, peers) => this.found.push({ host, infoHash, peers }),
      }),
    );
  }

  /** A network of honest nodes that all know the first. */
  async network(size: number): Promise<DhtNode[]> {
    const nodes = [await this.start('127.0.1.1', [NOBODY])];
    while (nodes.length < size) {
      const node = await this.start(`127.0.1.${nodes.length + 1}`, [(nodes[0] as DhtNode).address]);
      expect(await node.join()).toBe(true);
      nodes.push(node);
    }
    return nodes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lives.disposeAsync();
  }
}

describe('DhtNode', () => {
  test('finds who has announced himself, by way of others, and only in the same swarm', async () => {
    await using nodes = new Nodes();
    const all = await nodes.network(12);
    const [early, late, elsewhere] = [all[3], all[8], all[10]] as [DhtNode, DhtNode, DhtNode];
    await early.lookUp(A, 4001);
    await early.lookUp(A, 4001);
    await elsewhere.lookUp(B, 4003);
    expect(nodes.found).toEqual([]);
    await late.lookUp(A, 4002);
    expect(nodes.found).toEqual([
      { host: late.address.host, infoHash: A, peers: [{ host: early.address.host, port: 4001 }] },
    ]);
  });

  test('is alone when nobody answers', async () => {
    await using nodes = new Nodes();
    const unknown = { host: 'name.invalid', port: 1 };
    const node = await nodes.start('127.0.1.1', [NOBODY, unknown], { clock: hasty });
    expect([await node.join(), node.nodes]).toEqual([false, 0]);
  });

  test('knows after a restart whom to ask, though the bootstrap node is gone', async () => {
    using dir = tempDir('dht-node');
    await using nodes = new Nodes();
    const all = await nodes.network(6);
    const [first, third] = [all[0], all[2]] as [DhtNode, DhtNode];
    await third.lookUp(A, 4001);
    const bootstrap = [first.address];
    const before = await nodes.start('127.0.2.1', bootstrap, { stateDir: dir.path });
    await before.join();
    const { id } = before;
    await before[Symbol.asyncDispose]();
    await first[Symbol.asyncDispose]();

    const after = await nodes.start('127.0.2.1', bootstrap, { stateDir: dir.path, clock: hasty });
    expect(after.id).toBe(id);
    expect(await after.join()).toBe(true);
    await after.lookUp(A, 4002);
    expect(nodes.found.at(-1)?.peers).toEqual([{ host: third.address.host, port: 4001 }]);
  });

  test('keeps yesterday’s nodes when it met nobody today', async () => {
    using dir = tempDir('dht-node');
    await using nodes = new Nodes();
    const kept = { id: A, bootstrap: '127.0.0.1:9', nodes: [{ host: '127.0.3.3', port: 9 }] };
    writeFileSync(join(dir.path, 'dht.json'), JSON.stringify(kept));
    const node = await nodes.start('127.0.2.1', [NOBODY], { stateDir: dir.path });
    await node[Symbol.asyncDispose]();
    expect(JSON.parse(readFileSync(join(dir.path, 'dht.json'), 'utf8'))).toEqual(kept);
  });

  test('takes the id that its address asks for, once five others say which that is (BEP 42)', async () => {
    await using nodes = new Nodes();
    await using lives = new AsyncDisposableStack();
    const ours = Uint8Array.of(20, 1, 2, 3);
    const others: Stranger[] = [];
    for (let i = 1; i <= 6; i += 1)
      others.push(
        lives.use(
          await Stranger.on(`127.0.4.${i}`, () => ({ r: { nodes: new Uint8Array() }, more: { ip: ours } })),
        ),
      );
    const node = await nodes.start(
      '127.0.2.1',
      others.map(({ at }) => at),
    );
    const before = node.id;
    expect(await node.join()).toBe(true);
    expect(node.externalAddress).toBe('20.1.2.3');
    expect(node.id).not.toBe(before);
    expect(isNodeIdAt(Uint8Array.fromHex(node.id), ours)).toBe(true);
    expect(node.nodes).toBe(6);
  });

  test('survives whatever comes at its port', async () => {
    await using nodes = new Nodes();
    await using stranger = await Stranger.on('127.0.0.66');
    const [first, second] = (await nodes.network(2)) as [DhtNode, DhtNode];
    const id = stranger.id;
    for (const a of [
      { id, info_hash: 5 },
      { id, info_hash: second.address.port, token: 5, port: 1 },
      { id, info_hash: id, token: 5, port: 1 },
      { id: 7 },
      { id, target: [] },
    ])
      for (const q of ['get_peers', 'announce_peer', 'find_node', 'put']) stranger.ask(q, a, first.address);
    stranger.say({ t: 'x', y: 'e', e: 'no list' }, first.address);
    await second.lookUp(A, 1);
    expect(first.traffic.refused).toBeGreaterThan(5);
    expect(second.nodes).toBe(1);
  });
});

describe('DhtNode among liars', () => {
  test('takes 16 of the peers that one answer names, and none that it must not dial', async () => {
    await using nodes = new Nodes();
    const values = Array.from({ length: 90 }, (_, i) =>
      i % 2 === 0 ? Uint8Array.of(169, 254, 0, i, 0, 80) : Uint8Array.of(20, 0, 0, i, 0, 80),
    );
    await using liar = await Stranger.on('127.0.0.9', () => ({ r: { values, token: 'x' } }));
    const node = await nodes.start('127.0.2.1', [liar.at]);
    await node.join();
    await node.lookUp(A, 1);
    const hosts = nodes.found.flatMap(({ peers }) => peers.map(({ host }) => host));
    expect(hosts.length).toBeGreaterThan(0);
    expect(hosts.length).toBeLessThanOrEqual(MAX_VALUES_HEARD);
    expect(hosts.filter((host) => !host.startsWith('20.'))).toEqual([]);
  });

  test('asks a victim a few times only, whoever says that he is the nearest node', async () => {
    await using nodes = new Nodes();
    await using lives = new AsyncDisposableStack();
    const victims: Stranger[] = [];
    for (let i = 0; i < 20; i += 1) victims.push(lives.use(await Stranger.on('127.0.0.50')));
    const liars: Stranger[] = [];
    for (let i = 1; i <= 10; i += 1) {
      const victimOf = (a: Uint8Array, n: number) => {
        const id = Uint8Array.from(a);
        id[19] = n + i;
        return compactNode(id, (victims[(n + i) % victims.length] as Stranger).at);
      };
      const answering = (_method: string, a: Parameters<typeof findBytes>[0]) => {
        const target = findBytes(a, 'info_hash') ?? getBytes(a, 'id');
        const others = liars.map(({ id, at }) => compactNode(id, at));
        return { r: { nodes: Buffer.concat([victimOf(target, i), ...others]), token: 'x' } };
      };
      liars.push(lives.use(await Stranger.on(`127.0.6.${i}`, answering)));
    }
    const node = await nodes.start(
      '127.0.2.1',
      liars.map(({ at }) => at),
    );
    await node.join();
    await node.lookUp(A, 1);
    const asked = victims.reduce((sum, { heard }) => sum + heard.length, 0);
    expect(asked).toBeGreaterThan(0);
    expect(asked).toBeLessThanOrEqual(QUERIES_A_HOST);
  });

  test('a look-up that is led on and on ends, and asks no more than a fixed number', async () => {
    await using nodes = new Nodes();
    await using lives = new AsyncDisposableStack();
    const liars: Stranger[] = [];
    // Each answer names the four next liars, who are nearer still: there is always somebody left.
    const idOf = (i: number, target: Uint8Array) => {
      const id = Uint8Array.from(target);
      id[18] = (id[18] ?? 0) ^ ((LIARS - i) >> 8);
      id[19] = (id[19] ?? 0) ^ ((LIARS - i) & 0xff);
      return id;
    };
    const open = (i: number) =>
      Stranger.on(`127.7.${i >> 8}.${i & 255}`, (_method, a) => {
        const target = findBytes(a, 'info_hash') ?? getBytes(a, 'id');
        const next = [i + 1, i + 2, i + 3, i + 4].filter((n) => n < LIARS);
        const nodes = next.map((n) => compactNode(idOf(n, target), (liars[n] as Stranger).at));
        return { r: { id: idOf(i, target), nodes: Buffer.concat(nodes), token: 'x' } };
      });
    liars.push(...(await Promise.all(Array.from({ length: LIARS }, (_, i) => open(i)))));
    for (const liar of liars) lives.use(liar);
    const startedMs = performance.now();
    const node = await nodes.start('127.0.2.1', [(liars[0] as Stranger).at]);
    await node.join();
    await node.lookUp(A, 1);
    const seconds = (performance.now() - startedMs) / 1000;
    const queries = liars.reduce((sum, { heard }) => sum + heard.length, 0);
    expect(queries).toBeGreaterThan(20);
    expect(queries).toBeLessThanOrEqual(QUERIES_OUT_AT_ONCE + Math.ceil(QUERIES_OUT_A_SECOND * seconds));
  });

  test('tells nobody of a node that never answered: a forged sender gets one ping', async () => {
    await using nodes = new Nodes();
    await using silent = await Stranger.on('127.0.0.77');
    await using asker = await Stranger.on('127.0.0.78', knowsNobody);
    const node = await nodes.start('127.0.2.1', [asker.at]);
    await node.join();
    for (let i = 0; i < 5; i += 1) silent.ask('find_node', { target: silent.id }, node.address);
    asker.ask('find_node', { target: silent.id }, node.address);
    const { message } = await eventually('answered', () => asker.heard.find((heard) => 'r' in heard.message));
    const nodesTold = Buffer.from(getBytes(getDict(message, 'r'), 'nodes')).toString('latin1');
    expect(nodesTold).not.toContain(Buffer.from(silent.id).toString('latin1'));
    expect(node.nodes).toBe(1);
  });
});

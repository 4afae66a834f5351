import { describe, expect, test } from 'bun:test';
import { Dht, FEW_PEERS, type NodeInUse, PAUSE_MS } from '../../src/discovery/dht.ts';
import type { DhtNodeOptions } from '../../src/discovery/dht-node.ts';
import { FIRST_RETRY_MS, INTERVAL_MS } from '../../src/discovery/looking.ts';
import { eventually } from '../fixtures/eventually.ts';
import { tempDir } from '../fixtures/temp-dir.ts';
import { HandClock } from './playground.ts';

const A = 'aa'.repeat(20);
const B = 'bb'.repeat(20);

/** A Dht over a node that answers as the test says. */
class Stage implements AsyncDisposable {
  readonly clock = new HandClock();
  readonly log: string[] = [];
  peers = FEW_PEERS;
  isAlone = false;
  failure: Error | undefined;
  readonly dht: Dht;

  constructor() {
    const node: NodeInUse = {
      nodes: 0,
      isReadOnly: false,
      address: { host: '127.0.0.1', port: 1 },
      join: async () => {
        this.log.push('join');
        if (!this.isAlone) (node as { nodes: number }).nodes = 9;
        return !this.isAlone;
      },
      lookUp: async (infoHash, port) => void this.log.push(`${infoHash.slice(0, 2)} ${port}`),
      [Symbol.asyncDispose]: async () => void this.log.push('close'),
    };
    this.dht = new Dht({
      listen: { host: '127.0.0.1', port: 0 },
      bootstrap: [],
      stateDir: '/nowhere',
      clock: this.clock,
      found: () => {},
      port: () => 9989,
      peersIn: () => this.peers,
      draw: () => 0.5,
      open: async (_: DhtNodeOptions) => {
        if (this.failure) throw this.failure;
        this.log.push('open');
        return node;
      },
    });
  }

  /** What was done since the last time, once it waits again. */
  async done(): Promise<{ log: string[]; nextMs: number }> {
    const nextMs = await this.clock.nextMs();
    return { log: this.log.splice(0), nextMs };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dht[Symbol.asyncDispose]();
  }
}

describe('Dht', () => {
  test('opens nothing before there is a swarm', async () => {
    await using stage = new Stage();
    stage.dht.setSwarms([]);
    stage.dht.announceNow();
    expect(stage.log).toEqual([]);
    expect(stage.dht.status()).toEqual({ nodes: 0, readOnly: false });
  });

  test('joins once, then looks each swarm up every 20 minutes', async () => {
    await using stage = new Stage();
    stage.dht.setSwarms([A, B]);
    expect(await stage.done()).toEqual({ log: ['open', 'join', 'aa 9989'], nextMs: PAUSE_MS });
    expect(stage.dht.status()).toEqual({ nodes: 9, readOnly: false });
    stage.clock.advance(PAUSE_MS);
    expect(await stage.done()).toEqual({ log: ['bb 9989'], nextMs: INTERVAL_MS - PAUSE_MS });
    stage.clock.advance(INTERVAL_MS - PAUSE_MS);
    expect(await stage.done()).toEqual({ log: ['aa 9989'], nextMs: PAUSE_MS });
  });

  test('looks a new swarm up at once, and no more one that was left', async () => {
    await using stage = new Stage();
    stage.dht.setSwarms([A]);
    await stage.done();
    stage.clock.advance(INTERVAL_MS);
    await stage.done();
    stage.dht.setSwarms([B]);
    await eventually('looked up', () => stage.log.length > 0);
    expect(stage.log).toEqual(['bb 9989']);
  });

  test('comes back sooner while it has few peers, and at once when told, but not twice a minute', async () => {
    await using stage = new Stage();
    stage.peers = FEW_PEERS - 1;
    stage.dht.setSwarms([A]);
    expect((await stage.done()).nextMs).toBe(FIRST_RETRY_MS);
    stage.clock.advance(FIRST_RETRY_MS);
    expect((await stage.done()).nextMs).toBe(2 * FIRST_RETRY_MS);
    stage.dht.announceNow();
    expect((await stage.done()).nextMs).toBe(60_000);
    stage.clock.advance(60_000);
    expect((await stage.done()).log).toEqual(['aa 9989']);
  });

  test('tries again later when nobody answers, or when the port cannot be opened', async () => {
    await using stage = new Stage();
    stage.isAlone = true;
    stage.dht.setSwarms([A]);
    expect(await stage.done()).toEqual({ log: ['open', 'join'], nextMs: 15_000 });
    stage.clock.advance(15_000);
    expect(await stage.done()).toEqual({ log: ['join'], nextMs: 30_000 });
    stage.isAlone = false;
    stage.clock.advance(30_000);
    expect((await stage.done()).log).toEqual(['join', 'aa 9989']);

    await using other = new Stage();
    other.failure = new Error('no sockets left');
    other.dht.setSwarms([A]);
    expect(await other.done()).toEqual({ log: [], nextMs: 15_000 });
    other.failure = undefined;
    other.clock.advance(15_000);
    expect((await other.done()).log).toEqual(['open', 'join', 'aa 9989']);
  });

  test('closes its node when it is disposed of', async () => {
    const stage = new Stage();
    stage.dht.setSwarms([A]);
    await stage.done();
    await stage[Symbol.asyncDispose]();
    expect(stage.log).toEqual(['close']);
    stage.dht.setSwarms([B]);
    expect(stage.log).toEqual(['close']);
  });

  test('takes another UDP port when that of the peers is in use', async () => {
    using dir = tempDir('dht');
    const taken = Bun.udpSocket({ hostname: '127.0.0.1' });
    const { port } = await taken;
    const dht = new Dht({
      listen: { host: '127.0.0.1', port },
      bootstrap: [{ host: '127.0.0.1', port: 9 }],
      stateDir: dir.path,
      clock: new HandClock(),
      found: () => {},
      port: () => port,
      peersIn: () => 0,
    });
    dht.setSwarms([A]);
    await eventually('the node is open', () => dht.isOpen);
    await dht[Symbol.asyncDispose]();
    (await taken).close();
  });
});

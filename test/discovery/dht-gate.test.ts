import { describe, expect, test } from 'bun:test';
import { decodeDict } from '../../src/bencode/decode.ts';
import { encode } from '../../src/bencode/encode.ts';
import { findBytes, findInt, getBytes, getDict, getList, getText } from '../../src/bencode/fields.ts';
import type { BDict, BInputDict } from '../../src/bencode/value.ts';
import {
  ANNOUNCES_A_LOOK_UP,
  ANSWERED_BYTES_A_SECOND,
  ANSWERED_BYTES_AT_ONCE,
  DhtGate,
  NODES_AN_ANSWER,
  PEERS_AN_ANSWER,
  QUERIES_A_HOST,
  QUERIES_IN_A_HOST,
  QUERIES_IN_A_SECOND,
  QUERIES_IN_AT_ONCE,
  QUERIES_OUT_A_SECOND,
  QUERIES_OUT_AT_ONCE,
} from '../../src/discovery/dht-gate.ts';
import type { DhtLine } from '../../src/discovery/dht-line.ts';
import { DhtScope } from '../../src/discovery/dht-scope.ts';
import { DhtStanding, TRIAL_MS } from '../../src/discovery/dht-standing.ts';
import type { HostPort } from '../../src/lib/host-port.ts';
import { eventually } from '../fixtures/eventually.ts';
import { HandClock } from './playground.ts';
import { Stranger } from './stranger.ts';

const OUR_ID = new Uint8Array(20).fill(0x41);
const HASH = new Uint8Array(20).fill(0x42);

/** A gate, and the library's side of it in the test's hand. */
class Stage implements AsyncDisposable {
  readonly clock = new HandClock();
  readonly standing = new DhtStanding();
  readonly heardFrom: HostPort[] = [];
  readonly delivered: { message: BDict; from: HostPort }[] = [];
  #gate: DhtGate | undefined;
  #line: DhtLine | undefined;
  #transaction = 0;

  static async open(bootstrap = '127.0.0.1'): Promise<Stage> {
    const stage = new Stage();
    stage.#gate = await DhtGate.open({
      listen: { host: '127.0.0.1', port: 0 },
      scope: new DhtScope([{ host: bootstrap, port: 1 }]),
      standing: stage.standing,
      clock: stage.clock,
      heardFrom: (at) => stage.heardFrom.push(at),
    });
    stage.#line = stage.#gate.line(OUR_ID);
    stage.#line.on('message', (bytes: Buffer, { address: host, port }: { address: string; port: number }) => {
      stage.delivered.push({ message: decodeDict(bytes), from: { host, port } });
    });
    return stage;
  }

  get gate(): DhtGate {
    return this.#gate as DhtGate;
  }

  /** As the library does. */
  put(message: BInputDict, { host, port }: HostPort): void {
    const bytes = encode(message);
    (this.#line as DhtLine).send(bytes, 0, bytes.length, port, host);
  }

  ask(q: string, to: HostPort, a: BInputDict = {}): void {
    this.#transaction += 1;
    this.put({ t: Uint8Array.of(0, this.#transaction & 0xff), y: 'q', q, a: { id: OUR_ID, ...a } }, to);
  }

  /** Until the gate has seen so many packets. */
  async seen(packets: number): Promise<void> {
    await eventually(
      `${packets} packets`,
      () => this.delivered.length + this.gate.traffic.refused >= packets,
    );
  }

  heldBack(): number {
    return this.delivered.filter(({ message }) => getText(message, 'y') === 'e').length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.gate[Symbol.asyncDispose]();
  }
}

/** One ping of each of so many hosts. */
async function askFromHosts(stage: Stage, net: number, hosts: number): Promise<void> {
  const before = stage.delivered.length + stage.gate.traffic.refused;
  await using lives = new AsyncDisposableStack();
  for (let i = 0; i < hosts; i += 1) {
    const stranger = lives.use(await Stranger.on(`127.${net}.${i >> 8}.${i & 255}`));
    stranger.ask('ping', {}, stage.gate.address);
    if (i % 50 === 49) await stage.seen(before + i + 1);
  }
}

describe('DhtGate, inwards', () => {
  test("a sound query comes through under our own id, so that a forged sender isn't taken into the table", async () => {
    await using stage = await Stage.open();
    await using stranger = await Stranger.on('127.0.0.2');
    stranger.ask('get_peers', { info_hash: HASH, more: 'junk' }, stage.gate.address);
    await stage.seen(1);
    const [{ message, from } = expect.unreachable()] = stage.delivered;
    expect(from).toEqual(stranger.at);
    expect(getDict(message, 'a')).toEqual({
      id: Buffer.from(OUR_ID),
      info_hash: Buffer.from(HASH),
    } as unknown as BDict);
    expect(stage.heardFrom).toEqual([stranger.at]);
  });

  test("a read-only sender is answered, and isn't told of (BEP 43)", async () => {
    await using stage = await Stage.open();
    await using stranger = await Stranger.on('127.0.0.2');
    stranger.ask('ping', {}, stage.gate.address, { ro: 1 });
    await stage.seen(1);
    expect([stage.delivered.length, stage.heardFrom]).toEqual([1, []]);
  });

  test('what is no sound message never comes through', async () => {
    await using stage = await Stage.open();
    await using stranger = await Stranger.on('127.0.0.2');
    const to = stage.gate.address;
    const junk = [
      new Uint8Array(),
      Buffer.from('hello'),
      new Uint8Array(3_000).fill(0x64),
      Buffer.from(`d1:a${'l'.repeat(500)}${'e'.repeat(500)}e`),
    ];
    for (const bytes of junk) stranger.say(bytes, to);
    stranger.ask('announce_peer', { info_hash: HASH, token: 7, port: 1 }, to);
    stranger.ask('get', { target: HASH }, to);
    await stage.seen(junk.length + 2);
    expect(stage.delivered).toEqual([]);
  });

  test('a sender outside our scope is not heard', async () => {
    await using stage = await Stage.open('8.8.8.8');
    await using stranger = await Stranger.on('127.0.0.2');
    stranger.ask('ping', {}, stage.gate.address);
    await stage.seen(1);
    expect(stage.delivered).toEqual([]);
  });

  test('one host gets few answers in ten seconds, all hosts together some hundred', async () => {
    await using stage = await Stage.open();
    await using stranger = await Stranger.on('127.0.0.2');
    for (let i = 0; i < 500; i += 1) {
      stranger.ask('ping', {}, stage.gate.address);
      if (i % 50 === 49) await stage.seen(i + 1);
    }
    expect(stage.delivered).toHaveLength(QUERIES_IN_A_HOST);

    await askFromHosts(stage, 1, 400);
    expect(stage.delivered).toHaveLength(QUERIES_IN_AT_ONCE);
    stage.clock.advance(1000);
    await askFromHosts(stage, 9, 100);
    expect(stage.delivered).toHaveLength(QUERIES_IN_AT_ONCE + QUERIES_IN_A_SECOND);
  });

  test('an answer comes through only from whom we asked, with the transaction that only he knows', async () => {
    await using stage = await Stage.open();
    await using asked = await Stranger.on('127.0.0.2');
    await using other = await Stranger.on('127.0.0.3');
    stage.ask('ping', asked.at);
    const { message } = await eventually('asked', () => asked.heard[0]);
    const t = getBytes(message, 't');
    expect(t.length).toBe(4);
    const r = { id: asked.id };
    const to = stage.gate.address;
    other.say({ t, y: 'r', r }, to);
    asked.say({ t: Uint8Array.of(0, 1), y: 'r', r }, to);
    await stage.seen(2);
    expect(stage.delivered).toEqual([]);
    asked.say({ t, y: 'r', r }, to);
    asked.say({ t, y: 'r', r }, to);
    await stage.seen(4);
    expect(stage.delivered.map(({ message }) => [...getBytes(message, 't')])).toEqual([[0, 1]]);
  });

  test('nodes that we may not be sent to are left out of an answer, and all but one of a host', async () => {
    await using stage = await Stage.open();
    await using asked = await Stranger.on('127.0.0.2', () => ({
      r: {
        nodes: Buffer.concat(
          ['127.0.0.7', '127.0.0.7', '169.254.0.1', '224.0.0.1', '8.8.8.8', '0.0.0.0'].map((host) =>
            Uint8Array.from([...HASH, ...host.split('.').map(Number), 1, 1]),
          ),
        ),
      },
    }));
    stage.ask('find_node', asked.at, { target: HASH });
    await stage.seen(1);
    const nodes = getBytes(getDict(stage.delivered[0]?.message ?? {}, 'r'), 'nodes');
    expect([nodes.length, nodes[20], nodes[26 + 20]]).toEqual([52, 127, 8]);
  });

  test('a read-only node hears no queries, and says in its own what it is', async () => {
    await using stage = await Stage.open();
    await using stranger = await Stranger.on('127.0.0.2');
    for (const nowMs of [0, TRIAL_MS]) stage.standing.tick(50, nowMs);
    expect(stage.standing.isReadOnly).toBe(true);
    stage.ask('ping', stranger.at);
    const { message } = await eventually('asked', () => stranger.heard[0]);
    expect(findInt(message, 'ro')).toBe(1);
    stranger.ask('ping', {}, stage.gate.address);
    stranger.say(new Uint8Array(), stage.gate.address);
    await stage.seen(1);
    expect(stage.delivered).toEqual([]);
  });
});

describe('DhtGate, outwards', () => {
  test('nobody is asked whose address a stranger must not aim us at', async () => {
    await using stage = await Stage.open('8.8.8.8');
    for (const host of ['127.0.0.1', '10.0.0.1', '192.168.1.1', '224.0.0.1', '255.255.255.255'])
      stage.ask('ping', { host, port: 7 });
    await stage.seen(5);
    expect(stage.heldBack()).toBe(5);
    expect(stage.gate.traffic.bytesOut).toBe(0);
  });

  test('one host is asked a dozen times in ten seconds, whatever the library wants', async () => {
    await using stage = await Stage.open();
    await using victim = await Stranger.on('127.0.0.2');
    for (let i = 0; i < 200; i += 1) stage.ask('ping', victim.at);
    expect(await eventually('asked', () => victim.heard.length >= QUERIES_A_HOST)).toBe(true);
    await stage.seen(200 - QUERIES_A_HOST);
    expect([stage.heldBack(), victim.heard.length]).toEqual([200 - QUERIES_A_HOST, QUERIES_A_HOST]);
  });

  test('all hosts together are asked 150 times at once, then 20 times a second', async () => {
    await using stage = await Stage.open();
    const flood = () => {
      for (let i = 0; i < 300; i += 1) stage.ask('ping', { host: `127.1.${i >> 8}.${i & 255}`, port: 9 });
    };
    flood();
    await stage.seen(300 - QUERIES_OUT_AT_ONCE);
    expect(stage.heldBack()).toBe(300 - QUERIES_OUT_AT_ONCE);
    stage.clock.advance(1000);
    flood();
    await stage.seen(600 - QUERIES_OUT_AT_ONCE - QUERIES_OUT_A_SECOND);
    expect(stage.heldBack()).toBe(600 - QUERIES_OUT_AT_ONCE - QUERIES_OUT_A_SECOND);
  });

  test('an info-hash is announced to eight nodes a look-up', async () => {
    await using stage = await Stage.open();
    const announce = () => {
      for (let i = 0; i < 20; i += 1)
        stage.ask(
          'announce_peer',
          { host: `127.1.0.${i}`, port: 9 },
          { info_hash: HASH, token: 'x', port: 1 },
        );
    };
    announce();
    await stage.seen(20 - ANNOUNCES_A_LOOK_UP);
    expect(stage.heldBack()).toBe(20 - ANNOUNCES_A_LOOK_UP);
    stage.ask('get_peers', { host: '127.1.0.1', port: 9 }, { info_hash: HASH });
    announce();
    await stage.seen(40 - 2 * ANNOUNCES_A_LOOK_UP);
    expect(stage.heldBack()).toBe(40 - 2 * ANNOUNCES_A_LOOK_UP);
  });

  test('an answer is cut to 8 nodes and 50 peers, and tells who asks what its address is (BEP 42)', async () => {
    await using stage = await Stage.open();
    await using stranger = await Stranger.on('127.0.0.2');
    const r = {
      id: OUR_ID,
      nodes: new Uint8Array(26 * 100),
      values: Array.from({ length: 900 }, () => new Uint8Array(6)),
    };
    stage.put({ t: 'tt', y: 'r', r }, stranger.at);
    const { message } = await eventually('answered', () => stranger.heard[0]);
    const heard = getDict(message, 'r');
    expect(getBytes(heard, 'nodes').length).toBe(26 * NODES_AN_ANSWER);
    expect(getList(heard, 'values').length).toBe(PEERS_AN_ANSWER);
    const { port } = stranger.at;
    expect([...(findBytes(message, 'ip') ?? [])]).toEqual([127, 0, 0, 2, port >>> 8, port & 0xff]);
  });

  test('answers take no more of the line than 512 bytes a second, after 16 KiB', async () => {
    await using stage = await Stage.open();
    const answer = { t: 'tt', y: 'r', r: { id: OUR_ID, nodes: new Uint8Array(26 * NODES_AN_ANSWER) } };
    for (let i = 0; i < 200; i += 1) stage.put(answer, { host: '127.0.0.2', port: 9 });
    const first = stage.gate.traffic.bytesOut;
    expect(first).toBeLessThanOrEqual(ANSWERED_BYTES_AT_ONCE);
    expect(first).toBeGreaterThan(ANSWERED_BYTES_AT_ONCE - 512);
    stage.clock.advance(10_000);
    for (let i = 0; i < 200; i += 1) stage.put(answer, { host: '127.0.0.2', port: 9 });
    expect(stage.gate.traffic.bytesOut).toBeLessThanOrEqual(
      ANSWERED_BYTES_AT_ONCE + 10 * ANSWERED_BYTES_A_SECOND,
    );
  });
});

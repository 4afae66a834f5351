import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import type { udp } from 'bun';
import { decodeCompactPeers } from '../../src/announce/compact-peers.ts';
import { encodeUdpRequest } from '../../src/announce/udp.ts';
import { decodeUdpAnswer, type UdpAnswer } from '../../src/announce/udp-answer.ts';
import type { HostPort } from '../../src/lib/host-port.ts';
import { type RunningTracker, startTracker } from '../../src/tracker/server.ts';
import { seededDraw } from './samples.ts';

const infoHash = new Uint8Array(20).fill(7);
const announce = (port: number) => ({
  infoHash,
  peerId: new Uint8Array(20),
  port,
  uploadedBytes: 0,
  downloadedBytes: 0,
  leftBytes: 1,
});

/** A client's socket that hands out the answers in order. */
class Client implements Disposable {
  readonly #waiting: ((bytes: Uint8Array) => void)[] = [];
  readonly #come: Uint8Array[] = [];
  #socket: udp.Socket<'buffer'> | undefined;

  static async open(hostname: string): Promise<Client> {
    const client = new Client();
    client.#socket = await Bun.udpSocket({
      hostname,
      socket: {
        data(_, bytes) {
          const copy = new Uint8Array(bytes);
          const waiting = client.#waiting.shift();
          if (waiting) waiting(copy);
          else client.#come.push(copy);
        },
      },
    });
    return client;
  }

  send(bytes: Uint8Array, to: HostPort): void {
    this.#socket?.send(bytes, to.port, to.host);
  }

  next(): Promise<Uint8Array> {
    const come = this.#come.shift();
    if (come) return Promise.resolve(come);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async ask(bytes: Uint8Array, to: HostPort, family: 4 | 6 = 4): Promise<UdpAnswer> {
    this.send(bytes, to);
    return decodeUdpAnswer(await this.next(), family);
  }

  async connect(to: HostPort, family: 4 | 6 = 4): Promise<Uint8Array> {
    const answer = await this.ask(encodeUdpRequest({ action: 'connect', transactionId: 1 }), to, family);
    if (answer.action !== 'connect') throw new Error(`answered with ${answer.action}`);
    return answer.connectionId;
  }

  [Symbol.dispose](): void {
    this.#socket?.close();
  }
}

let tracker: RunningTracker;
beforeAll(async () => {
  tracker = await startTracker({ listen: { host: '::', port: 0 }, draw: seededDraw(1) });
});
afterAll(() => tracker[Symbol.asyncDispose]());

const at = (host: string): HostPort => ({ host, port: tracker.address.port });
const peersIn = (answer: UdpAnswer, family: 4 | 6) => {
  if (answer.action !== 'announce') throw new Error(JSON.stringify(answer));
  const { peers, peers6 } = answer.answer;
  return family === 4 ? decodeCompactPeers(peers, 6) : decodeCompactPeers(peers6, 18);
};

describe('the tracker over UDP', () => {
  test('introduces two peers over IPv4, which it tells from IPv6 on the same socket', async () => {
    using client = await Client.open('127.0.0.1');
    using client6 = await Client.open('::1');
    const connectionId = await client.connect(at('127.0.0.1'));
    const connectionId6 = await client6.connect(at('::1'), 6);
    const request = (port: number, id: Uint8Array) =>
      encodeUdpRequest({
        action: 'announce',
        connectionId: id,
        transactionId: port,
        announce: announce(port),
      });
    expect(peersIn(await client.ask(request(4001, connectionId), at('127.0.0.1')), 4)).toEqual([]);
    expect(peersIn(await client6.ask(request(4002, connectionId6), at('::1'), 6), 6)).toEqual([]);
    expect(peersIn(await client.ask(request(4003, connectionId), at('127.0.0.1')), 4)).toEqual([
      { host: '127.0.0.1', port: 4001 },
    ]);
    expect(peersIn(await client6.ask(request(4004, connectionId6), at('::1'), 6), 6)).toEqual([
      { host: '::1', port: 4002 },
    ]);
    const scrape = await client.ask(
      encodeUdpRequest({ action: 'scrape', connectionId, transactionId: 9, infoHashes: [infoHash] }),
      at('127.0.0.1'),
    );
    expect(scrape).toEqual({
      action: 'scrape',
      transactionId: 9,
      counts: [{ complete: 0, downloaded: 0, incomplete: 4 }],
    });
    expect(tracker.stats()).toMatchObject({ ipv4Peers: 2, ipv6Peers: 2, udpAnnounces: 4 });
  });

  test('answers many in one round, each with its own', async () => {
    using client = await Client.open('127.0.0.1');
    const to = at('127.0.0.1');
    for (let i = 0; i < 100; i += 1)
      client.send(encodeUdpRequest({ action: 'connect', transactionId: i }), to);
    const ids: number[] = [];
    while (ids.length < 100) ids.push(decodeUdpAnswer(await client.next(), 4).transactionId);
    expect(ids).toEqual(Array.from({ length: 100 }, (_, i) => i));
  });

  test("answers nothing to garbage, nor to a connection id that is another address's", async () => {
    using client = await Client.open('127.0.0.1');
    using other = await Client.open('127.0.0.2');
    const to = at('127.0.0.1');
    const connectionId = await client.connect(to);
    const foreign = encodeUdpRequest({
      action: 'announce',
      connectionId,
      transactionId: 1,
      announce: announce(1),
    });
    other.send(foreign, to);
    other.send(new Uint8Array(0), to);
    other.send(new Uint8Array(1400).fill(0xff), to);
    other.send(new Uint8Array(16), to);
    // Whatever comes first is the answer to this.
    const answer = await other.ask(encodeUdpRequest({ action: 'connect', transactionId: 77 }), to);
    expect(answer).toMatchObject({ action: 'connect', transactionId: 77 });
  });
});

import { describe, expect, test } from 'bun:test';
import { encodeUdpRequest, type UdpRequest } from '../../src/announce/udp.ts';
import { decodeUdpAnswer } from '../../src/announce/udp-answer.ts';
import { AllowedSwarms } from '../../src/tracker/allowed-swarms.ts';
import { ConnectionIds } from '../../src/tracker/connection-ids.ts';
import { DEFAULT_LIMITS } from '../../src/tracker/peer-table.ts';
import { Tracker } from '../../src/tracker/tracker.ts';
import { MAX_ANSWER_BYTES, respondToDatagram } from '../../src/tracker/udp-respond.ts';
import { SetClock, seededDraw } from './samples.ts';

const infoHash = new Uint8Array(20).fill(7);
const ipv4 = { address: Uint8Array.of(192, 0, 2, 1) };
const ipv6 = { address: Uint8Array.of(0x20, 1, 0xd, 0xb8, ...new Array<number>(11).fill(0), 1) };
const setUp = (allowed?: AllowedSwarms) => {
  const clock = new SetClock();
  const limits = { ...DEFAULT_LIMITS, maxNetworkPeers: 1000 };
  const tracker = new Tracker({ clock, draw: seededDraw(1), allowed, limits });
  const ids = new ConnectionIds(new Uint8Array(32).fill(5));
  const ask = (request: UdpRequest, from = ipv4) => {
    const bytes = respondToDatagram(tracker, ids, encodeUdpRequest(request), from);
    return bytes && decodeUdpAnswer(bytes, from.address.length === 4 ? 4 : 6);
  };
  const connected = (from = ipv4) => ids.issue(from.address, tracker.nowSeconds);
  const announce = (connectionId: Uint8Array, port: number): UdpRequest => ({
    action: 'announce',
    connectionId,
    transactionId: 3,
    announce: {
      infoHash,
      peerId: infoHash,
      port,
      uploadedBytes: 0,
      downloadedBytes: 0,
      leftBytes: 1,
      numWant: 1000,
    },
  });
  return { clock, tracker, ids, ask, connected, announce };
};

describe('respondToDatagram()', () => {
  test('gives as much as it got to who has not proved its address', () => {
    const { ids, tracker } = setUp();
    const request = encodeUdpRequest({ action: 'connect', transactionId: 1 });
    expect(respondToDatagram(tracker, ids, request, ipv4)?.length).toBe(request.length);
  });

  test('takes a connection id for two minutes and not for three', () => {
    const { clock, ask, connected, announce } = setUp();
    for (const start of [0, 7, 29, 1000]) {
      clock.seconds = start;
      const id = connected();
      clock.seconds = start + 120;
      expect(ask(announce(id, 1))).toMatchObject({ action: 'announce' });
      clock.seconds = start + 150;
      expect(ask(announce(id, 1))).toBeUndefined();
      // Long after, when the bits for the step are the same again.
      clock.seconds = start + 240;
      expect(ask(announce(id, 1))).toBeUndefined();
    }
  });

  test('takes no connection id of another address or with any other bit', () => {
    const { ask, connected, announce } = setUp();
    const id = connected();
    expect(ask(announce(id, 1), { address: Uint8Array.of(192, 0, 2, 2) })).toBeUndefined();
    for (let bit = 0; bit < 64; bit += 1) {
      const other = id.slice();
      other[bit >> 3] = (other[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(ask(announce(other, 1))).toBeUndefined();
      expect(
        ask({ action: 'scrape', connectionId: other, transactionId: 1, infoHashes: [infoHash] }),
      ).toBeUndefined();
    }
  });

  test('gives as many peers as fit an unfragmented datagram, for either family', () => {
    const { ids, tracker, connected, announce } = setUp();
    for (const [from, fits] of [
      [ipv4, 200],
      [ipv6, 67],
    ] as const) {
      const id = connected(from);
      let length = 0;
      for (let port = 1; port <= 300; port += 1)
        length = respondToDatagram(tracker, ids, encodeUdpRequest(announce(id, port)), from)?.length ?? 0;
      expect(length).toBe(20 + fits * (from.address.length + 2));
      expect(length).toBeLessThanOrEqual(MAX_ANSWER_BYTES);
    }
  });

  test('says why it refuses to who has proved its address', () => {
    const { ask, connected, announce, tracker } = setUp(new AllowedSwarms([new Uint8Array(20)]));
    expect(ask(announce(connected(), 1))).toEqual({
      action: 'error',
      transactionId: 3,
      failure: 'this tracker does not serve this swarm',
    });
    expect(tracker.stats().refused).toBe(1);
  });

  test('answers only what has a valid connection id or is a connect, whatever bytes come', () => {
    const { ids, tracker, connected, announce } = setUp();
    const draw = seededDraw(4);
    const below = (n: number) => Math.floor(draw() * n);
    const sample = encodeUdpRequest(announce(connected(), 1));
    for (let round = 0; round < 5000; round += 1) {
      const bytes = below(3)
        ? sample.slice(0, below(120))
        : Uint8Array.from({ length: below(120) }, () => below(256));
      for (let change = below(4); change > 0 && bytes.length > 0; change -= 1)
        bytes[below(bytes.length)] = below(256);
      const answer = respondToDatagram(tracker, ids, bytes, ipv4);
      if (answer && answer.length > 16) expect(bytes.slice(0, 8)).toEqual(sample.slice(0, 8));
    }
  });
});

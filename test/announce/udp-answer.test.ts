import { describe, expect, test } from 'bun:test';
import { decodeUdpAnswer, encodeUdpAnswer, type UdpAnswer } from '../../src/announce/udp-answer.ts';
import { ProtocolError } from '../../src/lib/errors.ts';
import { randomBytes, seeded } from './samples.ts';

const hex = (text: string) => Uint8Array.fromHex(text.replaceAll(/\s/g, ''));
const none = new Uint8Array(0);

/** Each with its family and the bytes that BEP 15 gives it. */
const SAMPLES: readonly [UdpAnswer, 4 | 6, string][] = [
  [
    { action: 'connect', transactionId: 0xdeadbeef, connectionId: hex('0102030405060708') },
    4,
    '00000000 deadbeef 0102030405060708',
  ],
  [
    {
      action: 'announce',
      transactionId: 7,
      answer: {
        intervalSeconds: 1800,
        complete: 3,
        incomplete: 2,
        peers: hex('c00002011ae1 c00002021ae2'),
        peers6: none,
      },
    },
    4,
    '00000001 00000007 00000708 00000002 00000003 c00002011ae1 c00002021ae2',
  ],
  [
    {
      action: 'announce',
      transactionId: 7,
      answer: {
        intervalSeconds: 1800,
        complete: 3,
        incomplete: 2,
        peers: none,
        peers6: hex('20010db8000000000000000000000001 1ae1'),
      },
    },
    6,
    '00000001 00000007 00000708 00000002 00000003 20010db8000000000000000000000001 1ae1',
  ],
  [
    {
      action: 'scrape',
      transactionId: 7,
      counts: [
        { complete: 1, downloaded: 2, incomplete: 3 },
        { complete: 4, downloaded: 5, incomplete: 6 },
      ],
    },
    4,
    '00000002 00000007 000000010000000200000003 000000040000000500000006',
  ],
  [{ action: 'error', transactionId: 7, failure: 'nein' }, 4, '00000003 00000007 6e65696e'],
];

describe('UDP answers', () => {
  test('have the bytes of BEP 15 and are read back', () => {
    for (const [answer, family, bytes] of SAMPLES) {
      expect(encodeUdpAnswer(answer, family)).toEqual(hex(bytes));
      expect(decodeUdpAnswer(hex(bytes), family)).toEqual(answer);
    }
  });

  test("give the peers of the socket's family only", () => {
    const answer = { intervalSeconds: 1, peers: hex('c00002011ae1'), peers6: new Uint8Array(36) };
    const bytes = (family: 4 | 6) =>
      encodeUdpAnswer({ action: 'announce', transactionId: 1, answer }, family);
    expect(bytes(4).length).toBe(26);
    expect(bytes(6).length).toBe(56);
  });

  test('are refused when cut short, of an unknown action, with part of a peer or a negative interval', () => {
    for (const text of [
      '',
      '00000000 00000007 01020304050607',
      '00000001 00000007 00000708 00000002 000000',
      '00000001 00000007 00000708 00000002 00000003 c000020100',
      '00000001 00000007 80000000 00000002 00000003',
      '00000004 00000007',
    ])
      expect(() => decodeUdpAnswer(hex(text), 4)).toThrow(ProtocolError);
  });

  test('show at most 500 characters of an error and 74 counts', () => {
    const error = decodeUdpAnswer(hex(`00000003 00000007 ${'61'.repeat(1000)}`), 4);
    expect(error).toEqual({ action: 'error', transactionId: 7, failure: 'a'.repeat(500) });
    const scrape = decodeUdpAnswer(hex(`00000002 00000007 ${'00'.repeat(12 * 100)}`), 4);
    expect(scrape.action === 'scrape' && scrape.counts.length).toBe(74);
  });

  test('arbitrary bytes give an answer that re-encodes to itself, or ProtocolError, nothing else', () => {
    const draw = seeded(17);
    let decoded = 0;
    for (let round = 0; round < 10_000; round += 1) {
      const [, family, text] = SAMPLES[draw(SAMPLES.length)] as (typeof SAMPLES)[number];
      let bytes = draw(5) ? hex(text) : randomBytes(draw, draw(60));
      for (let change = draw(3); change > 0 && bytes.length > 0; change -= 1)
        bytes[draw(bytes.length)] = draw(256);
      if (draw(4) === 0) bytes = bytes.subarray(0, draw(bytes.length + 1));
      try {
        const answer = decodeUdpAnswer(bytes, family);
        expect(decodeUdpAnswer(encodeUdpAnswer(answer, family), family)).toEqual(answer);
        decoded += 1;
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
      }
    }
    expect(decoded).toBeGreaterThan(2000);
  });
});

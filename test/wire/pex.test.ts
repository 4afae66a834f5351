import { describe, expect, test } from 'bun:test';
import { ProtocolError } from '../../src/lib/errors.ts';
import {
  decodePex,
  encodePex,
  MAX_PEX_BYTES,
  MAX_PEX_PEERS,
  MAX_PEX_READ,
  PexFlag,
  type PexMessage,
} from '../../src/wire/pex.ts';
import { randomBytes, seeded } from './samples.ts';

const bytes = (text: string) => Uint8Array.from(Buffer.from(text, 'latin1'));

const full: PexMessage = {
  swarm: new Uint8Array(32).fill(7),
  added: [
    { host: '192.0.2.7', port: 9989, flags: PexFlag.reachable },
    { host: '192.0.2.8', port: 1, flags: 0 },
    { host: '2001:db8::7', port: 65535, flags: PexFlag.uploadOnly },
  ],
  dropped: [
    { host: '192.0.2.9', port: 9989 },
    { host: '2001:db8::9', port: 9989 },
  ],
};

describe('ut_pex', () => {
  test('encodePex() has the fields of BEP 11, sorted, and the swarm only when there is one', () => {
    const added = [{ host: '192.0.2.7', port: 0x2705, flags: 0x10 }];
    expect(Buffer.from(encodePex({ added, dropped: [] })).toString('latin1')).toBe(
      'd5:added6:\xc0\x00\x02\x07\x27\x057:added.f1:\x106:added60:8:added6.f0:7:dropped0:8:dropped60:e',
    );
  });

  test('decodePex() gives back what was encoded', () => {
    expect(decodePex(encodePex(full))).toEqual(full);
    expect(decodePex(encodePex({ added: [], dropped: [] }))).toEqual({ added: [], dropped: [] });
  });

  test('an IPv4 address in IPv6 clothes is the IPv4 address, a name is left out', () => {
    const added = [
      { host: '::ffff:192.0.2.7', port: 1, flags: 2 },
      { host: 'lab.example.org', port: 1, flags: 4 },
    ];
    expect(decodePex(encodePex({ added, dropped: [] })).added).toEqual([
      { host: '192.0.2.7', port: 1, flags: 2 },
    ]);
  });

  test('encodePex() refuses more than fifty', () => {
    const peers = Array.from({ length: MAX_PEX_PEERS + 1 }, (_, i) => ({
      host: '192.0.2.7',
      port: i + 1,
      flags: 0,
    }));
    expect(() => encodePex({ added: peers, dropped: [] })).toThrow(RangeError);
    expect(() => encodePex({ added: [], dropped: peers })).toThrow(RangeError);
    expect(encodePex({ added: peers.slice(1), dropped: [] }).length).toBeGreaterThan(300);
  });

  test('decodePex() reads a hundred of a field and no more', () => {
    const payload = bytes(`d5:added1200:${'\x01\x02\x03\x04\x05\x06'.repeat(200)}e`);
    expect(decodePex(payload).added).toHaveLength(MAX_PEX_READ);
  });

  test('decodePex() takes absent fields, short flags and unknown fields, in any order', () => {
    const payload = bytes('d7:added.f1:\x105:added12:abcdefghijkl1:xi1ee');
    expect(decodePex(payload)).toEqual({
      added: [
        { host: '97.98.99.100', port: 0x6566, flags: 0x10 },
        { host: '103.104.105.106', port: 0x6b6c, flags: 0 },
      ],
      dropped: [],
    });
    expect(decodePex(bytes('de'))).toEqual({ added: [], dropped: [] });
  });

  test.each([
    ['a part of a peer', 'd5:added7:1234567e'],
    ['a part of an IPv6 peer', 'd6:added66:123456e'],
    ['a list', 'd5:addedlee'],
    ['a swarm of another length', 'd1:s31:1234567890123456789012345678901e'],
    ['no dictionary', 'le'],
    ['nothing', ''],
  ])('decodePex() refuses %s', (_what, payload) => {
    expect(() => decodePex(bytes(payload))).toThrow(ProtocolError);
  });

  test('decodePex() refuses a payload that is too long', () => {
    const filler = MAX_PEX_BYTES - 10;
    expect(() => decodePex(bytes(`d1:x${filler}:${'x'.repeat(filler)}e`))).toThrow(ProtocolError);
  });

  test('decodePex() gives a message or a ProtocolError for any bytes', () => {
    const draw = seeded(11);
    const sound = encodePex(full);
    for (let round = 0; round < 3_000; round += 1) {
      const payload = draw(2) === 0 ? randomBytes(draw, draw(200)) : sound.slice();
      if (payload.length > 0) payload[draw(payload.length)] = draw(256);
      try {
        const { added, dropped } = decodePex(payload);
        expect(added.length + dropped.length).toBeLessThanOrEqual(4 * MAX_PEX_READ);
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolError);
      }
    }
  });
});

import { describe, expect, test } from 'bun:test';
import { ProtocolError } from '../../src/lib/errors.ts';
import {
  decodeHandshake,
  encodeHandshake,
  HANDSHAKE_BYTES,
  HandshakeReader,
  hasFeature,
  reservedBytes,
} from '../../src/wire/handshake.ts';
import { join, randomBytes, seeded } from './samples.ts';

const infoHash = Uint8Array.from({ length: 20 }, (_, i) => i);
const peerId = new TextEncoder().encode('-DB0100-abcdefghijkl');
const ours = { reserved: reservedBytes('extended', 'fast'), infoHash, peerId };

describe('encodeHandshake()', () => {
  test('is 19, the protocol name, reserved bytes, info-hash and peer id', () => {
    expect(encodeHandshake(ours).toHex()).toBe(
      `13${Buffer.from('BitTorrent protocol').toString('hex')}0000000000100004${infoHash.toHex()}${peerId.toHex()}`,
    );
  });

  test('refuses fields of a wrong length', () => {
    expect(() => encodeHandshake({ ...ours, infoHash: new Uint8Array(32) })).toThrow(RangeError);
    expect(() => encodeHandshake({ ...ours, peerId: new Uint8Array(19) })).toThrow(RangeError);
    expect(() => encodeHandshake({ ...ours, reserved: new Uint8Array(7) })).toThrow(RangeError);
  });
});

describe('hasFeature()', () => {
  test('sees the bits of BEP 5, 6, 10 and 52 and no others', () => {
    expect(hasFeature(Uint8Array.of(0, 0, 0, 0, 0, 0x10, 0, 0), 'extended')).toBe(true);
    expect(hasFeature(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0x04), 'fast')).toBe(true);
    expect(hasFeature(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0x01), 'dht')).toBe(true);
    expect(hasFeature(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0x10), 'v2')).toBe(true);
    expect(hasFeature(Uint8Array.of(255, 255, 255, 255, 255, 0xef, 255, 0xfb), 'extended')).toBe(false);
    expect(hasFeature(Uint8Array.of(255, 255, 255, 255, 255, 0xef, 255, 0xfb), 'fast')).toBe(false);
  });
});

describe('decodeHandshake()', () => {
  test('gives back every reserved bit, known or not', () => {
    const reserved = Uint8Array.of(1, 2, 4, 8, 16, 32, 64, 128);
    expect(decodeHandshake(encodeHandshake({ ...ours, reserved }))).toEqual({ ...ours, reserved });
  });

  test('refuses another length or another protocol', () => {
    const bytes = encodeHandshake(ours);
    expect(() => decodeHandshake(bytes.subarray(1))).toThrow(ProtocolError);
    expect(() => decodeHandshake(join(bytes, new Uint8Array(1)))).toThrow(ProtocolError);
    for (let at = 0; at < 20; at += 1) {
      const wrong = bytes.slice();
      wrong[at] = (wrong[at] as number) ^ 1;
      expect(() => decodeHandshake(wrong)).toThrow(ProtocolError);
    }
  });

  test('gives for arbitrary bytes a handshake that re-encodes to them, or ProtocolError', () => {
    const draw = seeded(3);
    for (let round = 0; round < 2000; round += 1) {
      const bytes = randomBytes(draw, 48);
      const whole = join(encodeHandshake(ours).subarray(0, 20), bytes);
      expect(encodeHandshake(decodeHandshake(whole))).toEqual(whole);
      expect(() => decodeHandshake(randomBytes(draw, draw(2 * HANDSHAKE_BYTES)))).toThrow(ProtocolError);
    }
  });
});

describe('HandshakeReader', () => {
  test('gives the handshake and what follows it, wherever the stream is cut', () => {
    const stream = join(encodeHandshake(ours), Uint8Array.of(0, 0, 0, 1, 15));
    for (let cut = 0; cut <= stream.length; cut += 1) {
      const reader = new HandshakeReader();
      const first = reader.push(stream.subarray(0, cut));
      expect(first === undefined).toBe(cut < HANDSHAKE_BYTES);
      const result = first ?? reader.push(stream.subarray(cut));
      expect(result?.handshake).toEqual(ours);
      const rest = first ? join(first.rest, stream.subarray(cut)) : result?.rest;
      expect(rest?.toHex()).toBe('000000010f');
    }
  });

  test('takes it byte by byte', () => {
    const reader = new HandshakeReader();
    const stream = encodeHandshake(ours);
    for (let at = 0; at < 67; at += 1) expect(reader.push(stream.subarray(at, at + 1))).toBeUndefined();
    expect(reader.push(stream.subarray(67))?.handshake).toEqual(ours);
  });

  test('refuses an HTTP request at its first byte and does not wait for 68', () => {
    expect(() => new HandshakeReader().push(new TextEncoder().encode('G'))).toThrow(ProtocolError);
    const reader = new HandshakeReader();
    reader.push(new TextEncoder().encode('\x13Bit'));
    expect(() => reader.push(new TextEncoder().encode('ter'))).toThrow(ProtocolError);
  });
});

import { describe, expect, test } from 'bun:test';
import { ProtocolError } from '../../src/lib/errors.ts';
import {
  allocPiece,
  decodeMessage,
  encodeChoke,
  encodeExtended,
  encodeHave,
  encodeKeepAlive,
  encodeMessage,
  encodePiece,
  encodePieceHeader,
  encodePort,
  encodeRequest,
  MAX_HASHES,
  MAX_REQUEST_BYTES,
  type Message,
  maxBodyBytes,
} from '../../src/wire/message.ts';
import { everyMessage, randomBytes, seeded } from './samples.ts';

describe('encoders', () => {
  test('encodeHave() is the five byte body of BEP 3 behind its length', () => {
    expect(encodeHave(0x01020304).toHex()).toBe('000000050401020304');
  });

  test('encodeRequest() has index, begin and length in that order', () => {
    expect(encodeRequest({ index: 1, begin: 0x4000, length: 0x8000 }).toHex()).toBe(
      '0000000d06000000010000400000008000',
    );
  });

  test('encodeKeepAlive() is four zero bytes, encodeChoke() five bytes, encodePort() seven', () => {
    expect(encodeKeepAlive().toHex()).toBe('00000000');
    expect(encodeChoke().toHex()).toBe('0000000100');
    expect(encodePort(0x2705).toHex()).toBe('00000003092705');
  });

  test('encodeExtended() puts the extended id before the payload', () => {
    expect(encodeExtended(3, Uint8Array.of(0x64, 0x65)).toHex()).toBe('000000041403' + '6465');
  });

  test('allocPiece() gives a payload that is a view into the message', () => {
    const { message, payload } = allocPiece(7, 0x4000, 5);
    payload.set([1, 2, 3, 4, 5]);
    expect(message.length).toBe(18);
    expect(message.toHex()).toBe('0000000e0700000007000040000102030405');
    expect(message.subarray(0, 13)).toEqual(encodePieceHeader(7, 0x4000, 5));
    expect(encodePiece(7, 0x4000, payload)).toEqual(message);
  });

  test('encodeMessage() refuses a pieces root that has not 32 bytes', () => {
    const range = { baseLayer: 0, index: 0, length: 2, proofLayers: 0 };
    expect(() => encodeMessage({ type: 'hash-request', piecesRoot: new Uint8Array(31), ...range })).toThrow(
      RangeError,
    );
  });
});

describe('decodeMessage()', () => {
  for (const message of everyMessage()) {
    test(`gives back what encodeMessage() was given: ${message.type}`, () => {
      expect(decodeMessage(encodeMessage(message).subarray(4))).toEqual(message);
    });
  }

  test('gives numbers above 2^31 as they are, not negative', () => {
    expect(decodeMessage(encodeHave(0xffffffff).subarray(4))).toEqual({ type: 'have', index: 0xffffffff });
  });

  test('gives a message that owns its bytes', () => {
    const body = encodeExtended(1, Uint8Array.of(9, 9)).subarray(4);
    const message = decodeMessage(body);
    body.fill(0);
    expect(message).toEqual({ type: 'extended', id: 1, payload: Uint8Array.of(9, 9) });
  });

  test('keeps an id that it does not know, for the receiver to ignore', () => {
    expect(decodeMessage(Uint8Array.of(99, 1, 2))).toEqual({
      type: 'unknown',
      id: 99,
      payload: Uint8Array.of(1, 2),
    });
  });

  for (const message of everyMessage()) {
    const body = encodeMessage(message).subarray(4);
    const fixed = !['keep-alive', 'bitfield', 'piece', 'extended', 'hashes', 'unknown'].includes(
      message.type,
    );
    if (!fixed) continue;
    test(`refuses ${message.type} with a byte too many or too few`, () => {
      expect(() => decodeMessage(Uint8Array.of(...body, 0))).toThrow(ProtocolError);
      if (body.length > 1) expect(() => decodeMessage(body.subarray(0, -1))).toThrow(ProtocolError);
    });
  }

  test('refuses hashes that are not whole, or more than MAX_HASHES', () => {
    const hashes = everyMessage().find((message) => message.type === 'hashes') as Message & {
      type: 'hashes';
    };
    const many = { ...hashes, hashes: new Uint8Array(32 * MAX_HASHES) };
    expect(decodeMessage(encodeMessage(many).subarray(4)).type).toBe('hashes');
    const more = { ...hashes, hashes: new Uint8Array(32 * (MAX_HASHES + 1)) };
    expect(() => decodeMessage(encodeMessage(more).subarray(4))).toThrow(ProtocolError);
    const torn = { ...hashes, hashes: new Uint8Array(33) };
    expect(() => decodeMessage(encodeMessage(torn).subarray(4))).toThrow(ProtocolError);
  });

  test('takes a PIECE of 256 KiB and refuses one byte more', () => {
    expect(maxBodyBytes(7)).toBe(MAX_REQUEST_BYTES + 9);
    expect(() => decodeMessage(encodePiece(0, 0, new Uint8Array(MAX_REQUEST_BYTES + 1)).subarray(4))).toThrow(
      ProtocolError,
    );
  });

  test('takes no more of a BITFIELD, which is ignored, than of an EXTENDED message', () => {
    expect(maxBodyBytes(5)).toBe(maxBodyBytes(20));
    const bits = new Uint8Array(maxBodyBytes(20));
    expect(() => decodeMessage(encodeMessage({ type: 'bitfield', bits }).subarray(4))).toThrow(ProtocolError);
  });

  test('gives for arbitrary bytes a message that re-encodes to them, or ProtocolError', () => {
    const draw = seeded(11);
    let decoded = 0;
    for (let round = 0; round < 20_000; round += 1) {
      const body = randomBytes(draw, draw(80));
      if (body.length > 0) body[0] = draw(26);
      try {
        expect(encodeMessage(decodeMessage(body)).subarray(4)).toEqual(body);
        decoded += 1;
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
      }
    }
    expect(decoded).toBeGreaterThan(1000);
  });
});

import { describe, expect, test } from 'bun:test';
import { ProtocolError } from '../../src/lib/errors.ts';
import {
  decodeExtendedHandshake,
  decodeMetadataMessage,
  type ExtendedHandshake,
  encodeExtendedHandshake,
  encodeMetadataMessage,
  type MetadataMessage,
} from '../../src/wire/extended.ts';
import { join, randomBytes, seeded } from './samples.ts';

const text = (value: string) => new TextEncoder().encode(value);

const full: ExtendedHandshake = {
  extensions: new Map([
    ['dt_archive', 3],
    ['ut_metadata', 1],
    ['ut_pex', 0],
  ]),
  client: 'DebTorrent 0.1.0',
  port: 9989,
  requestQueue: 512,
  metadataSizeBytes: 123,
  yourIp: Uint8Array.of(192, 0, 2, 1),
  ipv4: Uint8Array.of(192, 0, 2, 2),
  ipv6: new Uint8Array(16).fill(0x20),
  uploadOnly: true,
};

describe('extended handshake', () => {
  test('encodeExtendedHandshake() is canonical and leaves out what is not given', () => {
    const bytes = encodeExtendedHandshake({
      extensions: new Map([['ut_metadata', 1]]),
      client: 'a',
      port: 9989,
    });
    expect(Buffer.from(bytes).toString()).toBe('d1:md11:ut_metadatai1ee1:pi9989e1:v1:ae');
  });

  test('decodeExtendedHandshake() gives back every field', () => {
    expect(decodeExtendedHandshake(encodeExtendedHandshake(full))).toEqual(full);
  });

  test('decodeExtendedHandshake() takes what libtorrent sends, unknown fields and all', () => {
    const sent = text(
      'd12:complete_agoi-1e1:md11:lt_donthavei7e10:share_modei8e11:upload_onlyi3e12:ut_holepunchi4e11:ut_metadatai2e6:ut_pexi1ee13:metadata_sizei233e4:reqqi2000e1:v18:libtorrent/2.0.8.0e',
    );
    const handshake = decodeExtendedHandshake(sent);
    expect(handshake.extensions.get('ut_metadata')).toBe(2);
    expect(handshake).toMatchObject({
      client: 'libtorrent/2.0.8.0',
      requestQueue: 2000,
      metadataSizeBytes: 233,
    });
    expect('port' in handshake).toBe(false);
  });

  test('decodeExtendedHandshake() takes keys that are not sorted', () => {
    const handshake = decodeExtendedHandshake(text('d1:v1:x1:md6:ut_pexi1e10:dt_archivei7eee'));
    expect([...handshake.extensions]).toEqual([
      ['ut_pex', 1],
      ['dt_archive', 7],
    ]);
    expect(handshake.client).toBe('x');
  });

  test('decodeExtendedHandshake() leaves out an address of a wrong length', () => {
    expect('yourIp' in decodeExtendedHandshake(text('d1:v1:x6:yourip5:helloe'))).toBe(false);
  });

  test('decodeExtendedHandshake() sees no extension that the sender did not name', () => {
    expect(decodeExtendedHandshake(text('de')).extensions.get('constructor')).toBeUndefined();
  });

  for (const wrong of [
    'd1:mi1ee',
    'd1:md1:ai256eee',
    'd1:md1:ai-1eee',
    'd1:md1:a1:bee',
    'd1:p1:xe',
    'd1:pi65536ee',
    'd13:metadata_sizei-5ee',
    'd1:vi1ee',
    'de ',
    'le',
    '',
  ]) {
    test(`decodeExtendedHandshake() refuses ${wrong || 'nothing'}`, () => {
      expect(() => decodeExtendedHandshake(text(wrong))).toThrow(ProtocolError);
    });
  }
});

describe('ut_metadata', () => {
  const all: MetadataMessage[] = [
    { type: 'request', piece: 0 },
    { type: 'reject', piece: 7 },
    { type: 'data', piece: 1, totalSizeBytes: 16_500, bytes: text('d4:infoe') },
  ];

  for (const message of all) {
    test(`decodeMetadataMessage() gives back ${message.type}`, () => {
      expect(decodeMetadataMessage(encodeMetadataMessage(message))).toEqual(message);
    });
  }

  test('encodeMetadataMessage() writes data as in BEP 9, the piece behind the dictionary', () => {
    const bytes = encodeMetadataMessage({
      type: 'data',
      piece: 0,
      totalSizeBytes: 34256,
      bytes: text('xyz'),
    });
    expect(Buffer.from(bytes).toString()).toBe('d8:msg_typei1e5:piecei0e10:total_sizei34256eexyz');
  });

  test('decodeMetadataMessage() ignores a kind that it does not know', () => {
    expect(decodeMetadataMessage(text('d8:msg_typei3ee'))).toBeUndefined();
  });

  test('decodeMetadataMessage() refuses a piece above 16 KiB, bytes after a request and missing fields', () => {
    const head = text('d8:msg_typei1e5:piecei0e10:total_sizei99999ee');
    expect(decodeMetadataMessage(join(head, new Uint8Array(16384)))?.type).toBe('data');
    expect(() => decodeMetadataMessage(join(head, new Uint8Array(16385)))).toThrow(ProtocolError);
    expect(() => decodeMetadataMessage(text('d8:msg_typei0e5:piecei0ee0'))).toThrow(ProtocolError);
    expect(() => decodeMetadataMessage(text('d8:msg_typei0ee'))).toThrow(ProtocolError);
    expect(() => decodeMetadataMessage(text('d8:msg_typei1e5:piecei0ee'))).toThrow(ProtocolError);
  });
});

test('decoders of extended payloads give for arbitrary bytes a result or ProtocolError, nothing else', () => {
  const draw = seeded(21);
  const seeds = [
    encodeExtendedHandshake(full),
    encodeMetadataMessage({ type: 'data', piece: 1, totalSizeBytes: 16_500, bytes: text('abc') }),
    randomBytes(draw, 60),
  ];
  let decoded = 0;
  for (let round = 0; round < 6000; round += 1) {
    const bytes = (seeds[round % 3] as Uint8Array).slice();
    for (let change = draw(3); change >= 0; change -= 1) bytes[draw(bytes.length)] = draw(256);
    const cut = bytes.subarray(0, draw(10) === 0 ? draw(bytes.length) : bytes.length);
    for (const decode of [decodeExtendedHandshake, decodeMetadataMessage]) {
      try {
        decode(cut);
        decoded += 1;
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
      }
    }
  }
  expect(decoded).toBeGreaterThan(100);
});

import { describe, expect, test } from 'bun:test';
import { decodeUdpRequest, encodeUdpRequest, type UdpRequest } from '../../src/announce/udp.ts';
import { ProtocolError } from '../../src/lib/errors.ts';
import { randomBytes, seeded } from './samples.ts';

const filled = (length: number, from: number) => Uint8Array.from({ length }, (_, i) => from + i);
const hex = (text: string) => Uint8Array.fromHex(text.replaceAll(/\s/g, ''));

const announce: UdpRequest = {
  action: 'announce',
  connectionId: filled(8, 0xf0),
  transactionId: 0xdeadbeef,
  announce: {
    infoHash: filled(20, 1),
    peerId: filled(20, 101),
    port: 0x1ae1,
    downloadedBytes: 5 * 2 ** 32 + 6,
    leftBytes: 7,
    uploadedBytes: 2 ** 53 - 1,
    event: 'started',
    key: '01020304',
    numWant: 50,
  },
};
const ANNOUNCE_HEX = `f0f1f2f3f4f5f6f7 00000001 deadbeef 0102030405060708090a0b0c0d0e0f1011121314
  65666768696a6b6c6d6e6f707172737475767778 0000000500000006 0000000000000007 001fffffffffffff
  00000002 00000000 01020304 00000032 1ae1`;

describe('UDP requests', () => {
  test('connect has the 16 bytes of BEP 15', () => {
    const request: UdpRequest = { action: 'connect', transactionId: 0x01020304 };
    expect(encodeUdpRequest(request)).toEqual(hex('0000041727101980 00000000 01020304'));
    expect(decodeUdpRequest(encodeUdpRequest(request))).toEqual(request);
  });

  test('announce has the 98 bytes of BEP 15', () => {
    expect(encodeUdpRequest(announce)).toEqual(hex(ANNOUNCE_HEX));
    expect(decodeUdpRequest(hex(ANNOUNCE_HEX))).toEqual(announce);
  });

  test('announce without event, key, left and numwant says so and is read so', () => {
    const { infoHash, peerId, port } = announce.announce;
    const bare = { infoHash, peerId, port, downloadedBytes: 0, uploadedBytes: 0 };
    const bytes = encodeUdpRequest({ ...announce, announce: bare });
    expect(bytes.subarray(64, 72)).toEqual(new Uint8Array(8).fill(0xff));
    expect(bytes.subarray(80)).toEqual(hex('00000000 00000000 00000000 ffffffff 1ae1'));
    expect(decodeUdpRequest(bytes)).toEqual({ ...announce, announce: bare });
  });

  test('each event has the number of BEP 15, and "paused" is none', () => {
    for (const [code, event] of [undefined, 'completed', 'started', 'stopped', undefined].entries()) {
      const bytes = hex(ANNOUNCE_HEX);
      bytes[83] = code;
      const read = decodeUdpRequest(bytes);
      expect(read.action === 'announce' && read.announce.event).toBe(event as never);
      if (code < 4) expect(encodeUdpRequest(read)).toEqual(bytes);
    }
  });

  test('the address that an announce claims is not read', () => {
    const bytes = hex(ANNOUNCE_HEX);
    bytes.set([192, 0, 2, 66], 84);
    expect(decodeUdpRequest(bytes)).toEqual(announce);
  });

  test('scrape has 20 bytes for each of up to 74 info-hashes', () => {
    const infoHashes = Array.from({ length: 74 }, (_, i) => filled(20, i));
    const request: UdpRequest = {
      action: 'scrape',
      connectionId: filled(8, 1),
      transactionId: 9,
      infoHashes,
    };
    const bytes = encodeUdpRequest(request);
    expect(bytes.length).toBe(16 + 74 * 20);
    expect(bytes.subarray(0, 36)).toEqual(
      hex('0102030405060708 00000002 00000009 000102030405060708090a0b0c0d0e0f10111213'),
    );
    expect(decodeUdpRequest(bytes)).toEqual(request);
    expect(() => decodeUdpRequest(Buffer.concat([bytes, filled(20, 1)]))).toThrow(ProtocolError);
    expect(() => encodeUdpRequest({ ...request, infoHashes: [...infoHashes, filled(20, 1)] })).toThrow(
      RangeError,
    );
    expect(() => encodeUdpRequest({ ...request, infoHashes: [] })).toThrow(RangeError);
  });

  test('URL data longer than an option is split and joined again (BEP 41)', () => {
    const urlData = Uint8Array.from({ length: 300 }, (_, i) => i);
    const bytes = encodeUdpRequest({ ...announce, urlData });
    expect(bytes.length).toBe(98 + 2 + 255 + 2 + 45);
    expect([bytes[98], bytes[99], bytes[355], bytes[356]]).toEqual([2, 255, 2, 45]);
    expect(decodeUdpRequest(bytes)).toEqual({ ...announce, urlData });
    expect(() => encodeUdpRequest({ ...announce, urlData: new Uint8Array(2049) })).toThrow(RangeError);
  });

  test('options: NOPs and unknown ones are skipped, the end ends, what is cut short is not read (BEP 41)', () => {
    const optionsGive = (options: string) => {
      const read = decodeUdpRequest(hex(`${ANNOUNCE_HEX} ${options}`));
      return read.action === 'announce' && read.urlData && Buffer.from(read.urlData).toString();
    };
    expect(optionsGive('01 01 02 02 2f61')).toBe('/a');
    expect(optionsGive('03 02 0202 02 02 2f61')).toBe('/a');
    expect(optionsGive('02 02 2f61 02 01 62')).toBe('/ab');
    expect(optionsGive('02 02 2f61 00 02 01 62')).toBe('/a');
    expect(optionsGive('02 02 2f61 02 05 62')).toBe('/a');
    expect(optionsGive('02')).toBeUndefined();
    expect(optionsGive(`02 ff ${'61'.repeat(255)} `.repeat(20))).toBe('a'.repeat(2048));
  });

  test('what is cut short, of another protocol or action, or has port 0 is refused', () => {
    for (const text of ['', '0000041727101980', '0000041727101980 00000000 010203'])
      expect(() => decodeUdpRequest(hex(text))).toThrow(ProtocolError);
    expect(() => decodeUdpRequest(hex('0000041727101981 00000000 01020304'))).toThrow(ProtocolError);
    expect(() => decodeUdpRequest(hex('0000041727101980 00000003 01020304'))).toThrow(ProtocolError);
    expect(() => decodeUdpRequest(hex(`0000041727101980 00000002 01020304 ${'00'.repeat(19)}`))).toThrow(
      ProtocolError,
    );
    expect(() => decodeUdpRequest(hex(ANNOUNCE_HEX).subarray(0, 97))).toThrow(ProtocolError);
    const changed = (at: number, ...bytes: number[]) => {
      const copy = hex(ANNOUNCE_HEX);
      copy.set(bytes, at);
      return copy;
    };
    expect(() => decodeUdpRequest(changed(96, 0, 0))).toThrow('port');
    expect(() => decodeUdpRequest(changed(83, 5))).toThrow('event');
  });

  test('a key of another form cannot be sent', () => {
    const other = { ...announce, announce: { ...announce.announce, key: 'abc' } };
    expect(() => encodeUdpRequest(other)).toThrow(RangeError);
  });

  test('arbitrary bytes give a request that re-encodes to itself, or ProtocolError, nothing else', () => {
    const draw = seeded(15);
    const samples = [
      hex('0000041727101980 00000000 01020304'),
      hex(ANNOUNCE_HEX),
      hex(`${ANNOUNCE_HEX} 02 02 2f61`),
      hex(`0102030405060708 00000002 00000009 ${'ab'.repeat(60)}`),
    ];
    let decoded = 0;
    for (let round = 0; round < 10_000; round += 1) {
      const sample = samples[draw(samples.length)] as Uint8Array;
      let bytes = draw(5) ? sample.slice() : randomBytes(draw, draw(130));
      for (let change = draw(4); change > 0 && bytes.length > 0; change -= 1)
        bytes[draw(bytes.length)] = draw(3) ? draw(256) : 0;
      if (draw(4) === 0) bytes = bytes.subarray(0, draw(bytes.length + 1));
      try {
        const request = decodeUdpRequest(bytes);
        expect(decodeUdpRequest(encodeUdpRequest(request))).toEqual(request);
        decoded += 1;
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
      }
    }
    expect(decoded).toBeGreaterThan(2000);
  });

  test('every request that can be made comes back from its bytes', () => {
    const draw = seeded(16);
    for (let round = 0; round < 2000; round += 1) {
      const event = ([undefined, 'started', 'completed', 'stopped'] as const)[draw(4)];
      const request: UdpRequest = {
        action: 'announce',
        connectionId: randomBytes(draw, 8),
        transactionId: draw(2 ** 32),
        announce: {
          infoHash: randomBytes(draw, 20),
          peerId: randomBytes(draw, 20),
          port: 1 + draw(65535),
          uploadedBytes: draw(2 ** 53),
          downloadedBytes: draw(2 ** 53),
          ...(draw(2) && { leftBytes: draw(2 ** 53) }),
          ...(event && { event }),
          ...(draw(2) && { numWant: draw(2 ** 31) }),
          ...(draw(2) && { key: (1 + draw(2 ** 32 - 1)).toString(16).padStart(8, '0') }),
        },
        ...(draw(2) && { urlData: randomBytes(draw, 1 + draw(600)) }),
      };
      expect(decodeUdpRequest(encodeUdpRequest(request))).toEqual(request);
    }
  });
});

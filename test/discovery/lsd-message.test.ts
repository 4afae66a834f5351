import { describe, expect, test } from 'bun:test';
import { decodeLsdMessage, encodeLsdMessages, MAX_LSD_BYTES } from '../../src/discovery/lsd-message.ts';
import { ProtocolError } from '../../src/lib/errors.ts';

const HOST = '239.192.152.143:6771';
const A = 'b3d5ab0ebd164fc000776e9f18808cdbf76bb51a';
const B = 'b313038bf1d1c3f04421f078507127a742d35f91';

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (message: Uint8Array | undefined) => new TextDecoder().decode(message);

/** A message of these lines, ended as it should be. */
const said = (...lines: string[]) => bytes([...lines, '', '', ''].join('\r\n'));
const START = 'BT-SEARCH * HTTP/1.1';

describe('encodeLsdMessages()', () => {
  test('is what BEP 14 shows', () => {
    const messages = encodeLsdMessages(HOST, { port: 9989, infoHashes: [A, B], cookie: '1f2e' });
    expect(messages.map(text)).toEqual([
      'BT-SEARCH * HTTP/1.1\r\nHost: 239.192.152.143:6771\r\nPort: 9989\r\n' +
        `Infohash: ${A}\r\nInfohash: ${B}\r\ncookie: 1f2e\r\n\r\n\r\n`,
    ]);
  });

  test('many swarms go in as few datagrams of at most 1,400 bytes as there can be', () => {
    const infoHashes = Array.from({ length: 64 }, (_, i) => i.toString(16).padStart(40, '0'));
    const messages = encodeLsdMessages('[ff15::efc0:988f]:6771', { port: 65535, infoHashes, cookie: 'ab' });
    expect(messages).toHaveLength(3);
    for (const message of messages) expect(message.length).toBeLessThanOrEqual(1_400);
    expect(messages.flatMap((message) => decodeLsdMessage(message).infoHashes)).toEqual(infoHashes);
  });

  test('nothing is said of no swarm', () => {
    expect(encodeLsdMessages(HOST, { port: 9989, infoHashes: [] })).toEqual([]);
  });
});

describe('decodeLsdMessage()', () => {
  test.each([
    ['without a cookie', { port: 1, infoHashes: [A] }],
    ['with one', { port: 65535, infoHashes: [A, B], cookie: 'x y' }],
  ])('gives back what was encoded, %s', (_, message) => {
    const [datagram] = encodeLsdMessages(HOST, message);
    expect(decodeLsdMessage(datagram as Uint8Array)).toEqual({ cookie: undefined, ...message });
  });

  test('takes names in any case, white space, other fields, and info-hashes in capitals, each once', () => {
    const message = said(
      START,
      'HOST:x',
      'PORT:\t9989 ',
      'X-Other: Port: 7',
      `infohash:${A.toUpperCase()}`,
      `InfoHash:  ${A}`,
    );
    expect(decodeLsdMessage(message)).toEqual({ port: 9989, infoHashes: [A], cookie: undefined });
  });

  test('passes over info-hashes of another kind, and whatever follows the end', () => {
    const message = said(START, 'Port: 9989', `Infohash: ${'ab'.repeat(32)}`, `Infohash: ${A}`);
    const longer = bytes(`${text(message)}Infohash: ${B}\r\n\r\n`);
    expect(decodeLsdMessage(longer).infoHashes).toEqual([A]);
  });

  test.each([
    ['nothing', bytes('')],
    ['another method', said('M-SEARCH * HTTP/1.1', 'Port: 1', `Infohash: ${A}`)],
    ['no end', bytes(`${START}\r\nPort: 1\r\nInfohash: ${A}\r\n`)],
    ['no port', said(START, `Infohash: ${A}`)],
    ['no info-hash', said(START, 'Port: 1')],
    ['half an info-hash only', said(START, 'Port: 1', 'Infohash: abcd')],
    ['port 0', said(START, 'Port: 0', `Infohash: ${A}`)],
    ['port 65536', said(START, 'Port: 65536', `Infohash: ${A}`)],
    ['a port that is no number', said(START, 'Port: 0x50', `Infohash: ${A}`)],
    ['two ports', said(START, 'Port: 1', 'Port: 2', `Infohash: ${A}`)],
    ['two cookies', said(START, 'Port: 1', 'cookie: a', 'cookie: b', `Infohash: ${A}`)],
    ['a long cookie', said(START, 'Port: 1', `cookie: ${'c'.repeat(65)}`, `Infohash: ${A}`)],
    ['a cookie that is no text', said(START, 'Port: 1', 'cookie: \x07', `Infohash: ${A}`)],
    ['a line without a name', said(START, 'Port: 1', ': x', `Infohash: ${A}`)],
    ['a line without a colon', said(START, 'Port: 1', 'x', `Infohash: ${A}`)],
    ['too many bytes', said(START, 'Port: 1', `Infohash: ${A}`, `X: ${'x'.repeat(MAX_LSD_BYTES)}`)],
  ])('throws ProtocolError for %s', (_, message) => {
    expect(() => decodeLsdMessage(message)).toThrow(ProtocolError);
  });

  test('whatever bytes come, it gives a message that encodes, or a ProtocolError', () => {
    let state = 0x1ad;
    const draw = (below: number) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return (state >>> 8) % below;
    };
    const whole = encodeLsdMessages(HOST, {
      port: 9989,
      infoHashes: [A, B],
      cookie: '1f2e',
    })[0] as Uint8Array;
    let understood = 0;
    for (let round = 0; round < 20_000; round += 1) {
      const noise = Uint8Array.from({ length: draw(1_600) }, () => draw(256));
      const broken = whole.slice(0, whole.length - (draw(4) === 0 ? draw(whole.length) : 0));
      for (let n = draw(4); n > 0; n -= 1) broken[draw(broken.length + 1)] = draw(256);
      try {
        const message = decodeLsdMessage(round % 10 === 0 ? noise : broken);
        const [again] = encodeLsdMessages(HOST, message);
        expect(decodeLsdMessage(again as Uint8Array)).toEqual(message);
        understood += 1;
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolError);
      }
    }
    expect(understood).toBeGreaterThan(1_000);
  });
});

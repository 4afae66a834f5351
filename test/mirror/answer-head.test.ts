import { describe, expect, test } from 'bun:test';
import { ProtocolError } from '../../src/lib/errors.ts';
import { headEnd, parseHead } from '../../src/mirror/answer-head.ts';

const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'latin1'));
const parse = (text: string, method: 'GET' | 'HEAD' = 'GET') => parseHead(bytes(text), method);

describe('headEnd()', () => {
  test.each([
    ['HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody', 25],
    ['HTTP/1.1 200 OK\n\nbody', 17],
    ['HTTP/1.1 200 OK\r\nA: b\r\n', -1],
    ['HTTP/1.1 200 OK\r\nA: b\r\n\r', -1],
    ['', -1],
  ])('%j ends at %d', (text, at) => {
    expect(headEnd(bytes(text))).toBe(at);
  });
});

describe('parseHead()', () => {
  test('gives status, fields and length', () => {
    const { status, headers, length, isKept } = parse(
      'HTTP/1.1 206 Partial Content\r\nContent-Length: 12\r\nX-A:  b c \r\nX-A: d\r\nServer: Caf\xe9\r\n\r\n',
    );
    expect([status, length, isKept]).toEqual([206, 12, true]);
    expect(headers.get('x-a')).toBe('b c, d');
    expect(headers.get('server')).toBe('Café');
  });

  test('joins a field that goes on in the next line', () => {
    expect(parse('HTTP/1.1 200 OK\r\nX-A: b\r\n\tc\r\n\r\n').headers.get('x-a')).toBe('b c');
  });

  test.each([
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n', 'chunked', true],
    ['HTTP/1.1 200 OK\r\n\r\n', 'until-close', false],
    ['HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n', 3, false],
    ['HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: x, Close\r\n\r\n', 3, false],
    ['HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n', 3, true],
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n', 'chunked', false],
    ['HTTP/1.1 204 No Content\r\n\r\n', 0, true],
    ['HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n', 0, true],
    ['HTTP/1.1 100 Continue\r\n\r\n', 0, true],
    ['HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n', 0, true],
  ] as const)('%j: body %p, kept: %p', (text, length, isKept) => {
    expect(parse(text)).toMatchObject({ length, isKept });
  });

  test('the answer to HEAD has no body, whatever its length says', () => {
    const head = parse('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n', 'HEAD');
    expect([head.length, head.headers.get('content-length')]).toEqual([0, '3']);
  });

  test.each([
    'SSH-2.0-OpenSSH_9.2\r\n\r\n',
    'HTTP/2 200 OK\r\n\r\n',
    'HTTP/1.1 99 x\r\n\r\n',
    'HTTP/1.1 2000\r\n\r\n',
    'HTTP/1.1 200 OK\r\nno field\r\n\r\n',
    'HTTP/1.1 200 OK\r\n: empty\r\n\r\n',
    'HTTP/1.1 200 OK\r\nA b: c\r\n\r\n',
    'HTTP/1.1 200 OK\r\nA: \0\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 1e9\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n',
  ])('%j is refused', (text) => {
    expect(() => parse(text)).toThrow(ProtocolError);
  });

  test('whatever comes is parsed or refused', () => {
    const draw = seeded(7);
    const start = 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n';
    for (let i = 0; i < 3000; i += 1) {
      const text = bytes(start);
      for (let n = 0; n < 4; n += 1) text[Math.floor(draw() * text.length)] = Math.floor(draw() * 256);
      try {
        parseHead(text, 'GET');
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolError);
      }
    }
  });
});

/** mulberry32 */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

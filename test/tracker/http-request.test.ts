import { describe, expect, test } from 'bun:test';
import { RefusedError } from '../../src/lib/errors.ts';
import { MAX_HEAD_BYTES, readRequest } from '../../src/tracker/http-request.ts';
import { seededDraw } from './samples.ts';

const read = (text: string, from = 0) => readRequest(Buffer.from(text, 'latin1'), from);
const statusOf = (text: string): number | undefined => {
  try {
    read(text);
    return undefined;
  } catch (error) {
    if (error instanceof RefusedError) return error.status;
    throw error;
  }
};

describe('readRequest()', () => {
  test('gives method, target and end, byte for byte', () => {
    const text = 'GET /announce?x=%ff\xff HTTP/1.1\r\nHost: x\r\n\r\n';
    expect(read(`${text}GET`)).toEqual({
      method: 'GET',
      target: '/announce?x=%ff\xff',
      keepAlive: true,
      end: text.length,
    });
  });

  test('reads a request without any field, and one that begins later', () => {
    expect(read('GET / HTTP/1.0\r\n\r\n')?.end).toBe(18);
    expect(read('xxGET / HTTP/1.1\r\n\r\n', 2)).toMatchObject({ target: '/', end: 20 });
  });

  test('gives nothing until all of the head is there, at whatever byte it is cut', () => {
    const text = 'GET /scrape HTTP/1.1\r\nHost: x\r\nUser-Agent: y\r\n\r\n';
    for (let length = 0; length < text.length; length += 1)
      expect(read(text.slice(0, length))).toBeUndefined();
    expect(read(text)).toBeDefined();
  });

  test('keeps the connection as RFC 9112 §9.3 has it', () => {
    const keeps = (version: string, fields = '') => read(`GET / HTTP/${version}\r\n${fields}\r\n`)?.keepAlive;
    expect(keeps('1.1')).toBe(true);
    expect(keeps('1.1', 'Connection: close\r\n')).toBe(false);
    expect(keeps('1.1', 'Host: x\r\nCONNECTION:Keep-Alive, Close\r\nA: b\r\n')).toBe(false);
    expect(keeps('1.1', 'X-Connection: close\r\n')).toBe(true);
    expect(keeps('1.0')).toBe(false);
    expect(keeps('1.0', 'Connection: keep-alive\r\n')).toBe(true);
  });

  test('takes the absolute form (RFC 9112 §3.2.2)', () => {
    expect(read('GET http://tracker.example:6969/announce?a=b HTTP/1.1\r\n\r\n')?.target).toBe(
      '/announce?a=b',
    );
    expect(read('GET http://tracker.example HTTP/1.1\r\n\r\n')?.target).toBe('/');
  });

  test('refuses what is no HTTP/1.1', () => {
    for (const line of [
      'GET /',
      'GET / HTTP/2.0',
      'GET / HTTP/1.1 ',
      ' / HTTP/1.1',
      'GET  HTTP/1.1',
      '\x16\x03\x01',
    ])
      expect(statusOf(`${line}\r\n\r\n`)).toBe(400);
  });

  test('refuses a body, however it is announced', () => {
    for (const field of [
      'Content-Length: 5',
      'content-length:00005',
      'Transfer-Encoding: chunked',
      'Content-Length: 0, 5',
    ])
      expect(statusOf(`GET / HTTP/1.1\r\n${field}\r\n\r\n`)).toBe(400);
    expect(statusOf('GET / HTTP/1.1\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n')).toBe(400);
    expect(statusOf('GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\n')).toBeUndefined();
  });

  test('refuses a long URL and a head that does not end', () => {
    expect(statusOf(`GET /${'a'.repeat(9000)} HTTP/1.1\r\n\r\n`)).toBe(414);
    expect(statusOf(`GET / HTTP/1.1\r\n${'a'.repeat(MAX_HEAD_BYTES)}`)).toBe(431);
    expect(statusOf(`GET / HTTP/1.1\r\n${'a'.repeat(MAX_HEAD_BYTES)}\r\n\r\n`)).toBe(431);
    expect(statusOf(`GET / HTTP/1.1\r\n${'a'.repeat(10_000)}\r\n\r\n`)).toBeUndefined();
  });

  test('gives for arbitrary bytes a request, nothing or RefusedError, nothing else', () => {
    const draw = seededDraw(2);
    const below = (n: number) => Math.floor(draw() * n);
    const parts = [
      'GET ',
      '/',
      ' HTTP/1.1',
      '\r\n',
      '\r\n\r\n',
      'Connection: close',
      'Content-Length: 1',
      ' ',
      'a',
      '\0',
    ];
    for (let round = 0; round < 5000; round += 1) {
      const text = Array.from({ length: below(12) }, () => parts[below(parts.length)]).join('');
      statusOf(text);
    }
  });
});

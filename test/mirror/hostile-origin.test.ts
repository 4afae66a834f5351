/**
 * What a hostile or broken mirror may send on our own sockets: each attack ends in an answer or an error, in bounded
 * time and memory, and never in bytes of one answer counted to another.
 */
import { describe, expect, test } from 'bun:test';
import type { Socket } from 'node:net';
import { HttpMirror } from '../../src/mirror/http-mirror.ts';
import { PlainHttp } from '../../src/mirror/plain-http.ts';
import type { RawAnswer, RawBody } from '../../src/mirror/raw-answer.ts';
import { UpstreamPolicy } from '../../src/mirror/upstream-policy.ts';
import { eventually } from '../fixtures/eventually.ts';
import { errorOf } from '../fixtures/world.ts';
import { type Asked, type RawOrigin, rawOrigin } from './raw-origin.ts';

const { signal } = new AbortController();
const OK = 'HTTP/1.1 200 OK\r\n';

function ask(http: PlainHttp, { port }: RawOrigin, target = '/x', host = 'mirror.example.org') {
  const to = { host: '127.0.0.1', port };
  return http.request({ to, host, target, method: 'GET', headers: new Headers(), signal });
}

async function text({ body }: RawAnswer): Promise<string> {
  const parts: Uint8Array[] = [];
  for (;;) {
    const { done, value } = await (body as RawBody).read();
    if (done) return Buffer.concat(parts).toString();
    parts.push(value);
  }
}

/** Writes the same again and again, behind `start`, until the other side has closed, at its pace. */
function pour(socket: Socket, part: string, start = ''): void {
  socket.write(start);
  const bytes = Buffer.from(part.repeat(Math.ceil(16_384 / part.length)));
  const go = () => {
    while (!socket.destroyed && socket.write(bytes));
  };
  socket.on('drain', go);
  go();
}

describe('PlainHttp against a mirror that', () => {
  test.each<[string, (asked: Asked) => void]>([
    [
      'sends garbage',
      ({ socket }) => socket.write(Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * 131) & 255))),
    ],
    ['sends garbage without end', ({ socket }) => pour(socket, '\x01\x02\xff\xfe garbage')],
    ['sends a status line without end', ({ socket }) => pour(socket, 'HTTP/1.1 200 O')],
    ['sends fields without end', ({ socket }) => pour(socket, 'X-A: b\r\n', OK)],
    ['sends one field without end', ({ socket }) => pour(socket, 'y', `${OK}X-A: `)],
    ['folds a field without end', ({ socket }) => pour(socket, ' y\r\n', `${OK}X-A: b\r\n`)],
    ['sends 300 fields', ({ socket }) => socket.write(`${OK}${'A: b\r\n'.repeat(300)}\r\n`)],
    ['announces an answer without end (1xx)', ({ socket }) => pour(socket, 'HTTP/1.1 100 Continue\r\n\r\n')],
    ['sends 103 without end', ({ socket }) => pour(socket, 'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n')],
    [
      'has two lengths',
      ({ socket }) => socket.write(`${OK}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd`),
    ],
    ['has a negative length', ({ socket }) => socket.write(`${OK}Content-Length: -3\r\n\r\nabcd`)],
    ['has a length in hexadecimal', ({ socket }) => socket.write(`${OK}Content-Length: 0x10\r\n\r\nabcd`)],
    ['hides a length by a space', ({ socket }) => socket.write(`${OK}Content-Length : 3\r\n\r\nabc`)],
    ['hides a length by a missing colon', ({ socket }) => socket.write(`${OK}Content-Length\r\n\r\nabc`)],
    ['hides an encoding', ({ socket }) => socket.write(`${OK}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`)],
    [
      'encodes twice',
      ({ socket }) => socket.write(`${OK}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n`),
    ],
    ['answers by HTTP/0.9', ({ socket }) => socket.end('<html>hello')],
    ['answers by HTTP/2', ({ socket }) => socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')],
    ['speaks TLS', ({ socket }) => socket.write(Buffer.from('15030300020228', 'hex'), () => socket.end())],
    ['wants another protocol', ({ socket }) => socket.write('HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n')],
    ['closes in the middle of the head', ({ socket }) => socket.end(`${OK}Content-Le`)],
    ['closes after a 100', ({ socket }) => socket.end('HTTP/1.1 100 Continue\r\n\r\n')],
  ])('%s gives an error, and its connection is closed', async (_name, attack) => {
    await using origin = await rawOrigin(attack);
    const error = await errorOf(ask(new PlainHttp(), origin));
    expect([(error as Error).name, (error as { code?: string }).code].join()).toMatch(
      /^ProtocolError|ECONNRESET$/,
    );
    await origin.asked[0]?.closed;
    expect(origin.asked).toHaveLength(1);
  });

  test.each<[string, string]>([
    ['has a chunk without a size', '\r\nabc'],
    ['has a chunk of negative size', '-3\r\nabc\r\n'],
    ['has a chunk of more bytes than there are numbers', 'fffffffffffffffff\r\n'],
    ['has a chunk longer than it said', '3\r\nabcdef\r\n'],
    ['has an extension without end', `3;${'x'.repeat(10_000)}`],
    ['has a trailer without end', `0\r\n${'A: b\r\n'.repeat(1000)}`],
    ['ends before the last chunk', '3\r\nabc\r\n'],
  ])('%s breaks the body off', async (_name, body) => {
    await using origin = await rawOrigin(({ socket }) =>
      socket.end(`${OK}Transfer-Encoding: chunked\r\n\r\n${body}`),
    );
    const http = new PlainHttp();
    const error = await errorOf(ask(http, origin).then(text));
    expect([(error as Error).name, (error as { code?: string }).code].join()).toMatch(
      /^ProtocolError|ECONNRESET$/,
    );
  });

  test('has both a length and chunks: the chunks count, the length is not passed on, nor the connection kept', async () => {
    await using origin = await rawOrigin(({ socket }) =>
      socket.write(`${OK}Content-Length: 50\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`),
    );
    const http = new PlainHttp();
    for (let i = 0; i < 2; i += 1) {
      const answer = await ask(http, origin);
      expect(answer.headers.get('content-length')).toBeNull();
      expect(await text(answer)).toBe('abc');
    }
    expect(new Set(origin.asked.map(({ socket }) => socket)).size).toBe(2);
  });

  test("answers twice: the second answer is nobody's", async () => {
    const twice = `${OK}Content-Length: 5\r\n\r\nfirst${OK}Content-Length: 6\r\n\r\nsecond`;
    await using origin = await rawOrigin(({ socket, target, reply }) => {
      if (target === '/twice') socket.write(twice);
      else reply(200, target);
    });
    const http = new PlainHttp();
    expect(await text(await ask(http, origin, '/twice'))).toBe('first');
    await origin.asked[0]?.closed;
    expect(await text(await ask(http, origin, '/next'))).toBe('/next');
  });

  test('answers once more when nobody has asked: the connection is not used again', async () => {
    await using origin = await rawOrigin(({ target, reply }) => reply(200, target));
    const http = new PlainHttp();
    expect(await text(await ask(http, origin, '/1'))).toBe('/1');
    origin.asked[0]?.reply(200, 'unasked');
    await origin.asked[0]?.closed;
    expect(await text(await ask(http, origin, '/2'))).toBe('/2');
    expect(origin.asked).toHaveLength(2);
  });

  test('sends a body where there is none (304): it is no answer to the next request', async () => {
    await using origin = await rawOrigin(({ target, socket, reply }) => {
      if (target === '/304') socket.write(`HTTP/1.1 304 X\r\n\r\n${OK}Content-Length: 4\r\n\r\nevil`);
      else reply(200, target);
    });
    const http = new PlainHttp();
    expect(await text(await ask(http, origin, '/304'))).toBe('');
    expect(await text(await ask(http, origin, '/next'))).toBe('/next');
  });

  test('ends an idle connection with 408 just then: the request is sent again', async () => {
    await using origin = await rawOrigin(({ target, socket, reply }) => {
      if (origin.asked.length === 2)
        socket.end('HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
      else reply(200, target);
    });
    const http = new PlainHttp();
    expect(await text(await ask(http, origin, '/1'))).toBe('/1');
    expect(await text(await ask(http, origin, '/2'))).toBe('/2');
    expect(origin.asked.map(({ target }) => target)).toEqual(['/1', '/2', '/2']);
  });

  test('is one address of two names: each has connections of its own', async () => {
    await using origin = await rawOrigin(({ headers, reply }) => reply(200, headers.get('host') ?? ''));
    const http = new PlainHttp();
    for (const host of ['a.example.org', 'b.example.org', 'a.example.org'])
      expect(await text(await ask(http, origin, '/x', host))).toBe(host);
    const [a, b, again] = origin.asked.map(({ socket }) => socket);
    expect([a === b, a === again]).toEqual([false, true]);
  });

  test('pours tiny chunks at a reader who rests is held back', async () => {
    let poured = 0;
    await using origin = await rawOrigin(({ socket }) => {
      socket.write(`${OK}Transfer-Encoding: chunked\r\n\r\n`);
      const bytes = Buffer.from('1\r\nx\r\n'.repeat(1000));
      const go = () => {
        while (!socket.destroyed && poured < 200_000_000) {
          poured += bytes.length;
          if (!socket.write(bytes)) return;
        }
      };
      socket.on('drain', go);
      go();
    });
    const { body } = await ask(new PlainHttp(), origin);
    let before = -1;
    await eventually('nothing moves', async () => {
      const isStill = poured === before;
      before = poured;
      await Bun.sleep(100);
      return isStill;
    });
    // What the kernel holds, and little more.
    expect(poured).toBeLessThan(20_000_000);
    await (body as RawBody).cancel(new Error('enough'));
    await origin.asked[0]?.closed;
  });
});

describe('HttpMirror against a mirror that', () => {
  const mirror = (options = {}) =>
    new HttpMirror({ policy: new UpstreamPolicy(['127.0.0.1']), userAgent: 'test', ...options });
  const at = (host: string) => ({ scheme: 'http', host, path: '/x' }) as const;

  test('drips its head a byte at a time: an error in the time that a head may take', async () => {
    await using origin = await rawOrigin(({ socket }) => {
      const timer = setInterval(() => socket.write('H'), 5);
      socket.on('close', () => clearInterval(timer));
    });
    const error = await errorOf(mirror({ headTimeoutMs: 100 }).request({ at: at(origin.host), signal }));
    expect(error).toMatchObject({ name: 'UnavailableError' });
    await origin.asked[0]?.closed;
  });

  test('redirects for ever, each time elsewhere: an error after a few', async () => {
    await using origin = await rawOrigin(({ socket }) =>
      socket.write(`HTTP/1.1 302 X\r\nLocation: /${origin.asked.length}\r\nContent-Length: 0\r\n\r\n`),
    );
    const error = await errorOf(mirror().request({ at: at(origin.host), signal }));
    expect((error as Error).message).toContain('more than 5 redirects');
    expect(origin.asked).toHaveLength(6);
  });

  test('redirects into the network, by any scheme or form: refused', async () => {
    for (const location of [
      ...['http://10.0.0.1/', 'http://[::1]/', 'http://169.254.169.254/latest/', '//192.168.0.1/x'],
      ...['http://2130706433:80/', 'file:///etc/passwd', 'ftp://mirror.example.org/', 'http://'],
    ]) {
      await using origin = await rawOrigin(({ socket }) =>
        socket.write(`HTTP/1.1 302 X\r\nLocation: ${location}\r\nContent-Length: 0\r\n\r\n`),
      );
      const policy = new UpstreamPolicy([origin.host]);
      const error = await errorOf(mirror({ policy }).request({ at: at(origin.host), signal }));
      expect([location, (error as Error).name]).toEqual([
        location,
        expect.stringMatching(/Refused|Unavailable/),
      ]);
    }
  });
});

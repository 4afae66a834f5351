import { describe, expect, test } from 'bun:test';
import { PlainHttp } from '../../src/mirror/plain-http.ts';
import type { RawAnswer, RawBody } from '../../src/mirror/raw-answer.ts';
import { eventually } from '../fixtures/eventually.ts';
import { errorOf } from '../fixtures/world.ts';
import { type RawOrigin, rawOrigin } from './raw-origin.ts';

const { signal } = new AbortController();

function ask(http: PlainHttp, origin: RawOrigin, options: Partial<Parameters<PlainHttp['request']>[0]> = {}) {
  return http.request({
    to: { host: '127.0.0.1', port: origin.port },
    host: 'mirror.example.org',
    target: '/x',
    method: 'GET',
    headers: new Headers(),
    signal,
    ...options,
  });
}

async function text({ body }: RawAnswer): Promise<string> {
  const parts: Uint8Array[] = [];
  for (;;) {
    const { done, value } = await (body as RawBody).read();
    if (done) return Buffer.concat(parts).toString();
    parts.push(value);
  }
}

describe('PlainHttp.request()', () => {
  test('says whom it asks, and what it accepts', async () => {
    await using origin = await rawOrigin(({ reply }) => reply(200, 'yes'));
    const headers = new Headers({ Host: 'another', Range: 'bytes=3-' });
    expect(await text(await ask(new PlainHttp(), origin, { target: '/a%20b?c', headers }))).toBe('yes');
    const [asked] = origin.asked;
    expect([asked?.method, asked?.target]).toEqual(['GET', '/a%20b?c']);
    expect(Object.fromEntries(asked?.headers ?? [])).toEqual({
      host: 'mirror.example.org',
      accept: '*/*',
      'accept-encoding': 'identity',
      range: 'bytes=3-',
    });
  });

  test('uses a connection again, whatever its answers were like', async () => {
    await using origin = await rawOrigin(({ method, target, socket, reply }) => {
      if (method === 'HEAD') socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n');
      else if (target === '/304') socket.write('HTTP/1.1 304 X\r\n\r\n');
      else if (target === '/chunks')
        socket.write('HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n');
      else if (target === '/hint')
        socket.write('HTTP/1.1 103 X\r\nLink: y\r\n\r\nHTTP/1.1 200 X\r\nContent-Length: 0\r\n\r\n');
      else reply(404, 'gone');
    });
    const http = new PlainHttp();
    expect(await text(await ask(http, origin, { method: 'HEAD' }))).toBe('');
    expect(await text(await ask(http, origin, { target: '/304' }))).toBe('');
    expect(await text(await ask(http, origin, { target: '/chunks' }))).toBe('abc');
    const hinted = await ask(http, origin, { target: '/hint' });
    expect([hinted.status, await text(hinted)]).toEqual([200, '']);
    expect(await text(await ask(http, origin))).toBe('gone');
    expect(new Set(origin.asked.map(({ socket }) => socket)).size).toBe(1);
  });

  test('a body can be read when its connection serves the next already', async () => {
    await using origin = await rawOrigin(({ target, reply }) => reply(200, target));
    const http = new PlainHttp();
    const first = await ask(http, origin, { target: '/first' });
    await Bun.sleep(20);
    const second = await ask(http, origin, { target: '/second' });
    expect([await text(second), await text(first)]).toEqual(['/second', '/first']);
  });

  test('takes as many connections as there are requests at once', async () => {
    await using origin = await rawOrigin(({ reply }) => {
      if (origin.asked.length === 5) for (const each of origin.asked) each.reply(200, 'x');
      else if (origin.asked.length > 5) reply(200, 'y');
    });
    const http = new PlainHttp();
    const answers = await Promise.all([1, 2, 3, 4, 5].map(async () => text(await ask(http, origin))));
    expect(answers.join('')).toBe('xxxxx');
    expect(new Set(origin.asked.map(({ socket }) => socket)).size).toBe(5);
  });

  test.each([
    ['says close', 'HTTP/1.1 200 X\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx'],
    ['is of HTTP/1.0', 'HTTP/1.0 200 X\r\nContent-Length: 1\r\n\r\nx'],
    ['says more than it should', 'HTTP/1.1 200 X\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 200 X\r\n'],
  ])('does not use a connection again whose answer %s', async (_name, answer) => {
    await using origin = await rawOrigin(({ socket }) => socket.write(answer));
    const http = new PlainHttp();
    expect(await text(await ask(http, origin))).toBe('x');
    expect(await text(await ask(http, origin))).toBe('x');
    expect(new Set(origin.asked.map(({ socket }) => socket)).size).toBe(2);
    await origin.asked[0]?.closed;
  });

  test('asks again on a new connection when a kept one is closed instead of an answer', async () => {
    await using origin = await rawOrigin(({ socket, reply }) => {
      if (origin.asked.length === 2) socket.destroy();
      else reply(200, 'x');
    });
    const http = new PlainHttp();
    expect(await text(await ask(http, origin))).toBe('x');
    expect(await text(await ask(http, origin))).toBe('x');
    expect(origin.asked.map(({ target }) => target)).toEqual(['/x', '/x', '/x']);
  });

  test('asks only once on a new connection', async () => {
    await using origin = await rawOrigin(({ socket }) => socket.destroy());
    expect(await errorOf(ask(new PlainHttp(), origin))).toMatchObject({ code: 'ECONNRESET' });
    expect(origin.asked).toHaveLength(1);
  });

  test('a body without a length ends with its connection', async () => {
    await using origin = await rawOrigin(({ socket }) => socket.end('HTTP/1.1 200 X\r\n\r\nall of it'));
    expect(await text(await ask(new PlainHttp(), origin))).toBe('all of it');
  });

  test('what came before a connection broke can be read, then the failure', async () => {
    await using origin = await rawOrigin(({ socket }) =>
      socket.end('HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\nhalf'),
    );
    const { body } = await ask(new PlainHttp(), origin);
    await origin.asked[0]?.closed;
    expect(Buffer.from((await (body as RawBody).read()).value ?? []).toString()).toBe('half');
    expect(await errorOf((body as RawBody).read())).toMatchObject({ code: 'ECONNRESET' });
  });

  test.each([
    ['is none', 'SSH-2.0-OpenSSH_9.2\r\n\r\n'],
    ['has no end', `HTTP/1.1 200 X\r\n${'A: b\r\n'.repeat(20_000)}`],
    ['wants another protocol', 'HTTP/1.1 101 X\r\n\r\n'],
  ])('an answer that %s is refused, and its connection closed', async (_name, answer) => {
    await using origin = await rawOrigin(({ socket }) => socket.write(answer));
    expect(await errorOf(ask(new PlainHttp(), origin))).toMatchObject({ name: 'ProtocolError' });
    await origin.asked[0]?.closed;
  });

  test('a signal that was aborted before dials nobody', async () => {
    await using origin = await rawOrigin(({ reply }) => reply(200, 'x'));
    expect(
      await errorOf(ask(new PlainHttp(), origin, { signal: AbortSignal.abort(new Error('no')) })),
    ).toMatchObject({
      message: 'no',
    });
    expect(origin.asked).toHaveLength(0);
  });

  test('aborting once all has come leaves the connection to others', async () => {
    await using origin = await rawOrigin(({ reply }) => reply(200, 'x'));
    const http = new PlainHttp();
    const abort = new AbortController();
    const answer = await ask(http, origin, { signal: abort.signal });
    await Bun.sleep(20);
    abort.abort();
    expect(await text(answer)).toBe('x');
    expect(await text(await ask(http, origin))).toBe('x');
    expect(new Set(origin.asked.map(({ socket }) => socket)).size).toBe(1);
  });

  test('a body that comes slowly is read in gulps', async () => {
    const packet = Buffer.alloc(1448);
    await using origin = await rawOrigin(({ socket }) => {
      socket.setNoDelay(true);
      socket.write('HTTP/1.1 200 X\r\nContent-Length: 1000000\r\n\r\n');
      let left = 300;
      const timer = setInterval(() => {
        socket.write(packet);
        left -= 1;
        if (left === 0) clearInterval(timer);
      }, 1);
    });
    const { body } = await ask(new PlainHttp(), origin);
    let [bytes, reads] = [0, 0];
    while (bytes < 300 * packet.length) {
      bytes += (await (body as RawBody).read()).value?.length ?? 0;
      reads += 1;
    }
    expect(reads).toBeLessThan(100);
    await (body as RawBody).cancel(new Error('enough'));
    await origin.asked[0]?.closed;
  });

  test('a reader that has rested gets all of a quick and large body', async () => {
    const size = 20_000_000;
    const bytes = Buffer.alloc(size, 'debtorrent ');
    await using origin = await rawOrigin(({ reply }) => reply(200, bytes));
    const http = new PlainHttp();
    const { body } = await ask(http, origin);
    const hash = new Bun.CryptoHasher('sha256');
    let rounds = 0;
    for (;;) {
      const { done, value } = await (body as RawBody).read();
      if (done) break;
      hash.update(value);
      rounds += 1;
      if (rounds % 10 === 0) await Bun.sleep(5);
    }
    expect(hash.digest('hex')).toBe(new Bun.CryptoHasher('sha256').update(bytes).digest('hex'));
    await eventually(
      'the connection is free',
      async () => (await text(await ask(http, origin))).length === size,
    );
    expect(new Set(origin.asked.map(({ socket }) => socket)).size).toBe(1);
  });
});

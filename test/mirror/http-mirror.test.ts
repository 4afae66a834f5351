import { describe, expect, test } from 'bun:test';
import type { Location } from '../../src/archive/entry.ts';
import { UnavailableError } from '../../src/lib/errors.ts';
import { HttpMirror, type HttpMirrorOptions, userAgentFor } from '../../src/mirror/http-mirror.ts';
import { UpstreamPolicy } from '../../src/mirror/upstream-policy.ts';
import { VirtualClock } from '../fixtures/virtual-clock.ts';
import { errorOf } from '../fixtures/world.ts';
import { type Asked, rawOrigin } from './raw-origin.ts';

const { signal } = new AbortController();
const at = (host: string, path = '/debian/x.deb'): Location => ({ scheme: 'http', host, path });

function mirrorOf(options: Partial<HttpMirrorOptions> = {}): HttpMirror {
  const policy = new UpstreamPolicy(['127.0.0.1']);
  return new HttpMirror({ policy, userAgent: userAgentFor('1.2.3'), via: '1.1 debtorrent-me', ...options });
}

async function text(body: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of body) parts.push(part);
  return Buffer.concat(parts).toString();
}

describe('HttpMirror.request()', () => {
  test('asks for the encoded path, names itself, and hands over status, headers and body', async () => {
    await using origin = await rawOrigin(({ reply }) =>
      reply(200, 'bytes', {
        'Last-Modified': 'then',
        Connection: 'keep-alive, X-Hop',
        'X-Hop': '1',
        'Keep-Alive': '5',
      }),
    );
    const answer = await mirrorOf().request({ at: at(origin.host, '/pool/g++ 1~2#?.deb'), signal });
    expect(await text(answer.body)).toBe('bytes');
    expect(answer.status).toBe(200);
    expect(answer.headers.get('last-modified')).toBe('then');
    expect([answer.headers.has('x-hop'), answer.headers.has('keep-alive')]).toEqual([false, false]);
    const asked = origin.asked[0] as Asked;
    expect(asked.target).toBe('/pool/g++%201~2%23%3F.deb');
    expect(asked.headers.get('user-agent')).toBe('DebTorrent/1.2.3 (BitTorrent proxy for APT)');
    expect(asked.headers.get('via')).toBe('1.1 debtorrent-me');
    expect(asked.headers.get('host')).toBe(origin.host);
  });

  test('sends Range, query and given headers, but nothing of another connection', async () => {
    await using origin = await rawOrigin(({ reply }) => reply(206, 'es', { 'Content-Range': 'bytes 3-4/5' }));
    const headers = {
      'If-Modified-Since': 'then',
      Host: 'evil',
      'Proxy-Authorization': 'secret',
      Connection: 'x-mine',
      'X-Mine': '1',
      Via: '1.0 first',
    };
    const answer = await mirrorOf().request({
      at: at(origin.host),
      range: { from: 3, to: 5 },
      query: 'a=b',
      headers,
      signal,
    });
    expect([answer.status, await text(answer.body)]).toEqual([206, 'es']);
    const asked = origin.asked[0] as Asked;
    expect(asked.target).toBe('/debian/x.deb?a=b');
    expect(asked.headers.get('range')).toBe('bytes=3-4');
    expect(asked.headers.get('if-modified-since')).toBe('then');
    expect(asked.headers.get('via')).toBe('1.0 first, 1.1 debtorrent-me');
    expect(asked.headers.get('host')).toBe(origin.host);
    expect([asked.headers.has('proxy-authorization'), asked.headers.has('x-mine')]).toEqual([false, false]);
    await text((await mirrorOf().request({ at: at(origin.host), range: { from: 3 }, signal })).body);
    expect(origin.asked[1]?.headers.get('range')).toBe('bytes=3-');
  });

  test('HEAD, 304 and 404 are answers, with or without a body', async () => {
    await using origin = await rawOrigin(({ method, target, socket, reply }) => {
      if (method === 'HEAD') socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n');
      else if (target === '/304') socket.write('HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n');
      else reply(404, 'gone');
    });
    const mirror = mirrorOf();
    const head = await mirror.request({ at: at(origin.host), method: 'HEAD', signal });
    expect([head.status, head.headers.get('content-length'), await text(head.body)]).toEqual([
      200,
      '1000',
      '',
    ]);
    const same = await mirror.request({ at: at(origin.host, '/304'), signal });
    expect([same.status, await text(same.body)]).toEqual([304, '']);
    const gone = await mirror.request({ at: at(origin.host, '/404'), signal });
    expect([gone.status, await text(gone.body)]).toEqual([404, 'gone']);
  });

  test.each([
    ['shorter than Content-Length, closed', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc', 'end'],
    [
      'shorter than Content-Length, reset',
      'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc',
      'resetAndDestroy',
    ],
    [
      'chunked without its last chunk',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n',
      'end',
    ],
  ] as const)('a body %s ends in UnavailableError', async (_name, answer, how) => {
    await using origin = await rawOrigin(({ socket }) => {
      socket.write(answer, () => setImmediate(() => socket[how]()));
    });
    const failing = mirrorOf()
      .request({ at: at(origin.host), signal })
      .then(({ body }) => text(body));
    await expect(failing).rejects.toThrow(UnavailableError);
  });

  test('a body that stalls ends in UnavailableError(timedOut), however long the whole took', async () => {
    await using origin = await rawOrigin(({ socket }) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc');
    });
    const { body } = await mirrorOf({ stallTimeoutMs: 30 }).request({ at: at(origin.host), signal });
    await expect(text(body)).rejects.toMatchObject({ name: 'UnavailableError', timedOut: true });
    await origin.asked[0]?.closed;
  });

  test('an upstream that never answers ends in UnavailableError(timedOut), and the connection is closed', async () => {
    await using origin = await rawOrigin(() => {});
    const hanging = mirrorOf({ headTimeoutMs: 30 }).request({ at: at(origin.host), signal });
    await expect(hanging).rejects.toMatchObject({ name: 'UnavailableError', timedOut: true });
    await origin.asked[0]?.closed;
  });

  test('a host that said nothing is waited for less, until it says something', async () => {
    const clock = new VirtualClock();
    let isMute = true;
    await using origin = await rawOrigin(({ reply }) => {
      if (!isMute) reply(200, 'yes');
    });
    const mirror = mirrorOf({ clock });
    const tookMs = async (until: AbortSignal = signal) => {
      const fromMs = clock.nowMs();
      const before = origin.asked.length;
      const failing = errorOf(mirror.request({ at: at(origin.host), signal: until }));
      while (origin.asked.length === before) await Bun.sleep(1);
      await clock.until(failing);
      return clock.nowMs() - fromMs;
    };
    expect([await tookMs(), await tookMs()]).toEqual([10_000, 3_000]);
    isMute = false;
    expect(await text((await mirror.request({ at: at(origin.host), signal })).body)).toBe('yes');
    isMute = true;
    // Whoever asked gives up first: it counts all the same.
    const own = new AbortController();
    clock.after(6_000, () => own.abort(new Error('enough')));
    expect([await tookMs(own.signal), await tookMs()]).toEqual([6_000, 3_000]);
  });

  test('a refused connection ends in UnavailableError with the reason', async () => {
    const origin = await rawOrigin(() => {});
    await origin[Symbol.asyncDispose]();
    await expect(mirrorOf().request({ at: at(origin.host), signal })).rejects.toThrow('connection refused');
  });

  test('leaving the body closes the connection at the server', async () => {
    await using origin = await rawOrigin(({ socket }) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n${'x'.repeat(100_000)}`);
    });
    const { body } = await mirrorOf().request({ at: at(origin.host), signal });
    for await (const _ of body) break;
    await origin.asked[0]?.closed;
  });

  test('aborting the signal closes the connection, before and after the head', async () => {
    await using origin = await rawOrigin(({ target, socket }) => {
      if (target === '/body') socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc');
      else hungUp.abort(new Error('gone'));
    });
    const hungUp = new AbortController();
    await expect(mirrorOf().request({ at: at(origin.host, '/head'), signal: hungUp.signal })).rejects.toThrow(
      'gone',
    );
    const later = new AbortController();
    const { body } = await mirrorOf().request({ at: at(origin.host, '/body'), signal: later.signal });
    const reading = text(body);
    later.abort(new Error('gone too'));
    await expect(reading).rejects.toThrow('gone too');
    await Promise.all(origin.asked.map(({ closed }) => closed));
  });

  test('an answer that nobody reads is dropped, and its slot is free again', async () => {
    await using origin = await rawOrigin(({ socket }) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc');
    });
    const mirror = mirrorOf({ perHost: 1, unreadTimeoutMs: 30 });
    const { body } = await mirror.request({ at: at(origin.host), signal });
    await mirror.request({ at: at(origin.host), signal });
    await expect(text(body)).rejects.toThrow('nobody read it');
  });

  test('a slow reader holds the sender back', async () => {
    let sent = 0;
    await using origin = await rawOrigin(({ socket }) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n');
      const block = Buffer.alloc(1 << 20);
      const push = () => {
        while (!socket.destroyed && sent < 1e9 - block.length) {
          sent += block.length;
          if (!socket.write(block)) break;
        }
      };
      socket.on('drain', push);
      push();
    });
    const { body } = await mirrorOf().request({ at: at(origin.host), signal });
    const iterator = body[Symbol.asyncIterator]();
    await iterator.next();
    let before = -1;
    while (before !== sent) {
      before = sent;
      await Bun.sleep(50); // Until the sender has stopped of itself.
    }
    expect(sent).toBeLessThan(64 << 20);
    await iterator.return?.();
  });

  test('no more than perHost run at once, and all come through', async () => {
    let running = 0;
    let most = 0;
    await using origin = await rawOrigin(({ reply }) => {
      running += 1;
      most = Math.max(most, running);
      setTimeout(() => {
        running -= 1;
        reply(200, 'x');
      }, 1);
    });
    const mirror = mirrorOf({ perHost: 3 });
    const all = Array.from({ length: 20 }, () =>
      mirror.request({ at: at(origin.host), signal }).then(({ body }) => text(body)),
    );
    expect((await Promise.all(all)).join('')).toBe('x'.repeat(20));
    expect(most).toBe(3);
  });
});

describe('HttpMirror redirects', () => {
  test('are followed, relative and absolute, with their queries as given', async () => {
    await using origin = await rawOrigin(({ target, reply }) => {
      if (target === '/debian/x.deb') reply(301, 'moved', { Location: '../other/y%2Bz.deb?sig=a%2Fb' });
      else if (target.startsWith('/other'))
        reply(307, '', { Location: `http://127.0.0.1:${origin.port}/end%2Fed` });
      else reply(200, 'here');
    });
    const answer = await mirrorOf().request({ at: at(origin.host), range: { from: 1 }, signal });
    expect(await text(answer.body)).toBe('here');
    expect(origin.asked.map(({ target }) => target)).toEqual([
      '/debian/x.deb',
      '/other/y%2Bz.deb?sig=a%2Fb',
      '/end%2Fed',
    ]);
    expect(origin.asked.every(({ headers }) => headers.get('range') === 'bytes=1-')).toBe(true);
  });

  test('in a circle, or more than five, end in UnavailableError', async () => {
    await using circle = await rawOrigin(({ target, reply }) =>
      reply(302, '', { Location: target === '/a' ? '/b' : '/a' }),
    );
    await expect(mirrorOf().request({ at: at(circle.host, '/a'), signal })).rejects.toThrow('in a circle');
    await using endless = await rawOrigin(({ target, reply }) => reply(302, '', { Location: `${target}x` }));
    await expect(mirrorOf().request({ at: at(endless.host, '/a'), signal })).rejects.toThrow('more than 5');
    expect(endless.asked).toHaveLength(6);
  });

  test.each([
    'http://127.0.0.2:PORT/',
    'http://localhost:PORT/',
    'http://10.0.0.1/',
    'http://169.254.169.254/latest/',
    'http://[::1]/',
    'http://2130706433/',
  ])('to %p are refused and not dialled', async (location) => {
    await using origin = await rawOrigin(({ reply }) =>
      reply(302, '', { Location: location.replace('PORT', String(origin.port)) }),
    );
    const policy = new UpstreamPolicy([origin.host]);
    // Not RefusedError: another answer of the mirror may be better (a captive portal's redirects pass).
    const failing = mirrorOf({ policy }).request({ at: at(origin.host), signal });
    await expect(failing).rejects.toThrow(/^could not fetch .*: it redirects: refused to ask/);
    expect(origin.asked).toHaveLength(1);
  });

  test.each(['ftp://ftp.de.debian.org/', 'file:///etc/passwd', 'http://'])(
    'to %p end in UnavailableError',
    async (location) => {
      await using origin = await rawOrigin(({ reply }) => reply(302, '', { Location: location }));
      await expect(mirrorOf().request({ at: at(origin.host), signal })).rejects.toThrow(UnavailableError);
    },
  );

  test('take credentials along on the same origin only', async () => {
    await using other = await rawOrigin(({ reply }) => reply(200, 'there'));
    await using origin = await rawOrigin(({ target, reply }) =>
      reply(302, '', { Location: target === '/a' ? '/b' : `http://user:pw@${other.host}/c` }),
    );
    const headers = { Authorization: 'Basic x', Cookie: 'y' };
    await text((await mirrorOf().request({ at: at(origin.host, '/a'), headers, signal })).body);
    expect(origin.asked.map(({ headers }) => headers.get('authorization'))).toEqual(['Basic x', 'Basic x']);
    expect(other.asked[0]?.headers.has('authorization')).toBe(false);
    expect(other.asked[0]?.headers.has('cookie')).toBe(false);
  });
});

test('HttpMirror dials the address that was checked, not the name again, and still sends the name', async () => {
  await using origin = await rawOrigin(({ reply }) => reply(200, 'pinned'));
  const policy = { check: async () => ['127.0.0.1'] };
  const host = `no-such-name.example.org:${origin.port}`;
  const answer = await mirrorOf({ policy }).request({ at: at(host), signal });
  expect(await text(answer.body)).toBe('pinned');
  expect(origin.asked[0]?.headers.get('host')).toBe(host);
});

test('HttpMirror goes on to the next address when one is refused', async () => {
  await using origin = await rawOrigin(({ reply }) => reply(200, 'second'));
  const policy = { check: async () => ['127.0.0.9', '127.0.0.1'] };
  const answer = await mirrorOf({ policy }).request({ at: at(`two.example.org:${origin.port}`), signal });
  expect(await text(answer.body)).toBe('second');
});

test('HttpMirror.estimate() learns from transfers', async () => {
  await using origin = await rawOrigin(({ reply }) => reply(200, 'x'.repeat(1 << 20)));
  const mirror = mirrorOf();
  expect(mirror.estimate(origin.host)).toEqual({ latencyMs: 50, bytesPerSecond: 10_000_000 });
  await text((await mirror.request({ at: at(origin.host), signal })).body);
  expect(mirror.estimate(origin.host).latencyMs).not.toBe(50);
  expect(mirror.estimate(origin.host).bytesPerSecond).not.toBe(10_000_000);
});

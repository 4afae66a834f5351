import { describe, expect, test } from 'bun:test';
import type { Entry, Location } from '../../src/archive/entry.ts';
import { NoRoomError, RefusedError, UnavailableError, WrongFileError } from '../../src/lib/errors.ts';
import { sha256Of } from '../../src/lib/sha256.ts';
import { HttpMirror } from '../../src/mirror/http-mirror.ts';
import { UpstreamPolicy } from '../../src/mirror/upstream-policy.ts';
import { createProxyApp, type ProxyParts } from '../../src/proxy/app.ts';
import { LoopGuard } from '../../src/proxy/loop-guard.ts';
import { startProxyServer } from '../../src/proxy/server.ts';
import { type Asked, rawOrigin } from '../mirror/raw-origin.ts';
import { FakeContent, LAST_MODIFIED } from './fake-content.ts';
import { type RawAnswer, RawClient } from './raw-client.ts';

const HOST = 'ftp.de.debian.org';
const TARGET = `/${HOST}/debian/pool/main/h/hello/hello_2.10-3_amd64.deb`;

interface Bench extends AsyncDisposable {
  readonly client: RawClient;
  readonly port: number;
  /** What the parts were asked, in order. */
  readonly calls: string[];
  readonly counted: { fromStore: number; fromMirror: number };
  get(target: string, headers?: Record<string, string>, method?: 'GET' | 'HEAD'): Promise<RawAnswer>;
}

/** A proxy on a free port: every path is in the catalogue when there is a content, none otherwise. */
async function bench(content?: FakeContent | Error, parts: Partial<ProxyParts> = {}): Promise<Bench> {
  const calls: string[] = [];
  const counted = { fromStore: 0, fromMirror: 0 };
  const loopGuard = new LoopGuard({ pseudonym: 'debtorrent-test' });
  const policy = new UpstreamPolicy(['127.0.0.1']);
  const entry: Entry = { key: sha256Of(new Uint8Array()), sizeBytes: 0, swarms: [] };
  const door = createProxyApp({
    catalogue: {
      lookup: async (at: Location) => {
        calls.push(`lookup ${at.scheme} ${at.host}${at.path}`);
        return content === undefined ? undefined : entry;
      },
    },
    refresh: { serve: async () => undefined },
    acquire: {
      open: async () => {
        calls.push('open');
        if (content instanceof Error) throw content;
        if (content === undefined) throw new Error('nothing to open');
        return content;
      },
    },
    mirror: new HttpMirror({ policy, userAgent: 'test', via: loopGuard.via }),
    pages: { fetch: (request, env) => Response.json({ path: new URL(request.url).pathname, ...env }) },
    loopGuard,
    // Whoever comes from 127.0.0.2 is another machine, from 127.0.0.3 one that isn't allowed.
    clients: {
      allows: (address) => address !== '127.0.0.3',
      isHere: (address) => address === '127.0.0.1',
    },
    isKnown: ({ host }) => policy.isKnown({ scheme: 'http', host }) && host !== '127.0.0.1',
    movedMs: () => undefined,
    count: {
      fromStore: (bytes) => {
        counted.fromStore += bytes;
      },
      fromMirror: (bytes) => {
        counted.fromMirror += bytes;
      },
    },
    ...parts,
  });
  const server = await startProxyServer({ listen: { host: '127.0.0.1', port: 0 }, door, graceMs: 0 });
  const { port } = server.address;
  loopGuard.listensOn('127.0.0.1', port);
  const client = await RawClient.open(port);
  return {
    client,
    port,
    calls,
    counted,
    get(target, headers = {}, method = 'GET') {
      const fields = Object.entries({ Host: `127.0.0.1:${port}`, ...headers }).map(
        ([name, value]) => `${name}: ${value}\r\n`,
      );
      client.socket.write(`${method} ${target} HTTP/1.1\r\n${fields.join('')}\r\n`);
      return client.answer(method);
    },
    async [Symbol.asyncDispose]() {
      client[Symbol.dispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

describe('createProxyApp() for a file of the catalogue', () => {
  test('answers with its bytes, length, dates and validator', async () => {
    const content = new FakeContent('the package');
    await using proxy = await bench(content);
    const { status, headers, body } = await proxy.get(TARGET);
    expect([status, body.toString()]).toEqual([200, 'the package']);
    expect(headers.get('content-type')).toBe('application/vnd.debian.binary-package');
    expect(headers.get('last-modified')).toBe(LAST_MODIFIED);
    expect(headers.get('etag')).toBe('"sha256"');
    expect(headers.get('accept-ranges')).toBe('bytes');
    expect(headers.get('via')).toBe('1.1 debtorrent-test');
    expect(headers.get('x-debtorrent-source')).toBe('store');
    expect(Date.parse(headers.get('date') ?? '')).toBeGreaterThan(0);
    expect(proxy.calls).toEqual([`lookup http ${TARGET.slice(1)}`, 'open']);
    expect(proxy.counted.fromStore).toBe(11);
    expect(content.disposals).toBe(1);
  });

  test('sends the head and the first bytes together, of stored files, growing ones, and what is passed through', async () => {
    await using origin = await rawOrigin(({ reply }) => reply(200, 'passed through'));
    const stored = new FakeContent('stored');
    const growing = new FakeContent('growing', { available: 3 });
    const contents = new Map([
      ['/stored', stored],
      ['/growing', growing],
    ]);
    const key = sha256Of(new Uint8Array());
    await using proxy = await bench(undefined, {
      catalogue: {
        lookup: async ({ path }) => (contents.has(path) ? { key, sizeBytes: 0, swarms: [] } : undefined),
      },
      acquire: { open: async (_, { path }) => contents.get(path) as FakeContent },
    });
    for (const [target, body] of [
      [`/${HOST}/stored`, 'stored'],
      [`/${HOST}/growing`, 'gro'],
      [`/${origin.host}/x`, 'passed through'],
    ] as const) {
      using client = await RawClient.open(proxy.port);
      // What comes of one write comes at once, over loopback.
      const first = new Promise<string>((resolve) =>
        client.socket.once('data', (data: Buffer) => resolve(data.toString())),
      );
      client.get(target);
      expect(await first).toEndWith(`\r\n\r\n${body}`);
    }
  });

  test('finds it however the path was written', async () => {
    await using proxy = await bench(new FakeContent('x'));
    await proxy.get(`/${HOST}/debian//pool/./g%2b%2B_1%7e2.deb`);
    await proxy.get(`http://${HOST.toUpperCase()}:80/debian/pool/g++_1~2.deb`, { Host: 'elsewhere' });
    expect(new Set(proxy.calls)).toEqual(new Set([`lookup http ${HOST}/debian/pool/g++_1~2.deb`, 'open']));
  });

  test.each([
    ['a range', { Range: 'bytes=4-6' }, 206, 'pac', 'bytes 4-6/11'],
    ['a suffix', { Range: 'bytes=-3' }, 206, 'age', 'bytes 8-10/11'],
    [
      'the date in If-Range',
      { Range: 'bytes=4-', 'If-Range': LAST_MODIFIED },
      206,
      'package',
      'bytes 4-10/11',
    ],
    [
      'another date in If-Range',
      { Range: 'bytes=4-', 'If-Range': 'Mon, 06 Dec 2010 10:11:13 GMT' },
      200,
      'the package',
      null,
    ],
    ['two ranges', { Range: 'bytes=0-1,3-4' }, 200, 'the package', null],
    ['a date as new', { 'If-Modified-Since': LAST_MODIFIED }, 304, '', null],
    ['its validator', { 'If-None-Match': '"sha256"' }, 304, '', null],
    ['a range outside', { Range: 'bytes=11-' }, 416, 'the file has 11 bytes\n', 'bytes */11'],
  ] as const)('answers %s', async (_name, headers, status, body, contentRange) => {
    const content = new FakeContent('the package');
    await using proxy = await bench(content);
    const answer = await proxy.get(TARGET, headers);
    expect([answer.status, answer.body.toString(), answer.headers.get('content-range')]).toEqual([
      status,
      body,
      contentRange,
    ]);
    expect(content.disposals).toBe(1);
    expect((await proxy.get(TARGET)).status).toBe(200);
  });

  test('answers HEAD with the length and no byte', async () => {
    const content = new FakeContent('the package', { available: 0 });
    await using proxy = await bench(content);
    const head = await proxy.get(TARGET, { Range: 'bytes=1-2' }, 'HEAD');
    expect([head.status, head.headers.get('content-length')]).toEqual([200, '11']);
    content.grow(11);
    expect((await proxy.get(TARGET)).body.toString()).toBe('the package');
  });

  test('answers an empty file', async () => {
    await using proxy = await bench(new FakeContent(''));
    const { status, headers } = await proxy.get(TARGET);
    expect([status, headers.get('content-length')]).toEqual([200, '0']);
  });

  test('streams a growing file as it grows, without a validator, and counts nothing as from the store', async () => {
    const content = new FakeContent('0123456789', { available: 3, origin: 'flight', etag: undefined });
    await using proxy = await bench(content);
    const answer = proxy.get(TARGET, { Range: 'bytes=5-' });
    await proxy.client.received(100);
    content.grow(7);
    content.grow(10);
    const { status, headers, body } = await answer;
    expect([status, body.toString(), headers.has('etag')]).toEqual([200, '0123456789', false]);
    expect(headers.get('x-debtorrent-source')).toBe('flight');
    expect(proxy.counted.fromStore).toBe(0);
  });

  test('waits for the start of a range that is not here yet', async () => {
    const content = new FakeContent('0123456789', { available: 1 });
    await using proxy = await bench(content);
    const answer = proxy.get(TARGET, { Range: 'bytes=5-6' });
    content.grow(4);
    content.grow(6);
    content.grow(10);
    expect((await answer).body.toString()).toBe('56');
  });

  test('cuts the connection when the rest will never come', async () => {
    const content = new FakeContent('0123456789', { available: 4 });
    await using proxy = await bench(content);
    proxy.client.get(TARGET);
    await proxy.client.received(100);
    content.fail();
    const text = await proxy.client.rest();
    expect(text).toContain('Content-Length: 10');
    expect(text).toEndWith('\r\n\r\n0123');
    await content.disposed;
  });

  test('answers 502 with a text when not even the first byte comes', async () => {
    const content = new FakeContent('0123456789', { available: 0 });
    await using proxy = await bench(content);
    const answer = proxy.get(TARGET);
    content.fail();
    expect((await answer).status).toBe(502);
    expect((await answer).body.toString()).toBe('could not fetch the rest\n');
    expect(content.disposals).toBe(1);
  });

  test('lets go of the content when the client leaves, waiting or reading', async () => {
    for (const content of [
      new FakeContent('0123456789', { available: 4 }),
      new FakeContent(new Uint8Array(50_000_000)),
    ]) {
      await using proxy = await bench(content);
      proxy.client.get(TARGET);
      await proxy.client.received(100);
      proxy.client.socket.destroy();
      await content.disposed;
      expect(content.disposals).toBe(1);
    }
  });

  test('reads no more of a file than a slow client takes', async () => {
    const content = new FakeContent(new Uint8Array(200_000_000));
    await using proxy = await bench(content);
    proxy.client.get(TARGET);
    await proxy.client.received(100);
    proxy.client.socket.pause();
    let before = -1;
    while (before !== content.bytesRead) {
      before = content.bytesRead;
      await Bun.sleep(50); // Until the reading has stopped of itself.
    }
    expect(content.bytesRead).toBeLessThan(40_000_000);
  });

  test('sends memory that it uses again unchanged, to slow clients and behind slow answers', async () => {
    const bytes = Buffer.from(Uint32Array.from({ length: 1_500_000 }, (_, i) => i).buffer);
    const slow = new FakeContent('slow', { available: 0 });
    const contents = [0, 1].map(() => new FakeContent(bytes, { available: 74 }));
    for (const content of contents) content.readInto = (offset, target) => content.fill(offset, target);
    const all = [slow, ...contents];
    const acquire = { open: async (_: Entry, at: Location) => all[Number(at.path.slice(2))] as FakeContent };
    await using proxy = await bench(slow, { acquire });
    proxy.client.socket.pause();
    proxy.client.get(...all.map((_, i) => `/${HOST}/f${i}`));
    while (!contents.every(({ bytesRead }) => bytesRead === 10))
      await new Promise((resolve) => setTimeout(resolve, 1));
    for (const content of contents) {
      content.grow(1000);
      content.grow(bytes.length);
    }
    slow.grow(4);
    proxy.client.socket.resume();
    expect((await proxy.client.answer()).body.toString()).toBe('slow');
    for (const _ of contents) expect((await proxy.client.answer()).body.equals(bytes)).toBe(true);
  });

  test.each([
    [new RefusedError(404, 'the mirror has no such file'), 404, 'the mirror has no such file\n'],
    [new UnavailableError('nobody answers'), 502, 'nobody answers\n'],
    [new UnavailableError('nobody answers in time', { timedOut: true }), 504, 'nobody answers in time\n'],
  ])('tells a refusal or failure of acquire as it is (case %#)', async (error, status, text) => {
    await using proxy = await bench(error);
    const answer = await proxy.get(TARGET);
    expect([answer.status, answer.body.toString()]).toEqual([status, text]);
    const head = await proxy.get(TARGET, {}, 'HEAD');
    expect([head.status, head.headers.get('content-length')]).toEqual([status, String(text.length)]);
  });

  test.each([
    [`/${HOST}/debian/dists/sid/main/binary-amd64/Packages.xz`, 404, 'Not what its Release names'],
    [`/${HOST}/debian/dists/sid/main/by-hash/SHA256/${'0'.repeat(64)}`, 404, 'Not what its Release names'],
    [`/${HOST}/flat/Packages.gz`, 404, 'Not what its Release names'],
    [TARGET, 502, 'Bad Gateway'],
  ])(
    'a mirror that has another file than the index names: %s is answered with %i',
    async (target, status, phrase) => {
      await using proxy = await bench(new WrongFileError('the mirror has 5 bytes, the index says 6'));
      proxy.client.get(target);
      const answer = await proxy.client.answer();
      expect([answer.status, answer.body.toString()]).toEqual([
        status,
        'the mirror has 5 bytes, the index says 6\n',
      ]);
      expect(answer.phrase).toStartWith(phrase);
    },
  );

  test.each([
    ['an unexpected failure of ours', new TypeError('a bug')],
    ['a file that can be neither stored nor held', new NoRoomError('the disk is full')],
  ])('ends %s in the mirror’s answer', async (_what, error) => {
    await using origin = await rawOrigin(({ reply }) => reply(200, 'of the mirror'));
    await using proxy = await bench(error);
    expect((await proxy.get(`/${origin.host}/debian/x.deb`)).body.toString()).toBe('of the mirror');
  });
});

describe('createProxyApp() for what the catalogue does not know', () => {
  test('hands the mirror’s answer through, body and safe headers', async () => {
    const more = {
      ETag: '"m"',
      'Set-Cookie': 'a=b',
      'Strict-Transport-Security': 'x',
      Via: '1.0 varnish',
      'Last-Modified': LAST_MODIFIED,
    };
    await using origin = await rawOrigin(({ reply }) =>
      reply(200, '<html>', { ...more, 'Content-Type': 'text/html' }),
    );
    await using proxy = await bench();
    const { status, headers, body } = await proxy.get(`/${origin.host}/x`, {
      'If-None-Match': '"n"',
      'X-Mine': '1',
      Range: 'bytes=0-',
    });
    expect([status, body.toString()]).toEqual([200, '<html>']);
    expect([headers.get('etag'), headers.get('content-type'), headers.get('last-modified')]).toEqual([
      '"m"',
      'text/html',
      LAST_MODIFIED,
    ]);
    expect([headers.has('set-cookie'), headers.has('strict-transport-security')]).toEqual([false, false]);
    expect(headers.get('via')).toBe('1.0 varnish, 1.1 debtorrent-test');
    expect(headers.get('content-security-policy')).toBe('sandbox');
    const asked = origin.asked[0] as Asked;
    expect([
      asked.headers.get('if-none-match'),
      asked.headers.get('range'),
      asked.headers.has('x-mine'),
    ]).toEqual(['"n"', 'bytes=0-', false]);
    expect(asked.headers.get('via')).toBe('1.1 debtorrent-test');
    expect(proxy.counted.fromMirror).toBe(6);
  });

  test('hands 304, 404 and HEAD through', async () => {
    await using origin = await rawOrigin(({ method, target, socket, reply }) => {
      if (method === 'HEAD') socket.write('HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n');
      else if (target === '/304') socket.write('HTTP/1.1 304 Not Modified\r\nETag: "m"\r\n\r\n');
      else reply(404, 'not here');
    });
    await using proxy = await bench();
    expect((await proxy.get(`/${origin.host}/304`)).status).toBe(304);
    const gone = await proxy.get(`/${origin.host}/404`);
    expect([gone.status, gone.body.toString()]).toEqual([404, 'not here']);
    const head = await proxy.get(`/${origin.host}/x`, {}, 'HEAD');
    expect([head.status, head.headers.get('content-length')]).toEqual([200, '77']);
  });

  test('gives an empty error a text, as apt takes an empty 5xx for permanent', async () => {
    await using origin = await rawOrigin(({ reply }) => reply(503, ''));
    await using proxy = await bench();
    const { status, body } = await proxy.get(`/${origin.host}/x`);
    expect([status, body.toString()]).toEqual([503, `${origin.host} answered 503 and said no more\n`]);
  });

  test('cuts the connection when the mirror’s answer is cut', async () => {
    await using origin = await rawOrigin(({ socket }) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc', () =>
        setImmediate(() => socket.end()),
      );
    });
    await using proxy = await bench();
    proxy.client.get(`/${origin.host}/x`);
    expect(await proxy.client.rest()).toMatch(/content-length: 100\r\n[\s\S]*\r\n\r\nabc$/i);
  });

  test('cancels the mirror’s transfer when the client leaves', async () => {
    await using origin = await rawOrigin(({ socket }) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n${'x'.repeat(100_000)}`);
    });
    await using proxy = await bench();
    proxy.client.get(`/${origin.host}/x`);
    await proxy.client.received(1000);
    proxy.client.socket.destroy();
    await origin.asked[0]?.closed;
  });

  test('answers 502 for an upstream that can not be reached, 403 for one that must not be asked', async () => {
    const gone = await rawOrigin(() => {});
    await gone[Symbol.asyncDispose]();
    await using proxy = await bench();
    const unreachable = await proxy.get(`/${gone.host}/x`);
    expect([unreachable.status, unreachable.body.toString()]).toEqual([
      502,
      `could not fetch http://${gone.host}/x: connection refused\n`,
    ]);
    for (const host of ['127.0.0.2', '10.0.0.1', '169.254.169.254', '[::1]:22', 'localhost']) {
      const refused = await proxy.get(`http://${host}/latest/meta-data`);
      expect(refused.status).toBe(403);
      expect(refused.body.toString()).toContain(`--allow-upstream ${host}`);
    }
  });

  test.each([
    ['Authorization', '/x', { Authorization: 'Basic abc' }],
    ['Cookie', '/x', { Cookie: 'a=b' }],
    ['a query', '/x?token=1', {}],
    ['a Release file with a query', '/dists/sid/InRelease?x=1', {}],
  ])('only passes a request with %s through, even for a known file', async (_name, path, headers) => {
    await using origin = await rawOrigin(({ reply }) => reply(200, 'private'));
    await using proxy = await bench(new FakeContent('shared'));
    expect(
      (await proxy.get(`/${origin.host}${path}`, headers as Record<string, string>)).body.toString(),
    ).toBe('private');
    expect(proxy.calls).toEqual([]);
    expect(origin.asked[0]?.target).toBe(path);
  });

  test('a name and password in the URL of the proxy are nobody else’s: a known file comes as ever, and the server hears nothing of them', async () => {
    await using origin = await rawOrigin(({ reply }) => reply(200, 'unknown'));
    await using proxy = await bench(new FakeContent('the package'));
    const headers = { 'Proxy-Authorization': 'Basic abc' };
    expect((await proxy.get(`/${HOST}/debian/x.deb`, headers)).body.toString()).toBe('the package');
    await using other = await bench();
    expect((await other.get(`/${origin.host}/x`, headers)).body.toString()).toBe('unknown');
    expect(origin.asked[0]?.headers.has('proxy-authorization')).toBe(false);
  });

  test('sends the credentials of the URI as Authorization', async () => {
    await using origin = await rawOrigin(({ reply }) => reply(200, 'private'));
    await using proxy = await bench(new FakeContent('shared'));
    expect((await proxy.get(`http://me:p%40w@${origin.host}/x`)).body.toString()).toBe('private');
    expect(origin.asked[0]?.headers.get('authorization')).toBe(`Basic ${btoa('me:p@w')}`);
    expect(proxy.calls).toEqual([]);
  });
});

describe('createProxyApp() for Release files', () => {
  const serving = (answer: Awaited<ReturnType<ProxyParts['refresh']['serve']>>, asked: unknown[] = []) => ({
    refresh: {
      serve: async (at: Location, { ifModifiedSince }: { ifModifiedSince: string | undefined }) => {
        asked.push([at.path, ifModifiedSince]);
        return answer;
      },
    },
  });

  test.each(['InRelease', 'Release', 'Release.gpg'])(
    'asks refresh for %s and sends its answer',
    async (name) => {
      const asked: unknown[] = [];
      const answer = {
        status: 200,
        body: Buffer.from('signed'),
        headers: { 'Last-Modified': LAST_MODIFIED },
      };
      await using proxy = await bench(new FakeContent('never'), serving(answer, asked));
      const target = `/${HOST}/debian/dists/bookworm/${name}`;
      const { status, headers, body } = await proxy.get(target, { 'If-Modified-Since': LAST_MODIFIED });
      expect([status, body.toString(), headers.get('last-modified')]).toEqual([200, 'signed', LAST_MODIFIED]);
      expect(asked).toEqual([[`/debian/dists/bookworm/${name}`, LAST_MODIFIED]]);
      const head = await proxy.get(target, {}, 'HEAD');
      expect(head.headers.get('content-length')).toBe('6');
      expect(proxy.calls).toEqual([]);
    },
  );

  test('sends 304 without a body, and a text with an empty error', async () => {
    await using fresh = await bench(
      undefined,
      serving({ status: 304, headers: new Headers({ ETag: '"r"' }) }),
    );
    expect((await fresh.get(`/${HOST}/InRelease`)).status).toBe(304);
    await using missing = await bench(undefined, serving({ status: 503, headers: {} }));
    const answer = await missing.get(`/${HOST}/InRelease`);
    expect([answer.status, answer.body.length > 10]).toEqual([503, true]);
  });

  test('passes through what refresh does not take', async () => {
    await using origin = await rawOrigin(({ reply }) => reply(200, 'flat'));
    await using proxy = await bench();
    expect((await proxy.get(`/${origin.host}/InRelease`)).body.toString()).toBe('flat');
  });
});

describe('createProxyApp() at its borders', () => {
  test('refuses a request that came through us, and our own address as an upstream', async () => {
    await using proxy = await bench();
    expect((await proxy.get(TARGET, { Via: '1.1 other, 1.1 debtorrent-test' })).status).toBe(508);
    expect((await proxy.get(`/127.0.0.1:${proxy.port}/debian/x`)).status).toBe(508);
    expect((await proxy.get(`/HTTPS///localhost:${proxy.port}/debian/x`)).status).toBe(508);
  });

  test('shows our own pages, with details to this machine only when it meant us', async () => {
    await using proxy = await bench();
    const page = async (target: string, headers = {}) =>
      JSON.parse((await proxy.get(target, headers)).body.toString());
    expect(await page('/')).toEqual({ path: '/', details: true });
    expect(await page(`http://127.0.0.1:${proxy.port}/api/status`)).toEqual({
      path: '/api/status',
      details: true,
    });
    expect(await page('/api/status', { Host: `localhost:${proxy.port}` })).toEqual({
      path: '/api/status',
      details: true,
    });
    expect(await page('/api/status', { Host: 'rebound.example.org' })).toEqual({
      path: '/api/status',
      details: false,
    });
    const head = await proxy.get('/', {}, 'HEAD');
    expect([head.status, Number(head.headers.get('content-length')) > 10]).toEqual([200, true]);
  });

  test.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE'])('refuses %s with 405', async (method) => {
    await using proxy = await bench(new FakeContent('x'));
    proxy.client.socket.write(`${method} ${TARGET} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`);
    const answer = await proxy.client.answer();
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    expect(answer.body.length).toBeGreaterThan(10);
    expect(proxy.calls).toEqual([]);
  });

  test('answers 400 without Host, and serves HTTP/1.0 without', async () => {
    await using proxy = await bench(new FakeContent('x'));
    proxy.client.socket.write(`GET ${TARGET} HTTP/1.1\r\n\r\n`);
    expect((await proxy.client.answer()).status).toBe(400);
    using old = await RawClient.open(proxy.port);
    old.socket.write(`GET ${TARGET} HTTP/1.0\r\n\r\n`);
    expect((await old.answer()).body.toString()).toBe('x');
    expect(await old.rest()).toBe('');
  });

  test('tells what is wrong with a target', async () => {
    await using proxy = await bench();
    const answer = await proxy.get('/debian/x.deb');
    expect(answer.status).toBe(404);
    expect(answer.body.toString()).toContain('/ftp.de.debian.org/debian/');
  });

  test('answers ten pipelined files in order though the first comes last', async () => {
    const slow = new FakeContent('0slow', { available: 0 });
    let opened = 0;
    const contents = [slow, ...Array.from({ length: 9 }, (_, i) => new FakeContent(`${i + 1}`))];
    const acquire = {
      open: async (_entry: Entry, at: Location) => {
        opened += 1;
        return contents[Number(at.path.slice(2))] as FakeContent;
      },
    };
    await using proxy = await bench(new FakeContent('unused'), { acquire });
    proxy.client.get(...contents.map((_, i) => `/${HOST}/f${i}`));
    while (opened < 10) await new Promise((resolve) => setTimeout(resolve, 1));
    slow.grow(5);
    const bodies: string[] = [];
    for (const _ of contents) bodies.push((await proxy.client.answer()).body.toString());
    expect(bodies).toEqual(['0slow', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
    expect(contents.map(({ disposals }) => disposals)).toEqual(contents.map(() => 1));
  });
});

describe('createProxyApp() for other machines', () => {
  const ask = async (port: number, from: string, target: string) => {
    using client = await RawClient.open(port, from);
    client.get(target);
    return await client.answer();
  };

  test('serves them what known archives have, and refuses all else with what would allow it', async () => {
    await using proxy = await bench(new FakeContent('the package'));
    expect((await ask(proxy.port, '127.0.0.2', TARGET)).body.toString()).toBe('the package');
    const refused = await ask(proxy.port, '127.0.0.2', '/www.example.org/debian/x.deb');
    expect(refused.status).toBe(403);
    expect(refused.body.toString()).toContain('--allow-upstream www.example.org would allow it');
    expect((await ask(proxy.port, '127.0.0.2', '/127.0.0.1:80/x')).status).toBe(403);
    expect((await proxy.get('/www.example.org/debian/x.deb')).body.toString()).toBe('the package');
  });

  test('shows them no details of the status', async () => {
    await using proxy = await bench();
    expect((await ask(proxy.port, '127.0.0.2', '/api/status')).body.toString()).toContain('"details":false');
    expect((await proxy.get('/api/status')).body.toString()).toContain('"details":true');
  });

  test('lets them change nothing', async () => {
    await using proxy = await bench();
    using client = await RawClient.open(proxy.port, '127.0.0.2');
    client.socket.write('POST /api/import HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n');
    expect((await client.answer()).status).toBe(405);
  });

  test('serves those who are not allowed nothing at all', async () => {
    await using proxy = await bench(new FakeContent('the package'));
    for (const target of [TARGET, '/', '/api/status', '/healthz']) {
      const { status, body } = await ask(proxy.port, '127.0.0.3', target);
      expect([status, body.toString()]).toEqual([403, expect.stringContaining('--allow-client')]);
    }
    expect(proxy.calls).toEqual([]);
  });

  test('knows itself by the address that it was reached at', async () => {
    await using proxy = await bench();
    const { body } = await proxy.get(`http://127.0.0.1:${proxy.port}/healthz`);
    expect(body.toString()).toContain('"path":"/healthz"');
  });
});

describe('createProxyApp() where auto-apt-proxy looks', () => {
  test('GET / has the status and phrase that it knows, and our page as the body; all else is as ever', async () => {
    await using proxy = await bench(new FakeContent('the package'), { isFoundAt: () => true });
    using client = await RawClient.open(proxy.port);
    client.socket.write('GET / HTTP/1.0\r\n\r\n');
    const text = await client.rest();
    expect(text).toMatch(/^HTTP\/1\.[01] 406 Usage Information\r\n/);
    expect(text).toContain('"path":"/"');
    expect((await proxy.get('/healthz')).status).toBe(200);
    expect((await proxy.get(TARGET)).body.toString()).toBe('the package');
  });

  test('elsewhere GET / is a page', async () => {
    await using proxy = await bench(undefined, { isFoundAt: () => false });
    expect((await proxy.get('/')).status).toBe(200);
  });
});

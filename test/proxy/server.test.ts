import { describe, expect, test } from 'bun:test';
import { type AddressInfo, createServer } from 'node:net';
import type { Door } from '../../src/proxy/exchange.ts';
import { type ProxyServerOptions, startProxyServer } from '../../src/proxy/server.ts';
import { RawClient } from './raw-client.ts';

const listen = { host: '127.0.0.1', port: 0 };
const start = (door: Door, options: Partial<ProxyServerOptions> = {}) =>
  startProxyServer({ listen, door, graceMs: 0, ...options });

const echo: Door = async ({ request, response }) => {
  const body = Buffer.from(request.url ?? '');
  response.writeHead(200, { 'Content-Length': body.length }).end(body);
};

/** A door that answers each target only after the test has opened it. */
function gated() {
  const gates = new Map<string, () => void>();
  const begun: string[] = [];
  const door: Door = async (exchange) => {
    const target = exchange.request.url ?? '';
    begun.push(target);
    await new Promise<void>((resolve) => gates.set(target, resolve));
    await echo(exchange);
  };
  return { door, begun, open: (target: string) => gates.get(target)?.() };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}

describe('startProxyServer() with pipelined requests', () => {
  test('answers ten of one write in order though the first is the slowest, working on all at once', async () => {
    const { door, begun, open } = gated();
    await using server = await start(door);
    using client = await RawClient.open(server.address.port);
    const targets = Array.from({ length: 10 }, (_, i) => `/${i}`);
    client.get(...targets);
    await until(() => begun.length === 10);
    for (const target of targets.toReversed()) open(target);
    for (const target of targets) expect((await client.answer()).body.toString()).toBe(target);
    client.get('/again');
    await until(() => begun.length === 11);
    open('/again');
    expect((await client.answer()).body.toString()).toBe('/again');
  });

  test('keeps large answers whole and in order', async () => {
    await using server = await start(async ({ request, response }) => {
      const body = Buffer.alloc(3_000_000, request.url ?? '');
      response.writeHead(200, { 'Content-Length': body.length });
      for (let at = 0; at < body.length; at += 100_000) response.write(body.subarray(at, at + 100_000));
      response.end();
    });
    using client = await RawClient.open(server.address.port);
    client.get('/a', '/b', '/c');
    for (const target of ['/a', '/b', '/c']) {
      expect((await client.answer()).body.equals(Buffer.alloc(3_000_000, target))).toBe(true);
    }
  });

  test('works on no more than pipelineMax, stops reading, and still answers all of them in order', async () => {
    let [running, most] = [0, 0];
    const opened = Promise.withResolvers<void>();
    await using server = await start(
      async (exchange) => {
        running += 1;
        most = Math.max(most, running);
        await opened.promise;
        running -= 1;
        const body = Buffer.from((exchange.request.url ?? '').replace(/\?.*/, ''));
        exchange.response.writeHead(200, { 'Content-Length': body.length }).end(body);
      },
      { pipelineMax: 4 },
    );
    using client = await RawClient.open(server.address.port);
    // 16 MB of requests: more than the system buffers for a connection.
    const targets = Array.from({ length: 2000 }, (_, i) => `/${i}`);
    client.get(...targets.map((target) => `${target}?${'x'.repeat(8000)}`));
    await until(() => running === 4);
    expect(client.socket.writableLength).toBeGreaterThan(0);
    opened.resolve();
    for (const target of targets) expect((await client.answer()).body.toString()).toBe(target);
    expect(most).toBe(4);
  });

  test('cuts after the answers before it when one can not be completed', async () => {
    const { door, begun, open } = gated();
    await using server = await start(async (exchange) => {
      if (exchange.request.url !== '/broken') return door(exchange);
      exchange.response.writeHead(200, { 'Content-Length': 10 });
      exchange.response.write('abc');
      exchange.response.destroy();
    });
    using client = await RawClient.open(server.address.port);
    client.get('/first', '/broken', '/never');
    await until(() => begun.includes('/first'));
    open('/first');
    expect((await client.answer()).body.toString()).toBe('/first');
    await expect(client.answer()).rejects.toThrow('closed');
  });
});

describe('startProxyServer()', () => {
  test.each([
    ['what is no HTTP', 'GARBAGE\r\n\r\n', 400],
    ['a space in the target', 'GET /a b HTTP/1.1\r\nHost: x\r\n\r\n', 400],
    ['HTTP/7.7', 'GET / HTTP/7.7\r\nHost: x\r\n\r\n', 400],
    ['a head of 20 KB', `GET / HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`, 400],
    ['CONNECT', 'CONNECT ftp.de.debian.org:443 HTTP/1.1\r\nHost: ftp.de.debian.org:443\r\n\r\n', 403],
  ])('answers %s with a refusal that has a text, and closes', async (_name, request, status) => {
    await using server = await start(echo);
    using client = await RawClient.open(server.address.port);
    client.socket.write(request);
    const answer = await client.answer();
    expect(answer.status).toBe(status);
    expect(answer.body.toString()).toMatch(/\w+ \w+/);
    expect(await client.rest()).toBe('');
  });

  test.each([
    ['nothing', ''],
    ['half a request line', 'GET / HT'],
    ['a head without its end', 'GET / HTTP/1.1\r\nHost: x\r\n'],
  ])('ends a connection that says %s for too long', async (_name, said) => {
    await using server = await start(echo, { headTimeoutMs: 100 });
    using client = await RawClient.open(server.address.port);
    if (said) client.socket.write(said);
    expect(await client.rest()).toMatch(/^$|^HTTP\/1\.1 400 /);
  });

  test('ends a connection whose head comes a byte at a time', async () => {
    await using server = await start(echo, { headTimeoutMs: 200 });
    using client = await RawClient.open(server.address.port);
    client.socket.write('GET / HTTP/1.1\r\nX: ');
    const timer = setInterval(() => client.socket.write('y'), 20);
    try {
      await client.rest();
    } finally {
      clearInterval(timer);
    }
  });

  test('closes connections over the limit before it reads of them', async () => {
    await using server = await start(echo, { connections: { total: 1 } });
    using held = await RawClient.open(server.address.port);
    held.get('/x');
    expect((await held.answer()).status).toBe(200);
    using over = await RawClient.open(server.address.port);
    over.get('/y');
    expect(await over.rest()).toBe('');
  });

  test('aborts the signal of every request under way when the client leaves', async () => {
    const reasons: unknown[] = [];
    await using server = await start(async ({ signal }) => {
      signal.addEventListener('abort', () => reasons.push(signal.reason));
    });
    using client = await RawClient.open(server.address.port);
    client.get('/1', '/2', '/3');
    await until(() => client.socket.writableLength === 0);
    await new Promise((resolve) => setImmediate(resolve));
    client.socket.destroy();
    await until(() => reasons.length === 3);
  });

  test('does not abort a signal whose answer went out', async () => {
    let aborted = false;
    await using server = await start(async (exchange) => {
      exchange.signal.addEventListener('abort', () => {
        aborted = true;
      });
      await echo(exchange);
    });
    using client = await RawClient.open(server.address.port);
    client.get('/1');
    await client.answer();
    client.socket.destroy();
    using next = await RawClient.open(server.address.port);
    next.get('/2');
    await next.answer();
    expect(aborted).toBe(false);
  });

  test('answers 500 with a text when the door fails', async () => {
    await using server = await start(() => Promise.reject(new Error('secret')));
    using client = await RawClient.open(server.address.port);
    client.get('/');
    const answer = await client.answer();
    expect(answer.status).toBe(500);
    expect(answer.body.toString()).not.toContain('secret');
    expect(answer.body.length).toBeGreaterThan(10);
  });

  test('says what to do when the port is taken', async () => {
    await using server = await start(echo);
    const text = `could not listen on 127.0.0.1:${server.address.port}: address in use; another debtorrent may be running, or give --listen`;
    await expect(start(echo, { listen: server.address })).rejects.toThrow(text);
  });

  test('stops: new connections are refused, the port is free again', async () => {
    const server = await start(echo);
    using idle = await RawClient.open(server.address.port);
    idle.get('/');
    await idle.answer();
    await server[Symbol.asyncDispose]();
    await expect(RawClient.open(server.address.port)).rejects.toThrow();
    await using again = await start(echo, { listen: server.address });
    expect(again.address).toEqual(server.address);
  });

  test('listens on a descriptor handed over, as systemd does', async () => {
    const inherited = createServer();
    await new Promise<void>((resolve) => inherited.listen(0, '127.0.0.1', resolve));
    const { port } = inherited.address() as AddressInfo;
    const { fd } = (inherited as unknown as { _handle: { fd: number } })._handle;
    const script = `
      import { startProxyServer } from ${JSON.stringify(new URL('../../src/proxy/server.ts', import.meta.url).pathname)};
      await startProxyServer({ listen: { fd: 3 }, door: async ({ request, response }) => {
        response.writeHead(200, { 'Content-Length': 2 }).end(request.url);
      } });
      console.log('ready');`;
    const child = Bun.spawn([process.execPath, '-e', script], { stdio: ['ignore', 'pipe', 'inherit', fd] });
    try {
      await child.stdout.getReader().read();
      inherited.close();
      using client = await RawClient.open(port);
      client.get('/1', '/2');
      expect((await client.answer()).body.toString()).toBe('/1');
      expect((await client.answer()).body.toString()).toBe('/2');
    } finally {
      child.kill();
      await child.exited;
    }
  });
});

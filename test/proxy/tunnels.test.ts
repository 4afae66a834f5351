import { describe, expect, test } from 'bun:test';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { UpstreamPolicy } from '../../src/mirror/upstream-policy.ts';
import { LoopGuard } from '../../src/proxy/loop-guard.ts';
import { startProxyServer } from '../../src/proxy/server.ts';
import { Tunnels, type TunnelsOptions } from '../../src/proxy/tunnels.ts';
import { eventually } from '../fixtures/eventually.ts';
import { RawClient } from './raw-client.ts';

/** Whoever comes from 127.0.0.2 is another machine, from 127.0.0.3 one that isn't allowed. */
const clients = {
  allows: (address?: string) => address !== '127.0.0.3',
  isHere: (address?: string) => address === '127.0.0.1',
};

interface Bench extends AsyncDisposable {
  readonly tunnels: Tunnels;
  readonly port: number;
  /** Where the upstream listens. */
  readonly upstream: string;
  /** A client that has sent CONNECT, and `more` right behind. */
  connect(authority: string, options?: { from?: string; more?: string }): Promise<RawClient>;
}

async function bench(serve: (socket: Socket) => void, options: Partial<TunnelsOptions> = {}): Promise<Bench> {
  const sockets = new Set<Socket>();
  const origin = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    serve(socket);
  });
  await new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', resolve));
  const { port: originPort } = origin.address() as AddressInfo;
  const loopGuard = new LoopGuard();
  const policy = new UpstreamPolicy([`127.0.0.1:${originPort}`]);
  const tunnels = new Tunnels({ clients, policy, loopGuard, ...options });
  const listen = { host: '127.0.0.1', port: 0 };
  const door = () => Promise.reject(new Error('not for the door'));
  const server = await startProxyServer({ listen, door, tunnels, graceMs: 0 });
  const { port } = server.address;
  loopGuard.listensOn('127.0.0.1', port);
  const opened: RawClient[] = [];
  return {
    tunnels,
    port,
    upstream: `127.0.0.1:${originPort}`,
    async connect(authority, { from = '127.0.0.1', more = '' } = {}) {
      const client = await RawClient.open(port, from);
      opened.push(client);
      client.socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n${more}`);
      return client;
    },
    async [Symbol.asyncDispose]() {
      for (const client of opened) client[Symbol.dispose]();
      await server[Symbol.asyncDispose]();
      for (const socket of sockets) socket.destroy();
      origin.close();
    },
  };
}

const echo = (socket: Socket) => void socket.pipe(socket);
const ESTABLISHED = 'HTTP/1.1 200 Connection established\r\n\r\n';

describe('Tunnels.open()', () => {
  test('carries bytes both ways, those behind the request too, and each side ends by itself', async () => {
    const heard: string[] = [];
    await using proxy = await bench((socket) => {
      socket.on('data', (data) => heard.push(data.toString()));
      socket.on('end', () => socket.end(`heard ${heard.join('')}`));
    });
    const client = await proxy.connect(proxy.upstream, { more: 'early ' });
    await client.received(ESTABLISHED.length);
    client.socket.end('late');
    expect(await client.rest()).toBe(`${ESTABLISHED}heard early late`);
    await eventually('no tunnel is left', async () => proxy.tunnels.count === 0);
  });

  test('carries large bodies unchanged at the pace of the slower side', async () => {
    const bytes = Buffer.from(Uint32Array.from({ length: 3_000_000 }, (_, i) => i).buffer);
    await using proxy = await bench((socket) => socket.end(bytes));
    const client = await proxy.connect(proxy.upstream);
    await client.received(ESTABLISHED.length);
    client.socket.pause();
    await Bun.sleep(50); // The kernel's buffers are full, and the rest waits.
    client.socket.resume();
    const all = Buffer.from(await client.rest(), 'latin1').subarray(ESTABLISHED.length);
    expect(all.equals(bytes)).toBe(true);
  });

  test('dials the address that was checked, not the name', async () => {
    await using proxy = await bench(echo, {
      policy: { check: async () => ['127.0.0.1'], allowsByName: () => true, isKnown: () => true },
    });
    const client = await proxy.connect(`mirror.invalid:${proxy.upstream.split(':')[1]}`, { more: 'hello' });
    await client.received(ESTABLISHED.length + 5);
  });

  test.each([
    ['a port that is not 443', 'ftp.de.debian.org:80', {}, 403, '--allow-upstream ftp.de.debian.org:80'],
    ['ssh', 'ftp.de.debian.org:22', {}, 403, 'tunnels go to port 443'],
    ['a loopback address', '127.0.0.1:443', {}, 403, '--allow-upstream 127.0.0.1'],
    ['a private address', '[fd00::1]:443', {}, 403, 'a private address'],
    ['cloud metadata', '169.254.169.254:443', {}, 403, 'a cloud metadata address'],
    ['no port', 'ftp.de.debian.org', {}, 400, 'CONNECT wants HOST:PORT'],
    ['nonsense', '[::1', {}, 400, 'CONNECT wants HOST:PORT'],
    [
      'what is no archive, for another machine',
      'www.example.org:443',
      { from: '127.0.0.2' },
      403,
      'known archive',
    ],
    ['whom it is not for', 'ftp.de.debian.org:443', { from: '127.0.0.3' }, 403, 'not for your network'],
  ])(
    'refuses %s, with the reason as its body and in its status line',
    async (_name, to, from, status, says) => {
      await using proxy = await bench(echo);
      const client = await proxy.connect(to, from);
      const [line = '', ...rest] = (await client.rest()).split('\r\n');
      expect(line).toStartWith(`HTTP/1.1 ${status} `);
      expect(line).toContain(says);
      expect(rest.at(-1)).toContain(says);
      expect(proxy.tunnels.count).toBe(0);
    },
  );

  test('refuses a tunnel to itself', async () => {
    await using proxy = await bench(echo, {
      policy: { check: async () => [], allowsByName: () => true, isKnown: () => true },
    });
    const client = await proxy.connect(`localhost:${proxy.port}`);
    expect(await client.rest()).toContain('403 a tunnel to this proxy itself');
  });

  test('answers 502 when the upstream refuses, 504 when it says nothing', async () => {
    const refusing = await bench(echo);
    const [, port = ''] = refusing.upstream.split(':');
    await refusing[Symbol.asyncDispose]();
    const policy = { check: async () => [], allowsByName: () => true, isKnown: () => true };
    await using proxy = await bench(echo, { policy, connectMs: 30 });
    const refused = await proxy.connect(`127.0.0.1:${port}`);
    expect(await refused.rest()).toContain('502 could not connect to 127.0.0.1: ECONNREFUSED');
    await using hanging = await bench(echo, {
      policy: { ...policy, check: () => new Promise(() => {}) },
      connectMs: 30,
    });
    const late = await hanging.connect('mirror.invalid:443');
    expect(await late.rest()).toContain('504 could not connect to mirror.invalid within 0 s');
  });

  test('has a limit for each client of another machine and one for all; a place is given back', async () => {
    await using proxy = await bench(echo, {
      policy: { check: async () => ['127.0.0.1'], allowsByName: () => true, isKnown: () => true },
      total: 4,
      perClient: 2,
    });
    const to = `mirror.invalid:${proxy.upstream.split(':')[1]}`;
    const established = async (from: string) => {
      const client = await proxy.connect(to, { from });
      await client.received(12);
      return client;
    };
    const [first, second] = [await established('127.0.0.2'), await established('127.0.0.2')];
    expect(await (await proxy.connect(to, { from: '127.0.0.2' })).rest()).toContain('503 too many tunnels');
    await established('127.0.0.1');
    await established('127.0.0.1');
    expect(await (await proxy.connect(to)).rest()).toContain('503 too many tunnels');
    first.socket.destroy();
    second.socket.destroy();
    await eventually('places are free', async () => proxy.tunnels.count === 2);
    const again = await established('127.0.0.2');
    expect(again.closed).toBe(false);
  });

  test('ends a tunnel on which nothing moves, and only that', async () => {
    await using proxy = await bench(echo, { idleMs: 150 });
    const idle = await proxy.connect(proxy.upstream);
    const busy = await proxy.connect(proxy.upstream);
    const timer = setInterval(() => busy.socket.write('x'), 10);
    try {
      await idle.rest();
      expect(busy.closed).toBe(false);
    } finally {
      clearInterval(timer);
    }
  });

  test('a broken upstream breaks the tunnel; a client that leaves is not waited for', async () => {
    const sockets: Socket[] = [];
    await using proxy = await bench((socket) => {
      sockets.push(socket);
      if (sockets.length === 1) socket.write('half', () => setImmediate(() => socket.resetAndDestroy()));
    });
    const client = await proxy.connect(proxy.upstream);
    expect(await client.rest()).toStartWith(ESTABLISHED);
    const leaving = await proxy.connect(proxy.upstream);
    await leaving.received(ESTABLISHED.length);
    const closed = new Promise((resolve) => sockets[1]?.once('close', resolve));
    leaving.socket.resetAndDestroy();
    sockets[1]?.resume();
    await eventually('no tunnel is left', async () => proxy.tunnels.count === 0);
    sockets[1]?.end();
    await closed;
  });

  test('open tunnels do not hold up the end of the server', async () => {
    const proxy = await bench(echo);
    const client = await proxy.connect(proxy.upstream);
    await client.received(ESTABLISHED.length);
    await proxy[Symbol.asyncDispose]();
  });
});

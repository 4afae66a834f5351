/** The program that apt runs to find out whether we answer, against daemons alive, gone, hanging and foreign. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { chmodSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { probeFor } from '../../src/commands/apt-files.ts';
import { freePort } from '../fixtures/free-port.ts';
import { run } from '../fixtures/run.ts';
import { type TempDir, tempDir } from '../fixtures/temp-dir.ts';

const HTTP = 'http://ftp.de.debian.org/debian/dists/bookworm/InRelease';
const HTTPS = 'https://ftp.de.debian.org/debian/dists/bookworm/InRelease';
const OURS = 'HTTP/1.1 200 OK\r\nX: y\r\nServer: DebTorrent\r\nContent-Length: 3\r\n\r\nok\n';

let dir: TempDir;
beforeAll(() => {
  dir = tempDir('probe');
});
afterAll(() => dir[Symbol.dispose]());

/** The probe of a daemon at that port, run with these arguments; `conf` is apt's whole configuration. */
async function probe(port: number, args: string[], { conf = '', env = {} } = {}) {
  const path = join(dir.path, `probe-${port}`);
  const aptConf = join(dir.path, `apt-${port}.conf`);
  writeFileSync(path, patient(probeFor(`http://127.0.0.1:${port}`)));
  chmodSync(path, 0o755);
  writeFileSync(aptConf, `${conf}\nDir::Etc::parts "/nowhere"; Dir::Etc::main "nothing";`);
  return await run([path, ...args], { env: { APT_CONFIG: aptConf, ...env } });
}

const DEADLINES = 'readonly wait=0.1 all=0.3';

/** With time for a busy machine. */
function patient(text: string): string {
  expect(text).toContain(DEADLINES);
  return text.replace(DEADLINES, 'readonly wait=1 all=9');
}

/** A server that does that with every connection, for as long as `use` runs. */
async function withServer<T>(serve: Serve, use: (port: number) => Promise<T>): Promise<T> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    serve(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    return await use((server.address() as AddressInfo).port);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

type Serve = (socket: Socket) => void;

function says(answer: string): Serve {
  return (socket) => socket.once('data', () => socket.end(answer));
}

const printed = (stdout: string) => ({ code: 0, stderr: '', stdout });

describe('the probe, with a daemon that answers', () => {
  test('prints its address for an http URI and without an argument, and nothing else', async () => {
    await withServer(says(OURS), async (port) => {
      const ours = printed(`http://127.0.0.1:${port}\n`);
      expect(await probe(port, [HTTP])).toMatchObject(ours);
      expect(await probe(port, [])).toMatchObject(ours);
    });
  });

  test('does without it for https, which would only be a tunnel', async () => {
    await withServer(says(OURS), async (port) => {
      expect(await probe(port, [HTTPS])).toMatchObject(printed('DIRECT\n'));
    });
  });

  test('asks one HTTP request of a health page', async () => {
    let asked = '';
    const serve = (socket: Socket) =>
      socket.on('data', (data) => {
        asked += data.toString();
        if (asked.endsWith('\r\n\r\n')) socket.end(OURS);
      });
    await withServer(serve, (port) => probe(port, [HTTP]));
    expect(asked).toMatch(
      /^GET \/healthz HTTP\/1\.1\r\nHost: 127\.0\.0\.1:\d+\r\nConnection: close\r\n\r\n$/,
    );
  });

  test('runs nothing that the environment names', async () => {
    const evil = join(dir.path, 'evil');
    writeFileSync(evil, 'echo evil\n');
    const env = { BASH_ENV: evil, ENV: evil, 'BASH_FUNC_read%%': '() { echo evil; }', PATH: '/nowhere' };
    await withServer(says(OURS), async (port) => {
      expect(await probe(port, [HTTP], { env })).toMatchObject(printed(`http://127.0.0.1:${port}\n`));
    });
  });
});

describe.each<[string, Serve | undefined]>([
  ['that is gone', undefined],
  ['that takes connections and says nothing', () => {}],
  ['that closes at once', (socket) => void socket.end()],
  ['that resets', (socket) => void socket.resetAndDestroy()],
  ['that is somebody else', says('HTTP/1.1 200 OK\r\nServer: other\r\nContent-Length: 3\r\n\r\nok\n')],
  ['that fails', says('HTTP/1.1 503 no\r\nServer: DebTorrent\r\nContent-Length: 3\r\n\r\nno\n')],
  ['that speaks something else', says('SSH-2.0-x\r\n')],
  ['that sends garbage without an end', (socket) => void socket.write(`HTTP/1.1 200 ${'x'.repeat(9999)}`)],
  ['that never ends its head', (socket) => void socket.write('HTTP/1.1 200 OK\r\nX: y\r\n')],
])('the probe, with a daemon %s', (_title, serve) => {
  const dead = async (args: string[], options: Parameters<typeof probe>[2] = {}) =>
    serve
      ? withServer(serve, (port) => probe(port, args, options))
      : probe(await freePort('127.0.0.1'), args, options);

  test('prints DIRECT for a URI', async () => {
    expect(await dead([HTTP])).toMatchObject(printed('DIRECT\n'));
  });

  test('prints nothing without an argument', async () => {
    expect(await dead([])).toMatchObject(printed(''));
  });
});

describe('without a daemon, the probe prints for', () => {
  const proxy = 'http://user:p%40ss@proxy.example.org:3128/';
  const generic = `Acquire::http::Proxy "${proxy}";`;
  const env = { http_proxy: 'http://from.environment:1' };

  test.each([
    ['http: Acquire::http::Proxy', HTTP, generic, env, proxy],
    ['http: $http_proxy where that is not set', HTTP, '', env, 'http://from.environment:1'],
    ['http: what was set to DIRECT', HTTP, 'Acquire::http::Proxy "DIRECT";', env, 'DIRECT'],
    ['https: Acquire::https::Proxy first', HTTPS, `${generic}Acquire::https::Proxy "DIRECT";`, env, 'DIRECT'],
    ['https: Acquire::http::Proxy, as apt does', HTTPS, generic, env, proxy],
    [
      'https: that of the host first',
      HTTPS,
      `${generic}Acquire::http::Proxy::ftp.de.debian.org "http://h:1";`,
      env,
      'http://h:1',
    ],
    ['https: $https_proxy first', HTTPS, '', { ...env, https_proxy: 'http://s:1' }, 'http://s:1'],
    ['https: $http_proxy', HTTPS, '', env, 'http://from.environment:1'],
    [
      'http: a socks proxy',
      HTTP,
      'Acquire::http::Proxy "socks5h://localhost:9050";',
      {},
      'socks5h://localhost:9050',
    ],
  ])('%s', async (_title, uri, conf, environment, expected) => {
    const ran = await probe(await freePort('127.0.0.1'), [uri], { conf, env: environment });
    expect(ran).toMatchObject(printed(`${expected}\n`));
  });

  test.each([
    ['a proxy without a scheme', { http_proxy: 'proxy:3128' }],
    ['a proxy with a blank in it', { http_proxy: 'http://a b' }],
  ])('%s: nothing, apt knows what to make of it', async (_title, environment) => {
    const ran = await probe(await freePort('127.0.0.1'), [HTTP], { env: environment });
    expect(ran).toMatchObject(printed(''));
  });
});

describe('probeFor()', () => {
  test.each([
    ['http://localhost:9988', 'readonly host=localhost port=9988 proxy=http://localhost:9988'],
    ['http://[::1]:3142/', 'readonly host=::1 port=3142 proxy=http://[::1]:3142'],
    ['http://proxy.example.org', 'readonly host=proxy.example.org port=80 proxy=http://proxy.example.org:80'],
  ])('%s', (url, line) => {
    expect(probeFor(url)).toContain(`\n${line}\n`);
  });

  test.each(['https://a:1', 'a:1', 'http://a:1/path', 'http://u@a:1', 'http://a:1/?x', 'http://$(x):1', ''])(
    'refuses %p',
    (url) => {
      expect(() => probeFor(url)).toThrow('http://HOST:PORT');
    },
  );
});

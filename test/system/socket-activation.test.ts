/** systemd's own program for handing over sockets gives us one, or several, and --findable goes with it. */
import { expect, test } from 'bun:test';
import { join } from 'node:path';
import { DEBTORRENT } from '../fixtures/daemon.ts';
import { eventually } from '../fixtures/eventually.ts';
import { freePort } from '../fixtures/free-port.ts';
import { PLAIN_ENV } from '../fixtures/run.ts';
import { tempDir } from '../fixtures/temp-dir.ts';

const SOCKETS = [
  { handed: 'two sockets', of: 2, args: () => [] },
  {
    handed: 'two sockets, one of them for --findable',
    of: 2,
    args: (ports: readonly number[]) => ['--findable', `127.0.0.1:${ports[1]}`],
  },
  {
    handed: 'one socket, and --findable opens its own',
    of: 1,
    args: (ports: readonly number[]) => ['--findable', `127.0.0.1:${ports[1]}`],
  },
];

test.each(SOCKETS)(
  'systemd-socket-activate hands serve $handed: both ports are served',
  async ({ of, args }) => {
    using dir = tempDir('activate');
    const ports = [await freePort('127.0.0.1'), await freePort('127.0.0.1')];
    const folders = ['--cache-dir', join(dir.path, 'cache'), '--state-dir', join(dir.path, 'state')];
    const quiet = ['--no-lan', '--no-dht', '--no-port-mapping', '--peer-listen', '127.0.0.1:0'];
    const child = Bun.spawn(
      [
        'systemd-socket-activate',
        ...ports.slice(0, of).flatMap((port) => ['-l', `127.0.0.1:${port}`]),
        ...(of === 2 ? ['--fdname=apt:lan'] : []),
        ...[...DEBTORRENT, 'serve', ...folders, ...quiet, ...args(ports)],
      ],
      { env: { ...PLAIN_ENV, HOME: dir.path }, stdio: ['ignore', 'ignore', 'ignore'] },
    );
    try {
      const get = (port: number | undefined, path: string) =>
        fetch(`http://127.0.0.1:${port}${path}`, { proxy: false, keepalive: false } as RequestInit);
      for (const port of ports) {
        const answer = await eventually('it answers', () => get(port, '/healthz').catch(() => undefined));
        expect(await answer.text()).toBe('ok\n');
      }
      expect((await get(ports[0], '/')).status).toBe(200);
      expect((await get(ports[1], '/')).status).toBe(args(ports).length > 0 ? 406 : 200);
    } finally {
      child.kill('SIGTERM');
      expect(await child.exited).toBe(0);
    }
  },
);

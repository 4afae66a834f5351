/** Debian's systemd, as far as it goes without being process 1: it hands us a socket, and it understands our units. */
import { expect, test } from 'bun:test';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DEBTORRENT } from '../fixtures/daemon.ts';
import { eventually } from '../fixtures/eventually.ts';
import { freePort } from '../fixtures/free-port.ts';
import { PLAIN_ENV, run } from '../fixtures/run.ts';
import { tempDir } from '../fixtures/temp-dir.ts';

test('systemd-socket-activate hands serve two sockets, and both are served', async () => {
  using dir = tempDir('activate');
  const ports = [await freePort('127.0.0.1'), await freePort('127.0.0.1')];
  const folders = ['--cache-dir', join(dir.path, 'cache'), '--state-dir', join(dir.path, 'state')];
  const quiet = ['--no-lan', '--no-dht', '--no-port-mapping', '--peer-listen', '127.0.0.1:0'];
  const child = Bun.spawn(
    [
      'systemd-socket-activate',
      ...ports.flatMap((port) => ['-l', `127.0.0.1:${port}`]),
      '--fdname=apt:lan',
      ...[...DEBTORRENT, 'serve', ...folders, ...quiet],
    ],
    { env: { ...PLAIN_ENV, HOME: dir.path }, stdio: ['ignore', 'ignore', 'ignore'] },
  );
  try {
    for (const port of ports) {
      const health = () => fetch(`http://127.0.0.1:${port}/healthz`, { proxy: false } as RequestInit);
      const answer = await eventually('it answers', () => health().catch(() => undefined));
      expect(await answer.text()).toBe('ok\n');
    }
  } finally {
    child.kill('SIGTERM');
    expect(await child.exited).toBe(0);
  }
});

test('systemd-analyze has nothing to say against our units, and finds them well shut in', async () => {
  using dir = tempDir('units');
  const units = ['debtorrent.socket', 'debtorrent.service'].map((name) => {
    const text = readFileSync(join(import.meta.dir, '../../debian', name), 'utf8');
    const path = join(dir.path, name);
    // Here nothing is installed, and nobody has an account.
    writeFileSync(path, text.replace('/usr/bin/debtorrent', '/bin/true').replace(/^User=.*/m, 'User=daemon'));
    return path;
  });
  const verified = await run(['systemd-analyze', 'verify', '--man=no', ...units]);
  expect(verified).toMatchObject({ code: 0, output: '' });
  // Of 10, where 10 is a service without any limits.
  const security = ['systemd-analyze', 'security', '--offline=yes', '--threshold=20', units[1] as string];
  expect((await run(security)).code).toBe(0);
});

/** Settings that are read again by a daemon that runs. */
import { expect, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LimitsStatus } from '../../src/status/snapshot.ts';
import { Daemon, DEBTORRENT } from '../fixtures/daemon.ts';
import { eventually } from '../fixtures/eventually.ts';
import { PLAIN_ENV } from '../fixtures/run.ts';
import { tempDir } from '../fixtures/temp-dir.ts';

test.each([false, true])(
  'SIGHUP (supervised: %p): what can be is taken over, a bad file changes nothing',
  async (supervised) => {
    using dir = tempDir('reload');
    const file = join(dir.path, 'debtorrent.toml');
    writeFileSync(file, 'cache_limit = "1 GiB"\n');
    await using daemon = await Daemon.start({ supervised, args: ['--config', file] });
    const limit = async () => (await daemon.status()).store.limitBytes;
    expect(await limit()).toBe(2 ** 30);
    const { uptimeSeconds } = await daemon.status();

    writeFileSync(file, 'cache_limit = "2 GiB"\nprivacy = "open"\n');
    process.kill(daemon.pid as number, 'SIGHUP');
    await eventually('the new limit holds', async () => (await limit()) === 2 * 2 ** 30);
    expect(daemon.log).toContain('changed: cache_limit');
    expect(daemon.log).toContain('changed, but only after a restart: privacy');

    writeFileSync(file, 'cache_limit = "3 GiB"\nlgo_level = "debug"\n');
    process.kill(daemon.pid as number, 'SIGHUP');
    await eventually('it says why not', () => daemon.log.includes('did you mean "log_level"?'));
    expect(daemon.log).toContain('all settings stay as they were');
    expect(await limit()).toBe(2 * 2 ** 30);

    writeFileSync(file, 'cache_limit = "4 GiB"\n');
    process.kill(daemon.pid as number, 'SIGHUP');
    await eventually('the next one holds', async () => (await limit()) === 4 * 2 ** 30);
    expect((await daemon.status()).uptimeSeconds).toBeGreaterThanOrEqual(uptimeSeconds);
  },
);

test('what is given is stopped by SIGHUP, and status says why', async () => {
  using dir = tempDir('reload');
  const file = join(dir.path, 'debtorrent.toml');
  writeFileSync(file, '');
  await using daemon = await Daemon.start({ args: ['--config', file] });
  const paused = async () => {
    const { limits } = (await daemon.status()) as unknown as { readonly limits: LimitsStatus };
    return limits.upload.paused.join();
  };
  expect(await paused()).toBe('');
  writeFileSync(file, 'metered = "yes"\n');
  process.kill(daemon.pid as number, 'SIGHUP');
  await eventually('nothing is given', async () => (await paused()) === 'metered connection');
  expect(daemon.log).toContain('given beyond the local network: nothing more (metered connection)');
});

test('a terminal that is closed ends it, as it ends other programs', async () => {
  using dir = tempDir('terminal');
  const script = `
import os, pty, sys, time
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
said = b''
while b'sources.list' not in said:
    said += os.read(terminal, 4096)
os.close(terminal)
for _ in range(200):
    if os.waitpid(pid, os.WNOHANG)[0]:
        print('ended')
        break
    time.sleep(0.1)
`;
  const args = [
    '--listen',
    '127.0.0.1:0',
    '--peer-listen',
    '127.0.0.1:0',
    '--no-dht',
    '--no-lan',
    '--no-supervise',
  ];
  const child = Bun.spawn(
    [
      'python3',
      '-c',
      script,
      ...DEBTORRENT,
      'serve',
      ...args,
      '--apt-lists',
      'none',
      '--dpkg-status',
      'none',
    ],
    {
      env: { ...PLAIN_ENV, HOME: dir.path, PATH: process.env.PATH ?? '' },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  expect(await new Response(child.stdout).text()).toBe('ended\n');
  await child.exited;
});

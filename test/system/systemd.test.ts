/**
 * Our units under Debian's systemd: as process 1 of a machine that boots (where it starts, kills and shuts in the service
 * by itself), by systemd-socket-activate, and by what systemd-analyze thinks of them.
 */
import { describe, expect, test } from 'bun:test';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageFiles } from '../../scripts/package-files.ts';
import { testArchive } from '../fixtures/archive.ts';
import type { BootedMachine } from '../fixtures/booted-machine.ts';
import { DEBTORRENT } from '../fixtures/daemon.ts';
import { DebianMachine } from '../fixtures/debian-machine.ts';
import { eventually } from '../fixtures/eventually.ts';
import { freePort } from '../fixtures/free-port.ts';
import { MirrorServer } from '../fixtures/mirror-server.ts';
import { Network } from '../fixtures/network.ts';
import { PLAIN_ENV, run } from '../fixtures/run.ts';
import { tempDir } from '../fixtures/temp-dir.ts';

const UNITS = ['debtorrent.socket', 'debtorrent.service'];

function unitText(name: string): string {
  return readFileSync(join(import.meta.dir, '../../debian', name), 'utf8');
}

/** A machine with binary, units, user and settings as the package has them, put there by hand; enabled and started. */
async function machineWithService(
  stack: AsyncDisposableStack,
  dropIn = '',
): Promise<{ readonly machine: DebianMachine; readonly mirror: MirrorServer }> {
  const archive = await testArchive();
  const network = stack.use(await Network.open());
  const mirror = stack.use(await MirrorServer.start(archive.root, network.address));
  const machine = stack.use(await DebianMachine.boot(archive, mirror, await network.machine()));
  const { box } = machine;
  copyFileSync(DEBTORRENT[0] as string, box.path('/usr/bin/debtorrent'));
  for (const name of UNITS) box.write(`/lib/systemd/system/${name}`, unitText(name));
  if (dropIn) box.write('/etc/systemd/system/debtorrent.service.d/test.conf', `[Service]\n${dropIn}\n`);
  box.write('/etc/debtorrent/debtorrent.toml', (await packageFiles()).get('debtorrent.toml') as string);
  box.write('/usr/lib/sysusers.d/debtorrent.conf', unitText('debtorrent.sysusers'));
  await box.script(`chmod +x /usr/bin/debtorrent; systemd-sysusers debtorrent.conf; systemctl daemon-reload
    systemctl --quiet enable --now debtorrent.socket debtorrent.service`);
  return { machine, mirror };
}

const pidOf = (box: BootedMachine) => box.show('debtorrent.service', 'MainPID');

/** apt-get with the proxy set hard: it has no other way, and never asks again at an address that refused it. */
async function download({ box }: DebianMachine, name: string): Promise<void> {
  await box.script(`cd /tmp; rm -f *.deb
    apt-get -q -o Acquire::http::Proxy=http://localhost:9988 download ${name}`);
}

describe('booted by systemd', () => {
  test('ready only when it serves; shut in, and all that it does works in there', async () => {
    await using stack = new AsyncDisposableStack();
    const { machine } = await machineWithService(stack);
    const { box } = machine;
    // `systemctl start` has come back, so it has said that it is ready.
    expect(await box.show('debtorrent.service', 'SubState')).toBe('running');
    const pid = await pidOf(box);
    const facts = await box.script(`grep -E '^(Uid|NoNewPrivs|Seccomp|CapBnd):' /proc/${pid}/status`);
    expect(facts).toMatch(/^NoNewPrivs:\s1$/m);
    expect(facts).toMatch(/^Seccomp:\s2$/m);
    expect(facts).toMatch(/^CapBnd:\s0+$/m);
    expect(facts).not.toMatch(/^Uid:\s0/m);
    // What it sees of the machine is read-only, but for its own two folders.
    const inside = (script: string) => box.run(['nsenter', '-t', pid, '-m', 'sh', '-c', script]);
    for (const path of ['/etc', '/usr', '/var/lib', '/var/cache']) {
      expect((await inside(`touch ${path}/file`)).output).toContain('Read-only file system');
    }
    expect((await inside('ls -A /home /root')).stdout.replace(/^\/.*:$/gm, '').trim()).toBe('');
    await box.runWell(['apt-get', '-q', '-o', 'Acquire::http::Proxy=http://localhost:9988', 'update']);
    await download(machine, 'medium');
    // gpgv, the index child, the hash thread and the store have all been at work; nothing was denied.
    const { bytes, store, releases } = await machine.status();
    expect(bytes.fromMirror).toBeGreaterThan(3_000_000);
    expect(store.files).toBeGreaterThan(0);
    expect(releases).toMatchObject([{ signed: 'public', shared: true }]);
    expect(await box.journal()).not.toMatch(/EPERM|EROFS|not permitted|\[error\]/);
    await box.script('install -m 644 /tmp/medium_*.deb /var/cache/apt/archives/');
    expect(await box.runWell(['debtorrent', 'cache', 'import'])).toContain('were here  1');
    // For the JavaScript engine: it compiles, as MemoryDenyWriteExecute would forbid without a word.
    expect(await box.script(`grep -c 'rwxp' /proc/${pid}/maps`)).toMatch(/^[1-9]/);
  });

  test('started by the first request, when it is stopped', async () => {
    await using stack = new AsyncDisposableStack();
    const { machine } = await machineWithService(stack);
    const { box } = machine;
    await box.runWell(['apt-get', '-q', 'update']);
    await box.runWell(['systemctl', 'stop', 'debtorrent.service']);
    expect(await box.show('debtorrent.service', 'ActiveState')).toBe('inactive');
    await download(machine, 'small-a');
    expect(await box.show('debtorrent.service', 'ActiveState')).toBe('active');
  });

  test('killed in the middle of a download: started at once, and apt goes on', async () => {
    await using stack = new AsyncDisposableStack();
    const { machine, mirror } = await machineWithService(stack);
    const { box } = machine;
    await box.runWell(['apt-get', '-q', '-o', 'Acquire::http::Proxy=http://localhost:9988', 'update']);
    mirror.fault(/medium/, { bytesPerSecond: 1_000_000 });
    const before = await pidOf(box);
    const downloading = download(machine, 'medium small-a small-b small-c small-d');
    await eventually('the file comes', () => mirror.log.some(({ path }) => path.includes('/medium_')));
    await box.script(`kill -KILL ${before}`);
    await downloading;
    expect(await pidOf(box)).not.toBe(before);
    expect(await box.show('debtorrent.service', 'NRestarts')).toBe('1');
  });

  test('hanging: killed by the watchdog and started again, and apt goes on', async () => {
    await using stack = new AsyncDisposableStack();
    const { machine } = await machineWithService(stack, 'WatchdogSec=3s');
    const { box } = machine;
    await box.runWell(['apt-get', '-q', '-o', 'Acquire::http::Proxy=http://localhost:9988', 'update']);
    const before = await pidOf(box);
    await box.script(`kill -STOP ${before}`);
    await download(machine, 'small-a');
    expect(await pidOf(box)).not.toBe(before);
    expect(await box.journal()).toMatch(/Watchdog timeout \(limit 3s\)/);
  });
});

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
  const units = UNITS.map((name) => {
    const path = join(dir.path, name);
    // Here nothing is installed, and nobody has an account.
    const text = unitText(name).replace('/usr/bin/debtorrent', '/bin/true');
    writeFileSync(path, text.replace(/^User=.*/m, 'User=daemon'));
    return path;
  });
  const verified = await run(['systemd-analyze', 'verify', '--man=no', ...units]);
  expect(verified).toMatchObject({ code: 0, output: '' });
  // Of 10, where 10 is a service without any limits.
  const security = ['systemd-analyze', 'security', '--offline=yes', '--threshold=20', units[1] as string];
  expect((await run(security)).code).toBe(0);
});

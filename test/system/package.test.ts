/**
 * The Debian package on machines that boot: what becomes of it from its installation to its purging, with the real dpkg,
 * apt and systemd, and that apt works at each moment meanwhile.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { buildPackage } from '../../scripts/build-package.ts';
import { testArchive } from '../fixtures/archive.ts';
import { DebianMachine } from '../fixtures/debian-machine.ts';
import { eventually } from '../fixtures/eventually.ts';
import { MirrorServer } from '../fixtures/mirror-server.ts';
import { Network } from '../fixtures/network.ts';
import { run, runWell } from '../fixtures/run.ts';
import type { SignedRepository } from '../fixtures/signed-repository.ts';
import { type TempDir, tempDir } from '../fixtures/temp-dir.ts';

const CONF = '/etc/apt/apt.conf.d/30debtorrent';
const PROBE = '/usr/libexec/debtorrent/apt-probe';

/** Written anew when a user comes and goes. */
const ACCOUNTS = /^\.\/etc\/(?:passwd|group|shadow|gshadow|subuid|subgid)-?$/;

let directory: TempDir;
let deb: string;
let archive: SignedRepository;

beforeAll(async () => {
  directory = tempDir('package');
  // Not compressed: that takes minutes, and is dpkg's business.
  deb = await buildPackage({ into: directory.path, compressor: 'none' });
  archive = await testArchive();
}, 180_000);
afterAll(() => directory[Symbol.dispose]());

/** One machine and the mirror that it has a source of. */
async function open(): Promise<AsyncDisposable & { machine: DebianMachine; mirror: MirrorServer }> {
  await using stack = new AsyncDisposableStack();
  const network = stack.use(await Network.open());
  const mirror = stack.use(await MirrorServer.start(archive.root, network.address));
  const machine = stack.use(await DebianMachine.boot(archive, mirror, await network.machine()));
  const all = stack.move();
  return { machine, mirror, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

/** apt-get goes by way of the daemon: what it brings is in its totals. */
async function expectThroughDaemon(machine: DebianMachine, name: string): Promise<void> {
  const before = (await machine.status()).session;
  await machine.box.script(`cd /tmp; rm -f *.deb; apt-get -q download ${name}`);
  const after = (await machine.status()).session;
  expect(after.fromMirror + after.fromStore).toBeGreaterThan(before.fromMirror + before.fromStore);
}

/** apt-get downloads, from the mirror itself if need be. */
async function expectAptWorks(machine: DebianMachine): Promise<void> {
  await machine.apt('update', '-o', 'APT::Update::Error-Mode=any');
  await machine.box.script('cd /tmp; rm -f *.deb; apt-get -q download small-a; test -s small-a_*.deb');
}

/** Has apt-get at work all the time. Call the result to end it: each run's exit code. */
async function aptAtWork({ box }: DebianMachine): Promise<() => Promise<string[]>> {
  box.write(
    '/root/at-work',
    `#!/bin/sh
mkdir -p /root/at-work.d; cd /root/at-work.d; rm -f *
until test -e enough; do
  apt-get -q download small-b >log 2>&1
  code=$?
  echo $code >>codes
  test $code = 0 || cat log >>failures
  rm -f *.deb
done
touch ended
`,
  );
  await box.script('chmod +x /root/at-work; systemd-run --quiet /root/at-work');
  await eventually('apt-get has begun', () => existsSync(box.path('/root/at-work.d/codes')));
  return async () => {
    box.write('/root/at-work.d/enough', '');
    await eventually('apt-get has ended', () => existsSync(box.path('/root/at-work.d/ended')));
    if (existsSync(box.path('/root/at-work.d/failures')))
      throw new Error(box.read('/root/at-work.d/failures'));
    return box.read('/root/at-work.d/codes').trim().split('\n');
  };
}

/**
 * What is other than when the machine booted: files (deleted ones, too), and folders with our name; but for logs, caches
 * and what dpkg and apt write about themselves.
 */
async function changed({ box }: DebianMachine): Promise<Set<string>> {
  const others =
    'root tmp var/tmp var/log var/lib/dpkg var/lib/apt var/lib/systemd/timers var/cache/ldconfig var/cache/man var/cache/debconf';
  const pruned = others.split(' ').map((path) => `-path ./${path}`);
  const found = await box.script(
    `cd /run/changed; find . \\( ${pruned.join(' -o ')} \\) -prune -o \\( ! -type d -o -name '*debtorrent*' \\) -print`,
  );
  return new Set(found.trim().split('\n'));
}

/** The same package of another version. */
async function newer(version: string): Promise<string> {
  const into = join(directory.path, version);
  await runWell(['dpkg-deb', '-R', deb, into]);
  await runWell(['sed', '-i', `s/^Version: .*/Version: ${version}/`, join(into, 'DEBIAN/control')]);
  const path = join(directory.path, `debtorrent_${version}_all.deb`);
  await runWell(['dpkg-deb', '-Znone', '--root-owner-group', '-b', into, path]);
  return path;
}

describe('the Debian package', () => {
  test('lintian has nothing to say that debian/debtorrent.lintian-overrides does not explain', async () => {
    const tags = ['uses-no-compression-for-control-tarball', 'uses-no-compression-for-data-tarball'];
    const options = ['--no-cfg', '--display-info', '--fail-on', 'error,warning,info'];
    const checked = await run(['lintian', ...options, '--suppress-tags', tags.join(','), deb], {
      timeoutMs: 240_000,
    });
    expect(checked).toMatchObject({ code: 0, stdout: '' });
  });

  test('installed: the service runs as its own user, apt goes by way of it, and nothing had to be set', async () => {
    await using scene = await open();
    const { machine } = scene;
    const { box } = machine;
    await machine.apt('update');
    await machine.apt('install', machine.bring(deb));
    expect(await box.show('debtorrent.socket', 'ActiveState')).toBe('active');
    expect(await box.show('debtorrent.service', 'ActiveState')).toBe('active');
    expect(await box.show('debtorrent.service', 'UnitFileState')).toBe('enabled');
    const pid = await box.show('debtorrent.service', 'MainPID');
    expect((await box.runWell(['stat', '-c', '%U', `/proc/${pid}`])).trim()).toBe('debtorrent');
    expect(await box.script('stat -c "%U %a" /var/cache/debtorrent /var/lib/debtorrent')).toBe(
      'debtorrent 755\ndebtorrent 755\n',
    );
    expect(JSON.parse(await box.runWell(['debtorrent', 'apt', 'status', '--json']))).toMatchObject({
      enabled: true,
      inForce: true,
      probe: PROBE,
      daemon: 'http://127.0.0.1:9988',
    });
    await expectThroughDaemon(machine, 'small-a');
    await machine.apt('install', 'tiny');
    // What the archive's own lists say is known, and may be shared.
    const { releases } = await machine.status();
    expect(releases).toMatchObject([{ signed: 'public', shared: true }]);
  });

  test('apt works while the service is stopped, can not start, or has no program', async () => {
    await using scene = await open();
    const { machine } = scene;
    const { box } = machine;
    await machine.apt('update');
    await machine.apt('install', machine.bring(deb));
    await box.runWell(['systemctl', 'stop', 'debtorrent.socket', 'debtorrent.service']);
    expect(await box.show('debtorrent.service', 'ActiveState')).toBe('inactive');
    await expectAptWorks(machine);

    box.write('/etc/debtorrent/debtorrent.toml', 'no_such_setting = 1\n');
    const started = await box.run(['systemctl', 'start', 'debtorrent.service']);
    expect(started.code).not.toBe(0);
    // It isn't tried again and again: that wouldn't help.
    expect(await box.show('debtorrent.service', 'NRestarts')).toBe('0');
    expect(await box.journal()).toContain('no_such_setting');
    await expectAptWorks(machine);
    // A package's own script must not fail for it, either.
    await machine.apt('install', '--reinstall', machine.bring(deb));
    await expectAptWorks(machine);

    await box.script(
      'mv /usr/bin/debtorrent /root; systemctl stop debtorrent.socket; systemctl start debtorrent.socket',
    );
    await expectAptWorks(machine);
  });

  test('upgraded: the cache is kept, the socket never closes, apt works all the time', async () => {
    await using scene = await open();
    const { machine } = scene;
    const { box } = machine;
    await machine.apt('update');
    await machine.apt('install', machine.bring(deb));
    await expectThroughDaemon(machine, 'medium');
    const { store } = await machine.status();
    const facts = async () => ({
      socket: await box.show('debtorrent.socket', 'ActiveEnterTimestampMonotonic'),
      pid: await box.show('debtorrent.service', 'MainPID'),
    });
    const before = await facts();
    const end = await aptAtWork(machine);
    await machine.apt('install', machine.bring(await newer('99.0')));
    expect(new Set(await end())).toEqual(new Set(['0']));
    const after = await facts();
    expect(after.socket).toBe(before.socket);
    expect(after.pid).not.toBe(before.pid);
    expect((await machine.status()).store.files).toBeGreaterThanOrEqual(store.files);
    expect(await box.runWell(['dpkg-query', '-f', '\u0024{Version}', '-W', 'debtorrent'])).toBe('99.0');
  });

  test("removed, installed again, purged: apt works all the time, the administrator's changes stay, then nothing is left", async () => {
    await using scene = await open();
    const { machine } = scene;
    const { box } = machine;
    await machine.apt('update');
    const before = await changed(machine);
    await machine.apt('install', machine.bring(deb));
    await expectThroughDaemon(machine, 'medium');
    const edited = `${box.read(CONF)}// by hand\n`;
    box.write(CONF, edited);
    box.write(
      '/etc/apt/sources.list.d/by-method.sources',
      'Types: deb\nURIs: debtorrent+http://ftp.de.debian.org/debian\nSuites: bookworm\nComponents: main\n',
    );
    const end = await aptAtWork(machine);

    const removed = await machine.apt('remove', 'debtorrent');
    expect(removed).toContain('/etc/apt/sources.list.d/by-method.sources');
    await box.script('rm /etc/apt/sources.list.d/by-method.sources');
    expect(
      await box.run(['ls', CONF, PROBE, '/usr/bin/debtorrent', '/usr/lib/apt/methods/debtorrent+http']),
    ).toMatchObject({ stdout: '' });
    expect(await box.run(['systemctl', 'is-active', 'debtorrent.socket'])).toMatchObject({
      stdout: 'inactive\n',
    });
    await expectAptWorks(machine);

    await machine.apt('install', machine.bring(deb));
    expect(box.read(CONF)).toBe(edited);
    expect((await machine.status()).store.files).toBeGreaterThan(0);
    await expectThroughDaemon(machine, 'medium');

    await machine.apt('purge', 'debtorrent');
    expect(new Set(await end())).toEqual(new Set(['0']));
    await expectAptWorks(machine);
    const left = [...(await changed(machine))].filter((path) => !before.has(path));
    expect(left.filter((path) => !ACCOUNTS.test(path))).toEqual([]);
    expect((await box.script('grep -s debtorrent /etc/{passwd,group,shadow,gshadow} || true')).trim()).toBe(
      '',
    );
  });

  test("the line for apt: what is deleted stays deleted, what was enabled by hand becomes the package's", async () => {
    await using scene = await open();
    const { machine } = scene;
    const { box } = machine;
    await machine.apt('update');
    const there = machine.bring(deb);
    // As somebody has it who used the binary alone.
    await box.script(`dpkg-deb -x ${there} /opt/debtorrent; /opt/debtorrent/usr/bin/debtorrent apt enable`);
    await machine.apt('install', there);
    expect(box.read(CONF)).toContain(PROBE);
    await box.runWell(['debtorrent', 'apt', 'disable']);
    expect(await box.run(['ls', CONF, PROBE])).toMatchObject({ stdout: `${PROBE}\n` });
    await machine.apt('remove', 'debtorrent');
    await machine.apt('install', there);
    expect(existsSync(box.path(CONF))).toBe(false);
    await expectAptWorks(machine);
    await box.runWell(['debtorrent', 'apt', 'enable']);
    // dpkg's own, to the byte: it has no question at the next upgrade.
    expect(await box.run(['dpkg', '--verify', 'debtorrent'])).toMatchObject({ output: '' });
    await expectThroughDaemon(machine, 'small-c');
  });

  test('debian/tests (autopkgtest) pass', async () => {
    await using scene = await open();
    const { machine } = scene;
    await machine.apt('update');
    await machine.apt('install', machine.bring(deb));
    const script = machine.bring(join(import.meta.dir, '../../debian/tests/apt'));
    await machine.box.runWell(['bash', script], { timeoutMs: 120_000 });
  });

  test('from its installation on two machines to the first package from the other one: under two minutes', async () => {
    await using network = await Network.open();
    await using mirror = await MirrorServer.start(archive.root, network.address);
    await using first = await DebianMachine.boot(archive, mirror, await network.machine());
    await using second = await DebianMachine.boot(archive, mirror, await network.machine());
    const startMs = performance.now();
    // What README tells to do, and what people do then.
    for (const machine of [first, second]) {
      await machine.apt('install', machine.bring(deb));
      await machine.apt('update');
    }
    await first.apt('install', 'medium');
    mirror.clearLog();
    await second.apt('install', 'medium');
    const seconds = (performance.now() - startMs) / 1000;
    console.log(
      `${seconds.toFixed(1)} s from the installation on two machines to a package from the other one`,
    );
    const { bytes } = await second.status();
    expect(bytes.fromLan).toBeGreaterThanOrEqual(archive.file('medium').sizeBytes);
    expect(seconds).toBeLessThan(120);
    expect(mirror.log.filter(({ path }) => path.includes('/medium_'))).toEqual([]);
  });
});

/**
 * Debian's unattended-upgrades, the real one, as it runs by night on a machine of its own: what it downloads by
 * python3-apt comes by the proxy that `apt enable` names or by our method, and dpkg installs it. Needs root and
 * unattended-upgrades.
 */
import { expect, test } from 'bun:test';
import { MirrorServer } from '../fixtures/mirror-server.ts';
import { Scene } from '../fixtures/scene.ts';
import { type PackageSpec, SignedRepository } from '../fixtures/signed-repository.ts';
import { prepareRoot, SpareRoot } from '../fixtures/spare-root.ts';
import { uriBy, WAYS } from '../fixtures/ways.ts';

const NAMES = ['thing', 'libplus++', 'engine', 'untouched'];
const BASE: readonly PackageSpec[] = NAMES.map((name) => ({ name, payloadBytes: 20_000 }));
const SECURITY: readonly PackageSpec[] = [
  { name: 'thing', version: '1.0-1+deb1u1', payloadBytes: 20_000 },
  { name: 'libplus++', version: '1:2.0~rc1-1', payloadBytes: 200_000 },
  { name: 'engine', version: '2.0-1', payloadBytes: 3_000_000, architecture: 'all' },
];

/** As Debian ships it, for this archive. */
const SETTINGS = `Unattended-Upgrade::Origins-Pattern { "origin=Example,codename=\${distro_codename}-security"; };
Unattended-Upgrade::OnlyOnACPower "false";
Unattended-Upgrade::Keep-Debs-After-Install "false";
`;

test.each(WAYS)('upgrades by way of %s', async (way) => {
  using base = await SignedRepository.build({ packages: BASE, codename: 'bookworm' });
  using security = await SignedRepository.build({
    ...{ packages: SECURITY, suite: 'stable-security', codename: 'bookworm-security' },
  });
  await using scene = Scene.around(base, await MirrorServer.start(base.root));
  await using mirror = await MirrorServer.start(security.root, '127.0.0.2');
  const daemon = await scene.daemon({ args: ['--allow-upstream', mirror.hostPort] });
  await using root = await SpareRoot.open();
  await prepareRoot(way, root, daemon);

  const line = (archive: SignedRepository, url: string) => {
    const keyring = `/etc/apt/keyrings/${archive.codename}.gpg`;
    root.copy(archive.keyring, keyring);
    return `deb [signed-by=${keyring}] ${uriBy(way, url)} ${archive.codename} main\n`;
  };
  root.write('/etc/apt/sources.list', line(base, scene.mirror.url));
  const well = async (...command: string[]) => {
    const ran = await root.run(command, { timeoutMs: 120_000 });
    if (ran.code !== 0) throw new Error(`${command.join(' ')} ended with ${ran.code}:\n${ran.output}`);
    expect(ran.output).not.toMatch(/^(?:Err|Ign|[EW]):/m);
    return ran;
  };
  const installed = async () => {
    const { stdout } = await well('dpkg-query', '--show', ...NAMES);
    return stdout.trim().replaceAll('\t', ' ').split('\n').sort();
  };
  await well('apt-get', 'update', '-q');
  await well('apt-get', 'install', '-q', '--yes', ...NAMES);
  expect(await installed()).toEqual(NAMES.map((name) => `${name} 1.0-1`).sort());

  root.write('/etc/apt/sources.list.d/security.list', line(security, mirror.url));
  root.write('/etc/apt/apt.conf.d/50unattended-upgrades', SETTINGS);
  await well('apt-get', 'update', '-q');
  const ran = await well('unattended-upgrade', '--debug');
  expect(ran.output).toContain('All upgrades installed');
  expect(await installed()).toEqual([
    'engine 2.0-1',
    'libplus++ 1:2.0~rc1-1',
    'thing 1.0-1+deb1u1',
    'untouched 1.0-1',
  ]);
  // All by the daemon, each file once, and kept.
  expect(mirror.log.every(({ headers }) => headers.has('via'))).toBe(true);
  expect(mirror.poolRequests).toHaveLength(SECURITY.length);
  const { store } = await daemon.status();
  expect(store.files).toBeGreaterThanOrEqual(BASE.length + SECURITY.length);
});

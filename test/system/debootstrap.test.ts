/**
 * Debian's debootstrap, the real one, makes the first stage of a system from a small archive: by the proxy that apt's
 * settings find (it runs the probe without a URI), by $http_proxy, and by the URL of a daemon; a second node has the
 * packages from the first. And mmdebstrap. Needs root, debootstrap and mmdebstrap.
 */
import { expect, test } from 'bun:test';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Daemon, DEBTORRENT } from '../fixtures/daemon.ts';
import { makePatient } from '../fixtures/patient-probe.ts';
import { type Ran, run, runWell } from '../fixtures/run.ts';
import {
  connected,
  expectPoolGaveNothing,
  expectPoolUntouched,
  inSwarm,
  leavePoolUnanswered,
  Scene,
} from '../fixtures/scene.ts';
import { type PackageSpec, SignedRepository } from '../fixtures/signed-repository.ts';
import { tempDir } from '../fixtures/temp-dir.ts';

const PACKAGES: readonly PackageSpec[] = [
  { name: 'base-example', payloadBytes: 40_000, priority: 'required', directories: ['dev', 'proc', 'root'] },
  { name: 'libplus++', version: '1:2.0+dfsg~rc1-1', payloadBytes: 5_000, priority: 'required' },
  { name: 'kernel-example', payloadBytes: 3_000_000, priority: 'required', architecture: 'all' },
  { name: 'editor-example', payloadBytes: 300_000, priority: 'important' },
  { name: 'not-wanted', payloadBytes: 1_000 },
];
const WANTED = PACKAGES.filter(({ priority }) => priority !== undefined).map(({ name }) => name);
/** Any of Debian's: the suite is a name of ours. */
const SCRIPT = '/usr/share/debootstrap/scripts/sid';

let archive: Promise<SignedRepository> | undefined;
function open(): Promise<Scene> {
  archive ??= SignedRepository.build({ packages: PACKAGES });
  return archive.then((its) => Scene.open(its));
}

interface Made extends Ran {
  readonly target: string;
}

/** The first stage below a new directory. `env`: how it is to find a proxy. */
async function debootstrap(
  scene: Scene,
  mirrorUrl: string,
  env: Readonly<Record<string, string>> = settings(scene),
): Promise<Made> {
  const folder = scene.use(tempDir('debootstrap'));
  const target = join(folder.path, 'system');
  const { keyring, codename } = scene.archive;
  const ran = await run(
    ['debootstrap', '--foreign', '--verbose', `--keyring=${keyring}`, codename, target, mirrorUrl, SCRIPT],
    { env, timeoutMs: 120_000 },
  );
  return { ...ran, target };
}

/** Every required and important package was unpacked or is ready to be; nothing was warned of. */
function expectMade({ archive }: Scene, { code, output, target }: Made): void {
  if (code !== 0) throw new Error(`debootstrap ended with ${code}:\n${output}`);
  expect(output).not.toMatch(/^[EW]:/m);
  const debs = readdirSync(join(target, 'var/cache/apt/archives')).filter((name) => name.endsWith('.deb'));
  expect(debs).toHaveLength(WANTED.length);
  const right = new Set(WANTED.map((name) => archive.file(name).sha256));
  for (const deb of debs) {
    const bytes = readFileSync(join(target, 'var/cache/apt/archives', deb));
    expect(right).toContain(new Bun.CryptoHasher('sha256').update(bytes).digest('hex'));
  }
  expect(existsSync(join(target, 'usr/share/kernel-example/payload'))).toBe(true);
}

/** An apt.conf that holds nothing yet, whatever this machine's says. */
function settings(scene: Scene): { readonly APT_CONFIG: string } {
  const folder = scene.use(tempDir('apt-settings'));
  chmodSync(folder.path, 0o755);
  mkdirSync(join(folder.path, 'etc/apt.conf.d'), { recursive: true });
  const main = join(folder.path, 'apt.conf');
  writeFileSync(main, `Dir::Etc "${folder.path}/etc"; Dir::Etc::Parts "apt.conf.d";\n`);
  return { APT_CONFIG: main };
}

/** With the probe that `apt enable` writes for `daemon`. */
async function withProbe(scene: Scene, daemon: Daemon): Promise<{ readonly APT_CONFIG: string }> {
  const env = settings(scene);
  const probe = join(dirname(env.APT_CONFIG), 'apt-probe');
  await runWell([...DEBTORRENT, 'apt', 'enable', '--probe', probe, '--url', daemon.proxyUrl], { env });
  makePatient(probe);
  return env;
}

test('finds the daemon by the probe, which it asks without a URI; what one node fetched another has from it', async () => {
  await using scene = await open();
  const first = await scene.daemon();
  const made = await debootstrap(scene, scene.mirror.url, await withProbe(scene, first));
  expect(made.output).toContain(`Using auto-detected proxy: ${first.proxyUrl}`);
  expectMade(scene, made);
  expect(scene.mirror.log.every(({ headers }) => headers.has('via'))).toBe(true);

  const second = await scene.daemon({ peers: [first.peerAddress] });
  await scene.apt(second);
  await inSwarm(scene, second);
  await connected(second);
  leavePoolUnanswered(scene);
  expectMade(scene, await debootstrap(scene, scene.mirror.url, await withProbe(scene, second)));
  expectPoolGaveNothing(scene, second);
  expect((await second.status()).bytes.fromPeers).toBeGreaterThan(3_000_000);
});

test('goes without a daemon that is gone', async () => {
  await using scene = await open();
  const daemon = await scene.daemon();
  const config = await withProbe(scene, daemon);
  await daemon.kill9();
  const made = await debootstrap(scene, scene.mirror.url, config);
  expect(made.output).not.toContain('auto-detected');
  expectMade(scene, made);
  expect(scene.mirror.log.some(({ headers }) => headers.has('via'))).toBe(false);
});

test('by $http_proxy, and by the URL of the daemon: what came the first time is there the second', async () => {
  await using scene = await open();
  const daemon = await scene.daemon();
  expectMade(
    scene,
    await debootstrap(scene, scene.mirror.url, { ...settings(scene), http_proxy: daemon.proxyUrl }),
  );
  scene.mirror.clearLog();
  expectMade(scene, await debootstrap(scene, daemon.urlFor(scene.mirror)));
  expectPoolUntouched(scene, daemon);
});

test('mmdebstrap, which has everything fetched by apt', async () => {
  await using scene = await open();
  const daemon = await scene.daemon();
  const folder = scene.use(tempDir('mmdebstrap'));
  const target = join(folder.path, 'system');
  const { keyring, suite } = scene.archive;
  const ran = await run(
    [
      ...['mmdebstrap', '--mode=root', '--variant=extract', '--format=directory', '--skip=check/qemu'],
      ...[`--include=${WANTED.join(',')}`, `--aptopt=Acquire::http::Proxy "${daemon.proxyUrl}"`],
      ...[suite, target, `deb [signed-by=${keyring}] ${scene.mirror.url} ${suite} main`],
    ],
    { timeoutMs: 120_000 },
  );
  if (ran.code !== 0) throw new Error(`mmdebstrap ended with ${ran.code}:\n${ran.output}`);
  for (const name of WANTED) expect(existsSync(join(target, 'usr/share', name, 'payload'))).toBe(true);
  expect(scene.mirror.log.every(({ headers }) => headers.has('via'))).toBe(true);
});

/**
 * apt 3 of Debian 13, with sqv for signatures and no gpgv at all, in a root directory that test/fixtures/other-apt.sh
 * has made of its packages: the same by the proxy and by the method as with apt 2.6. Needs root.
 */
import { expect, test } from 'bun:test';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ALL, testArchive } from '../fixtures/archive.ts';
import { eventually } from '../fixtures/eventually.ts';
import type { Ran } from '../fixtures/run.ts';
import { Scene } from '../fixtures/scene.ts';
import { prepareRoot, SpareRoot } from '../fixtures/spare-root.ts';
import { uriBy, WAYS, type Way } from '../fixtures/ways.ts';

/** As .ci/run makes it. */
const APT_3 = '/var/tmp/debtorrent-apt-trixie';

/** That apt, with a deb822 source for the scene's archive; asks nobody yet. */
async function apt3(scene: Scene, way: Way): Promise<SpareRoot> {
  if (!existsSync(APT_3))
    throw new Error(`there is no apt 3: bash test/fixtures/other-apt.sh trixie ${APT_3}`);
  const root = scene.use(await SpareRoot.over(APT_3));
  root.copy(scene.archive.keyring, '/etc/apt/keyrings/example.gpg');
  root.write(
    '/etc/apt/sources.list.d/example.sources',
    `Types: deb
URIs: ${uriBy(way, scene.mirror.url)}
Suites: ${scene.archive.suite}
Components: main
Signed-By: /etc/apt/keyrings/example.gpg
`,
  );
  return root;
}

async function apt(root: SpareRoot, ...args: string[]): Promise<Ran> {
  const options = [
    'APT::Update::Error-Mode=any',
    'Acquire::Check-Valid-Until=true',
    'Acquire::Languages=none',
  ];
  const ran = await root.run(['apt', '--quiet', ...options.flatMap((each) => ['-o', each]), ...args], {
    timeoutMs: 120_000,
  });
  if (ran.code !== 0) throw new Error(`apt ${args.join(' ')} ended with ${ran.code}:\n${ran.output}`);
  return ran;
}

function expectInCache(root: SpareRoot, scene: Scene, names: readonly string[]): void {
  const directory = join(root.path, 'var/cache/apt/archives');
  const debs = readdirSync(directory).filter((name) => name.endsWith('.deb'));
  const hash = (deb: string) =>
    new Bun.CryptoHasher('sha256').update(readFileSync(join(directory, deb))).digest('hex');
  expect(debs.map(hash).sort()).toEqual(names.map((name) => scene.archive.file(name).sha256).sort());
}

test('it is apt 3, which has its signatures verified by sqv', async () => {
  await using scene = await Scene.open(await testArchive());
  const root = await apt3(scene, 'the proxy');
  expect((await apt(root, '--version')).stdout).toMatch(/^apt 3\./);
  expect(existsSync(join(root.path, 'usr/bin/gpgv'))).toBe(false);
  // Of a mirror that it asks itself, and only with the right key.
  await apt(root, 'update');
  root.copy('/usr/share/keyrings/debian-archive-bookworm-stable.gpg', '/etc/apt/keyrings/example.gpg');
  const other = await root.run(['apt-get', 'update', '-o', 'APT::Update::Error-Mode=any']);
  expect(other.code).toBe(100);
  expect(other.output).toMatch(/sqv/);
});

test.each(WAYS)('by way of %s: update, install, and update again', async (way) => {
  await using scene = await Scene.open(await testArchive());
  const daemon = await scene.daemon();
  const root = await apt3(scene, way);
  await prepareRoot(way, root, daemon);
  const update = await apt(root, 'update');
  const install = await apt(root, 'install', '--yes', '--download-only', ...ALL);
  expectInCache(root, scene, ALL);
  expect(`${update.output}${install.output}`).not.toMatch(/^\s*(?:Err|Ign|W|E|Warning|Error):/m);
  expect(scene.mirror.poolRequests).toHaveLength(ALL.length);
  expect(scene.mirror.log.every(({ headers }) => headers.has('via'))).toBe(true);
  expect((await apt(root, 'update')).output).toMatch(/^Hit:1/m);
});

test.each(WAYS)('by way of %s: the daemon is killed in the middle of an install', async (way) => {
  await using scene = await Scene.open(await testArchive());
  const daemon = await scene.daemon({ supervised: true });
  const root = await apt3(scene, way);
  await prepareRoot(way, root, daemon);
  await apt(root, 'update');
  scene.mirror.totalBytesPerSecond = 8_000_000;
  const installing = apt(root, 'install', '--yes', '--download-only', ...ALL);
  await eventually('it is in the middle', () => scene.mirror.poolBytes > 4_000_000);
  const { daemon: serving } = JSON.parse(readFileSync(join(daemon.stateDir, 'processes.json'), 'utf8'));
  process.kill(Number(serving.split(' ')[0]), 'SIGKILL');
  await installing;
  expectInCache(root, scene, ALL);
});

/**
 * What the documents tell administrators to type, typed: each document on a copy of this machine that has DebTorrent as its
 * package leaves it, with a daemon at the usual port. Needs root, nftables and ufw.
 */
import { expect, test } from 'bun:test';
import { type CodeBlock, codeBlocksOf, USER_DOCUMENTS } from '../docs/code-blocks.ts';
import { testArchive } from '../fixtures/archive.ts';
import { DEBTORRENT } from '../fixtures/daemon.ts';
import { eventually } from '../fixtures/eventually.ts';
import { Scene } from '../fixtures/scene.ts';
import { SpareRoot } from '../fixtures/spare-root.ts';
import { errorOf } from '../fixtures/world.ts';

const QUIET = ['--no-lan', '--no-dht', '--no-port-mapping', '--apt-lists', 'none', '--dpkg-status', 'none'];

/** With nftables' usual table, and APT set up to use the daemon that runs there. */
async function machine(scene: Scene): Promise<SpareRoot> {
  const root = scene.use(await SpareRoot.open());
  const [program = ''] = DEBTORRENT;
  root.copy(program, '/usr/bin/debtorrent');
  root.write('/etc/debtorrent/debtorrent.toml', '');
  root.copy(scene.archive.keyring, '/etc/apt/keyrings/example.gpg');
  const { mirror, archive } = scene;
  root.write(
    '/etc/apt/sources.list',
    `deb [signed-by=/etc/apt/keyrings/example.gpg] ${mirror.url} ${archive.suite} main\n`,
  );
  const set = await root.run(['bash', '-euc', 'chmod 755 /usr/bin/debtorrent; nft -f /etc/nftables.conf']);
  expect(set.output).toBe('');
  const folders = ['--cache-dir', '/var/cache/debtorrent', '--state-dir', '/var/lib/debtorrent'];
  const daemon = Bun.spawn(
    ['chroot', root.path, 'debtorrent', 'serve', '--no-supervise', ...QUIET, ...folders],
    { stdio: ['ignore', 'ignore', 'ignore'] },
  );
  scene.use({
    async [Symbol.asyncDispose]() {
      daemon.kill('SIGTERM');
      await daemon.exited;
    },
  });
  await eventually('the daemon answers', async () => (await root.run(['debtorrent', 'status'])).code === 0);
  const enabled = await root.run(['debtorrent', 'apt', 'enable']);
  if (enabled.code !== 0) throw new Error(`apt enable: ${enabled.output}`);
  return root;
}

/** Runs it as it stands there, or has the settings in it read. */
async function type(root: SpareRoot, { at, language, text }: CodeBlock): Promise<void> {
  const settings = language === 'toml';
  root.write('/tmp/block', settings ? text : `set -euo pipefail\n${text}`);
  const command = settings ? ['debtorrent', 'config', '--config', '/tmp/block'] : ['bash', '/tmp/block'];
  const ran = await root.run(command, { env: { HOME: '/root' } });
  if (ran.code !== 0) throw new Error(`${at} ended with ${ran.code}:\n${text}\n${ran.output}`);
}

const typed = (path: string) =>
  codeBlocksOf(path).filter(
    ({ language, note }) => (language === 'sh' && note === '') || language === 'toml',
  );

test.each(USER_DOCUMENTS.filter((path) => typed(path).length > 0))(
  'what %s tells to type works',
  async (path) => {
    await using scene = await Scene.open(await testArchive());
    const root = await machine(scene);
    for (const block of typed(path)) await type(root, block);
  },
);

test('what does not work is found, and where it stands', async () => {
  await using scene = await Scene.open(await testArchive());
  const root = await machine(scene);
  const wrong = { at: 'x.md:1', note: '' };
  const script = { ...wrong, language: 'sh', text: 'debtorrent status --jsn\ntrue\n' };
  expect((await errorOf(type(root, script))).message).toContain('x.md:1 ended with 2');
  const settings = { ...wrong, language: 'toml', text: 'cache_limt = 1\n' };
  expect((await errorOf(type(root, settings))).message).toContain('cache_limit');
});

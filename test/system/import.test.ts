/**
 * Importing what apt has fetched where no hard link is to be had: another user's files (as the service finds them, with
 * fs.protected_hardlinks), another file system, a read-only one. Needs root, for users and mounts of its own.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { chmodSync, chownSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { AptClient } from '../fixtures/apt-client.ts';
import { expectRight, testArchive } from '../fixtures/archive.ts';
import { DEBTORRENT } from '../fixtures/daemon.ts';
import { freePort } from '../fixtures/free-port.ts';
import { MirrorServer } from '../fixtures/mirror-server.ts';
import { run, runWell } from '../fixtures/run.ts';
import { Scene } from '../fixtures/scene.ts';
import { type TempDir, tempDir } from '../fixtures/temp-dir.ts';

const NAMES = ['tiny', 'small-a'];
const NOBODY = 65534;
const AS_NOBODY = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];

let scene: Scene;
let client: AptClient;

beforeAll(async () => {
  const archive = await testArchive();
  scene = Scene.around(archive, await MirrorServer.start(archive.root));
  client = scene.use(new AptClient({ repository: archive, url: scene.mirror.url, proxy: 'DIRECT' }));
  expect(await client.update()).toMatchObject({ code: 0 });
  expectRight(archive, await client.install(NAMES), NAMES);
  // As /var/cache/apt is: others may look into it.
  chmodSync(join(client.archives, '../..'), 0o755);
});
afterAll(() => scene[Symbol.asyncDispose]());

/** Where the cache is, owned by nobody. */
function place(): TempDir {
  const directory = tempDir('import');
  chmodSync(directory.path, 0o755);
  for (const name of ['cache', 'state']) {
    mkdirSync(join(directory.path, name));
    chownSync(join(directory.path, name), NOBODY, NOBODY);
  }
  return directory;
}

/** What came of `cache import`, where no daemon runs, of the client's archives or what is mounted of them elsewhere. */
async function importInto({ path }: TempDir, prefix: readonly string[] = [], from = client.archives) {
  const { stdout } = await runWell([
    ...prefix,
    ...[...DEBTORRENT, 'cache', 'import', from, '--json', '--apt-lists', client.lists],
    ...['--url', `http://127.0.0.1:${await freePort()}`],
    ...['--cache-dir', join(path, 'cache'), '--state-dir', join(path, 'state')],
  ]);
  return JSON.parse(stdout) as { added: number; linked: number; refused: string[] };
}

test("another user's files are copied where the system forbids a link, and are as they were", async () => {
  using directory = place();
  const mayLink = readFileSync('/proc/sys/fs/protected_hardlinks', 'utf8').trim() === '0';
  expect(await importInto(directory, AS_NOBODY)).toMatchObject({
    added: NAMES.length,
    linked: mayLink ? NAMES.length : 0,
    refused: [],
  });
  const { stdout } = await run(['find', join(directory.path, 'cache/files'), '-type', 'f']);
  for (const path of stdout.trim().split('\n')) {
    expect(statSync(path).uid).toBe(mayLink ? 0 : NOBODY);
    expect(await sha256sum(path)).toBe(path.split('/').pop() as string);
  }
});

test('a cache on another file system has copies', async () => {
  using directory = place();
  const cache = join(directory.path, 'cache');
  await runWell(['mount', '-t', 'tmpfs', 'tmpfs', cache]);
  try {
    expect(await importInto(directory)).toMatchObject({ added: NAMES.length, linked: 0, refused: [] });
  } finally {
    await runWell(['umount', cache]);
  }
});

test('archives that are mounted read-only are copied, and only read', async () => {
  using directory = place();
  const mounted = join(directory.path, 'archives');
  mkdirSync(mounted);
  await runWell(['mount', '--bind', '-o', 'ro', client.archives, mounted]);
  try {
    expect(await importInto(directory, [], mounted)).toMatchObject({
      added: NAMES.length,
      linked: 0,
      refused: [],
    });
  } finally {
    await runWell(['umount', mounted]);
  }
});

test('a daemon of another user says at its start what it could not link, and what would', async () => {
  using directory = place();
  const { path } = directory;
  const child = Bun.spawn(
    [
      ...[
        ...AS_NOBODY,
        ...DEBTORRENT,
        'serve',
        '--no-supervise',
        '--listen',
        `127.0.0.1:${await freePort()}`,
      ],
      ...['--no-lan', '--no-dht', '--no-port-mapping', '--peer-listen', '127.0.0.1:0'],
      ...['--cache-dir', join(path, 'cache'), '--state-dir', join(path, 'state')],
      ...['--apt-lists', client.lists, '--import', client.archives],
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const decoder = new TextDecoder();
  let log = '';
  const mayLink = readFileSync('/proc/sys/fs/protected_hardlinks', 'utf8').trim() === '0';
  const last = mayLink ? 'took in 2 of the 2 packages' : 'copies what it can';
  for await (const chunk of child.stderr) {
    log += decoder.decode(chunk, { stream: true });
    if (log.includes(last)) break;
  }
  child.kill('SIGTERM');
  expect(await child.exited).toBe(0);
  if (!mayLink) expect(log).toContain("it can't be linked");
});

async function sha256sum(path: string): Promise<string> {
  return new Bun.CryptoHasher('sha256').update(await Bun.file(path).bytes()).digest('hex');
}

/**
 * The ways in which a machine's apt may be set up to ask: sources of every form, settings that change how apt fetches,
 * its other programs. A real apt gets the right files by the proxy and by the method, and what one client has had
 * costs the mirror nothing for the next.
 */
import { describe, expect, test } from 'bun:test';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as openpgp from 'openpgp';
import { AptClient, type AptClientOptions } from '../fixtures/apt-client.ts';
import { expectRight, SINGLE_PIECE, testArchive } from '../fixtures/archive.ts';
import type { Daemon } from '../fixtures/daemon.ts';
import { MirrorServer } from '../fixtures/mirror-server.ts';
import { expectPoolUntouched, Scene } from '../fixtures/scene.ts';
import type { SignedRepository } from '../fixtures/signed-repository.ts';
import { tempDir } from '../fixtures/temp-dir.ts';
import { optionsBy, uriBy, WAYS, type Way } from '../fixtures/ways.ts';

type More = Partial<AptClientOptions>;

/** After its update, which must go without a word of complaint. */
async function aptBy(way: Way, scene: Scene, daemon: Daemon, more: More = {}): Promise<AptClient> {
  const { options, ...others } = more;
  const client = new AptClient({
    ...{ repository: scene.archive, url: uriBy(way, scene.mirror.url) },
    ...optionsBy(way, daemon, (life) => scene.use(life), options),
    ...others,
  });
  scene.use(client);
  const ran = await client.update();
  if (ran.code !== 0) throw new Error(`update ended with ${ran.code}:\n${ran.output}\n${daemon.log}`);
  expect(ran.output).not.toMatch(/^(?:Err|[EW]):/m);
  return client;
}

/** Two clients of one daemon have the packages; for the second, the mirror's pool is left alone. */
async function expectServed(way: Way, scene: Scene, daemon: Daemon, more: More = {}): Promise<AptClient> {
  const first = await aptBy(way, scene, daemon, more);
  expectRight(scene.archive, await first.install(SINGLE_PIECE), SINGLE_PIECE);
  expect(scene.mirror.poolRequests).toHaveLength(SINGLE_PIECE.length);
  scene.mirror.clearLog();
  const second = await aptBy(way, scene, daemon, more);
  expectRight(scene.archive, await second.install(SINGLE_PIECE), SINGLE_PIECE);
  expectPoolUntouched(scene, daemon);
  return second;
}

const SETTINGS = [
  'Acquire::http::Pipeline-Depth=0',
  'Acquire::Max-Pipeline-Depth=1',
  'Acquire::Queue-Mode=access',
  'Acquire::By-Hash=no',
  'Acquire::GzipIndexes=true',
  'Acquire::CompressionTypes::Order::=gz',
  'Acquire::http::No-Cache=true',
  'Acquire::http::Dl-Limit=4000',
  'Acquire::Send-URI-Encoded=false',
];

interface Form {
  readonly form: string;
  /** All of a file of sources, given the archive, its URI as the way has it, and an armoured key. */
  readonly sources: (archive: SignedRepository, uri: string, key: string) => string;
  /** Whether it is in deb822's form. */
  readonly isStanza?: boolean;
}

const FORMS: readonly Form[] = [
  {
    form: 'all options of a line',
    sources: ({ keyring, codename }, uri) =>
      `deb [ arch=amd64 lang=none target-=Contents-deb by-hash=force pdiffs=no check-date=yes signed-by=${keyring} ] ${uri}/ ${codename} main\n`,
  },
  {
    form: 'a slash too many, and a host in capitals',
    sources: ({ keyring, suite }, uri) =>
      `deb [signed-by=${keyring}] ${uri.replace('127.0.0.1', 'LOCALHOST')}// ${suite} main\n`,
  },
  {
    form: 'a deb822 stanza with its key in it, one that is not enabled, suites by two names',
    isStanza: true,
    sources: ({ suite, codename }, uri, key) =>
      `Types: deb
URIs: ${uri}
Suites: ${suite} ${codename}
Components: main
Signed-By:
${key
  .trim()
  .split('\n')
  .map((line) => ` ${line.trim() === '' ? '.' : line.trim()}\n`)
  .join('')}
Enabled: no
Types: deb
URIs: http://nowhere.invalid/debian
Suites: ${suite}
Components: main
`,
  },
];

describe.each(WAYS)('by way of %s', (way) => {
  test.each(SETTINGS)('%s', async (option) => {
    await using scene = await Scene.open();
    await expectServed(way, scene, await scene.daemon(), { options: [option] });
  });

  test.each(FORMS)('$form', async ({ sources, isStanza = false }) => {
    await using scene = await Scene.open();
    const daemon = await scene.daemon({ args: ['--allow-upstream', `localhost:${scene.mirror.port}`] });
    const { keyring } = scene.archive;
    const key = await openpgp.readKey({ binaryKey: readFileSync(keyring) });
    const text = sources(scene.archive, uriBy(way, scene.mirror.url), key.armor());
    const folder = scene.use(tempDir('sources'));
    const path = join(folder.path, isStanza ? 'example.sources' : 'example.list');
    writeFileSync(path, text);
    await expectServed(way, scene, daemon, { sources: '', options: [`Dir::Etc::SourceList=${path}`] });
  });

  test('an IPv6 address', async () => {
    const archive = await testArchive();
    await using scene = Scene.around(archive, await MirrorServer.start(archive.root, '::1'));
    await expectServed(way, scene, await scene.daemon());
  });

  // A list that came by http may name http mirrors only, so none of the method.
  test.each(way === 'the proxy' ? ['mirror+file', 'mirror+http'] : ['mirror+file'])(
    '%s: a list of mirrors, the first of which is gone',
    async (scheme) => {
      await using scene = await Scene.open();
      const gone = await MirrorServer.start(scene.archive.root);
      await gone[Symbol.asyncDispose]();
      const folder = scene.use(tempDir('mirrors'));
      const list = join(folder.path, 'mirrors.txt');
      const lines = [gone, scene.mirror].map(({ url }, i) => `${uriBy(way, url)}/\tpriority:${i + 1}\n`);
      writeFileSync(list, lines.join(''));
      const lists = scene.use(await MirrorServer.start(folder.path));
      const daemon = await scene.daemon({
        args: [gone, lists].flatMap(({ hostPort }) => ['--allow-upstream', hostPort]),
      });
      const { keyring, suite } = scene.archive;
      const where = scheme === 'mirror+file' ? `mirror+file:${list}` : `mirror+${lists.url}/mirrors.txt`;
      const client = await aptBy(way, scene, daemon, {
        sources: `deb [signed-by=${keyring}] ${where} ${suite} main\n`,
        options: ['Acquire::Retries=0'],
      });
      expectRight(scene.archive, await client.install(SINGLE_PIECE), SINGLE_PIECE);
      expect((await daemon.status()).store.files).toBeGreaterThanOrEqual(SINGLE_PIECE.length);
    },
  );

  test('a second update is a hit', async () => {
    await using scene = await Scene.open();
    const daemon = await scene.daemon();
    const client = await aptBy(way, scene, daemon);
    for (let i = 0; i < 2; i += 1) {
      const { output } = await client.update();
      expect(output).toMatch(/^Hit:1/m);
      expect(output).not.toContain('Get:');
    }
  });

  test('the program apt', async () => {
    await using scene = await Scene.open();
    const apt = await expectServed(way, scene, await scene.daemon(), { program: 'apt' });
    expectRight(scene.archive, await apt.download(SINGLE_PIECE), SINGLE_PIECE);
  });

  test('a password in auth.conf, which apt gives to the server alone', async () => {
    await using scene = await Scene.open();
    await using guarded = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      fetch: async (request) =>
        request.headers.get('authorization') === `Basic ${btoa('me:hidden')}`
          ? await fetch(`${scene.mirror.url}${new URL(request.url).pathname}`, {
              decompress: false,
              proxy: false,
            } as RequestInit)
          : new Response('who are you?\n', { status: 401 }),
    });
    const daemon = await scene.daemon({ args: ['--allow-upstream', `127.0.0.1:${guarded.port}`] });
    const folder = scene.use(tempDir('auth'));
    const netrc = join(folder.path, 'auth.conf');
    const url = `http://127.0.0.1:${guarded.port}`;
    writeFileSync(netrc, `machine ${url} login me password hidden\n`);
    const client = await aptBy(way, scene, daemon, {
      url: uriBy(way, url),
      options: [`Dir::Etc::netrc=${netrc}`],
    });
    expectRight(scene.archive, await client.install(SINGLE_PIECE), SINGLE_PIECE);
    const { store, releases } = await daemon.status();
    expect([store.files, releases]).toEqual([0, []]);
  });

  test('apt-get changelog', async () => {
    await using scene = await Scene.open();
    const text = 'tiny (1.0-1) stable; urgency=medium\n';
    const folder = scene.use(tempDir('changelogs'));
    mkdirSync(join(folder.path, 'changelogs/main/t/tiny'), { recursive: true });
    writeFileSync(join(folder.path, 'changelogs/main/t/tiny/tiny_1.0-1_changelog'), text);
    await using changelogs = await MirrorServer.start(folder.path);
    const uri = uriBy(way, `${changelogs.url}/changelogs/@CHANGEPATH@_changelog`);
    const daemon = await scene.daemon({ args: ['--allow-upstream', changelogs.hostPort] });
    const client = await aptBy(way, scene, daemon, {
      options: [`Acquire::Changelogs::URI::Override::Origin::${scene.archive.origin}=${uri}`],
    });
    expect(await client.changelog('tiny')).toBe(text);
    expect(changelogs.log.map(({ headers }) => headers.has('via'))).toEqual([true]);
  });
});

/**
 * The recipes of docs/repository-hosts.md, run as they stand there with the real apt-ftparchive, reprepro and aptly: the
 * signed Release then lists a .dtorrent that states the archive's own files, trackers and roots.
 */
import { beforeAll, expect, test } from 'bun:test';
import {
  appendFileSync,
  chmodSync,
  cpSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { splitClearSigned } from '../../src/archive/clearsign.ts';
import { parseRelease } from '../../src/archive/release.ts';
import { sha256Of } from '../../src/lib/sha256.ts';
import { decodeDtorrent } from '../../src/torrent/dtorrent.ts';
import { atEnd } from '../fixtures/at-end.ts';
import { DEBTORRENT } from '../fixtures/daemon.ts';
import { run, runWell } from '../fixtures/run.ts';
import { SignedRepository } from '../fixtures/signed-repository.ts';
import { tempDir } from '../fixtures/temp-dir.ts';

const DOC = readFileSync(join(import.meta.dir, '../../docs/repository-hosts.md'), 'utf8');
const TRACKER = 'http://tracker.example.org:6969/announce';
const INDEX = 'main/binary-amd64/Packages.dtorrent';

/** The block of the document that is marked so. */
function recipe(name: string): string {
  const block = new RegExp(`^\`\`\`\\w+ ${name}\\n(.*?)^\`\`\`$`, 'ms').exec(DOC)?.[1];
  if (block === undefined) throw new Error(`docs/repository-hosts.md has no block ${name}`);
  return block;
}

/** A host's machine: packages, a key without a passphrase, and debtorrent in its PATH. */
let home: string;
let debs: string[];
let environment: Record<string, string>;

beforeAll(async () => {
  const directory = tempDir('repository-hosts');
  atEnd(() => directory[Symbol.dispose]());
  home = directory.path;
  using source = await SignedRepository.build({
    packages: [
      { name: 'tiny', payloadBytes: 300 },
      { name: 'medium', payloadBytes: 3_000_000 },
    ],
  });
  mkdirSync(join(home, 'debs'));
  debs = [...source.packages.values()].map(({ path }) => {
    const deb = join(home, 'debs', path.split('/').at(-1) as string);
    cpSync(join(source.root, path), deb);
    return deb;
  });
  mkdirSync(join(home, 'bin'));
  symlinkSync(DEBTORRENT[0] as string, join(home, 'bin/debtorrent'));
  mkdirSync(join(home, 'gnupg'), { mode: 0o700 });
  environment = {
    PATH: `${join(home, 'bin')}:${process.env.PATH}`,
    HOME: home,
    GNUPGHOME: join(home, 'gnupg'),
    TRACKER,
    ORIGIN: 'Example',
    CODENAME: 'stable',
  };
  await inShell(
    "gpg --batch --passphrase '' --quick-generate-key 'Host <host@example.org>' ed25519 sign",
    home,
  );
  await inShell('gpg --export >keyring.gpg', home);
}, 120_000);

async function inShell(script: string, cwd: string): Promise<string> {
  const file = join(home, 'script.sh');
  writeFileSync(file, `set -euo pipefail\n${script}`);
  return (await runWell(['bash', file], { cwd, env: environment, timeoutMs: 60_000 })).stdout;
}

/** The signature holds, the Release lists the file, and the file says what it should. */
async function expectListed(dists: string): Promise<void> {
  const verify = ['gpgv', '--keyring', join(home, 'keyring.gpg')];
  expect((await run([...verify, join(dists, 'InRelease')])).code).toBe(0);
  expect((await run([...verify, join(dists, 'Release.gpg'), join(dists, 'Release')])).code).toBe(0);
  const { text } = splitClearSigned(new Uint8Array(readFileSync(join(dists, 'InRelease'))));
  expect(Buffer.from(text).toString().trim()).toBe(readFileSync(join(dists, 'Release'), 'utf8').trim());
  const release = parseRelease(text);
  const bytes = new Uint8Array(readFileSync(join(dists, INDEX)));
  expect(release.file(INDEX)).toMatchObject({ key: sha256Of(bytes), sizeBytes: bytes.length });
  expect(release.file('main/binary-amd64/Packages.gz')).toBeDefined();
  const { identity, files, trackers } = decodeDtorrent(bytes);
  expect(identity).toEqual({ origin: 'Example', codename: 'stable', architecture: 'amd64' });
  expect(release).toMatchObject({ origin: 'Example', codename: 'stable' });
  expect(trackers).toEqual([[TRACKER]]);
  const listed = [...files].map(({ key, root }) => [key, root !== undefined]);
  const theirs = debs.map((deb) => {
    const content = readFileSync(deb);
    return [sha256Of(content), content.length > 512 * 1024];
  });
  expect(listed.sort()).toEqual(theirs.sort());
}

test('apt-ftparchive', async () => {
  const base = join(home, 'ftparchive');
  cpSync(join(home, 'debs'), join(base, 'pool/main'), { recursive: true });
  for (let i = 0; i < 2; i++) {
    await inShell(recipe('apt-ftparchive'), base);
    await expectListed(join(base, 'dists/stable'));
  }
}, 120_000);

test('reprepro', async () => {
  const base = join(home, 'reprepro');
  mkdirSync(join(base, 'conf'), { recursive: true });
  writeFileSync(join(base, 'conf/dtorrent.sh'), recipe('reprepro-hook'));
  chmodSync(join(base, 'conf/dtorrent.sh'), 0o755);
  const distribution = join(base, 'conf/distributions');
  const fields = 'Origin: Example\nCodename: stable\nArchitectures: amd64\nComponents: main\nSignWith: yes\n';
  writeFileSync(distribution, fields);
  appendFileSync(distribution, recipe('reprepro-distributions'));
  await inShell('reprepro --basedir . export', base);
  for (const deb of debs) await inShell(`reprepro --basedir . includedeb stable ${deb}`, base);
  await expectListed(join(base, 'dists/stable'));
  // Nothing is new: the hook is told so.
  await inShell('reprepro --basedir . export', base);
  await expectListed(join(base, 'dists/stable'));
}, 120_000);

test('aptly', async () => {
  const base = join(home, 'aptly');
  mkdirSync(base);
  writeFileSync(join(base, 'aptly.conf'), JSON.stringify({ rootDir: base, gpgProvider: 'gpg' }));
  const aptly = `aptly -config=${join(base, 'aptly.conf')}`;
  await inShell(
    `${aptly} repo create -component=main stable && ${aptly} repo add stable ${join(home, 'debs')}`,
    base,
  );
  const published = '-distribution=stable -origin=Example -architectures=amd64';
  await inShell(`${aptly} publish repo -batch ${published} stable`, base);
  await inShell(recipe('aptly'), join(base, 'public'));
  await expectListed(join(base, 'public/dists/stable'));
}, 120_000);

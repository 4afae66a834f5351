/**
 * Standard torrents that we make, judged by programs that nobody here wrote: libtorrent's create_torrent gives the same
 * info-hashes for the same files, and libtorrent, Transmission and aria2 find, by our torrent, that all is there.
 * Transmission 3 and aria2 don't know padding (BEP 47): to them it is files, which have to be there too. And Transmission 3
 * can't read any hybrid (its issue 1339, mended in version 4), so it gets version 1.
 */
import { expect, test } from 'bun:test';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import type { Subprocess } from 'bun';
import { sha256Of } from '../../src/lib/sha256.ts';
import { FileHasher } from '../../src/torrent/file-hasher.ts';
import { makeStandardTorrent, type TorrentKind } from '../../src/torrent/make-standard.ts';
import { parseMetainfo } from '../../src/torrent/metainfo.ts';
import { atEnd } from '../fixtures/at-end.ts';
import { DEBTORRENT } from '../fixtures/daemon.ts';
import { eventually } from '../fixtures/eventually.ts';
import { freePort } from '../fixtures/free-port.ts';
import { PLAIN_ENV, runWell } from '../fixtures/run.ts';
import { tempDir } from '../fixtures/temp-dir.ts';
import { sampleFile } from '../torrent/naive-tree.ts';

const LIBTORRENT = ['/usr/bin/python3', join(import.meta.dir, 'libtorrent-torrents.py')];
const KIB = 1024;

function write(root: string, files: Readonly<Record<string, number>>): void {
  for (const [path, size] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), sampleFile(size));
  }
}

function filesBelow(root: string): string[] {
  if (!statSync(root).isDirectory()) return [root];
  return readdirSync(root).flatMap((name) => filesBelow(join(root, name)));
}

function ours(path: string, pieceLength: number, kind: TorrentKind) {
  const isFolder = statSync(path).isDirectory();
  const files = filesBelow(path).map((file) => {
    const bytes = readFileSync(file);
    const hasher = new FileHasher(bytes.length, pieceLength, kind !== 'v2');
    hasher.update(bytes);
    return {
      path: isFolder ? relative(path, file).split('/') : undefined,
      sizeBytes: bytes.length,
      hashes: hasher.finish(),
    };
  });
  return makeStandardTorrent({ kind, name: basename(path), pieceLength, files, trackers: [], webSeeds: [] });
}

const around = (length: number) => [length - 1, length, length + 1];
const TREES: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  'sizes around pieces and blocks': Object.fromEntries(
    [...around(16 * KIB), ...around(32 * KIB), ...around(64 * KIB), ...around(192 * KIB)].map((size) => [
      `f${size}`,
      size,
    ]),
  ),
  'empty files first, last and between': { '0': 0, a: 5, b: 0, c: 20_000, d: 0, z: 0 },
  'the order of the tree, not of the paths': {
    'b/x': 1,
    'b.txt': 2,
    'b-c/y': 3,
    b0: 4,
    '10': 5,
    '9': 6,
    'ü/ö': 7,
    'a\u{10000}': 8,
    'a\uffff': 9,
  },
  'one file in a folder': { 'one.deb': 100_000 },
  'one file and an empty one': { a: 100_000, b: 0 },
  'deep folders': { 'a/b/c/d/e/f/g': 100_000, 'a/b/c/d/h': 1, 'a/i': 16_384 },
};

test.each(Object.keys(TREES))("the info-hashes of a folder are libtorrent's: %s", async (name) => {
  using directory = tempDir('make-torrent');
  const root = join(directory.path, 'tree');
  write(root, TREES[name] as Record<string, number>);
  for (const kind of ['hybrid', 'v1', 'v2'] as const) {
    for (const pieceLength of [16 * KIB, 64 * KIB]) {
      const { stdout } = await runWell([...LIBTORRENT, 'make', root, String(pieceLength), kind]);
      const { infoHashV1 = '-', infoHashV2 = '-' } = ours(root, pieceLength, kind);
      expect([kind, pieceLength, `${infoHashV1} ${infoHashV2}`]).toEqual([kind, pieceLength, stdout.trim()]);
    }
  }
});

test.each([1, 16_384, 65_536, 65_537, 1_000_000])(
  "the info-hashes of a file of %d bytes are libtorrent's",
  async (size) => {
    using directory = tempDir('make-torrent');
    write(directory.path, { 'one.deb': size });
    const file = join(directory.path, 'one.deb');
    for (const kind of ['hybrid', 'v1', 'v2'] as const) {
      const { stdout } = await runWell([...LIBTORRENT, 'make', file, String(64 * KIB), kind]);
      const { infoHashV1 = '-', infoHashV2 = '-' } = ours(file, 64 * KIB, kind);
      expect([kind, `${infoHashV1} ${infoHashV2}`]).toEqual([kind, stdout.trim()]);
    }
  },
);

/** An archive of some packages; make-torrent makes its torrent. Gives the torrent's file. */
async function archive(root: string, sizes: readonly number[], kind: TorrentKind): Promise<string> {
  let index = '';
  for (const [i, size] of sizes.entries()) {
    const path = `pool/main/p/p${i}/p${i}_1_all.deb`;
    write(root, { [path]: size });
    index += `Package: p${i}\nFilename: ${path}\nSize: ${size}\nSHA256: ${sha256Of(sampleFile(size))}\n\n`;
  }
  mkdirSync(join(root, 'dists/stable/main/binary-all'), { recursive: true });
  writeFileSync(join(root, 'dists/stable/main/binary-all/Packages'), index);
  writeFileSync(join(root, 'dists/stable/Release'), 'Origin: Example\nCodename: stable\nSHA256:\n');
  const command = [
    ...DEBTORRENT,
    'make-torrent',
    join(root, 'dists'),
    '--pool',
    root,
    '--standard',
    '--kind',
    kind,
  ];
  await runWell([...command, '--out', join(root, 'out.dtorrent')]);
  return join(root, 'torrents/example-stable-all.torrent');
}

/** Its bytes, all of them, as Transmission and aria2 see them. */
function layPadding(root: string, torrent: string): void {
  for (const { isPadding, sizeBytes } of parseMetainfo(readFileSync(torrent)).files) {
    if (!isPadding) continue;
    mkdirSync(join(root, 'pool/.pad'), { recursive: true });
    writeFileSync(join(root, 'pool/.pad', String(sizeBytes)), new Uint8Array(sizeBytes));
  }
}

const SIZES = [5, 65_536, 65_537, 300_000, 1_000_000, 700];

test.each(['hybrid', 'v1', 'v2'] as const)(
  'libtorrent finds all of a %s torrent of make-torrent --standard',
  async (kind) => {
    using directory = tempDir('make-torrent');
    const torrent = await archive(directory.path, SIZES, kind);
    const { stdout } = await runWell([...LIBTORRENT, 'check', torrent, directory.path]);
    const all = SIZES.reduce((sum, size) => sum + size, 0);
    expect(stdout.trim()).toBe(`${all} of ${all} seeding`);
  },
);

test.each(['hybrid', 'v1'] as const)(
  'aria2, and Transmission where it can, find all of a %s torrent',
  async (kind) => {
    using directory = tempDir('make-torrent');
    const root = directory.path;
    const torrent = await archive(root, SIZES, kind);
    layPadding(root, torrent);
    if (kind === 'v1') expect(await byTransmission(torrent, root)).toEqual({ percentDone: 1, error: 0 });
    const check = ['--check-integrity=true', '--hash-check-only=true', '--bt-hash-check-seed=false'];
    const quiet = [
      '--no-conf',
      '--enable-dht=false',
      '--enable-dht6=false',
      '--seed-time=0',
      '--bt-stop-timeout=1',
    ];
    const { stdout } = await runWell(['aria2c', ...quiet, ...check, `--dir=${root}`, torrent], {
      timeoutMs: 30_000,
    });
    expect(stdout).toMatch(/\|OK /);
  },
);

/** Lets a daemon of its own look through the files. */
async function byTransmission(torrent: string, root: string) {
  const home = join(root, 'transmission');
  const port = await freePort();
  mkdirSync(home);
  const off = ['dht-enabled', 'lpd-enabled', 'pex-enabled', 'utp-enabled', 'port-forwarding-enabled'];
  const settings = {
    ...Object.fromEntries(off.map((name) => [name, false])),
    'download-dir': root,
    'rpc-port': port,
    'rpc-bind-address': '127.0.0.1',
    'rpc-authentication-required': false,
    'peer-port': await freePort(),
    'start-added-torrents': false,
  };
  writeFileSync(join(home, 'settings.json'), JSON.stringify(settings));
  const child: Subprocess = Bun.spawn(
    ['transmission-daemon', '--foreground', '--config-dir', home, '--log-error'],
    {
      env: { ...PLAIN_ENV, HOME: home },
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  const forget = atEnd(() => child.kill('SIGKILL'));
  try {
    const ask = rpc(`http://127.0.0.1:${port}/transmission/rpc`);
    await eventually('Transmission answers', () =>
      ask('session-get').then(
        () => true,
        () => false,
      ),
    );
    await ask('torrent-add', { metainfo: readFileSync(torrent).toString('base64'), paused: true });
    await ask('torrent-verify');
    const fields = ['percentDone', 'status', 'error'];
    let found: Found | undefined;
    await eventually('Transmission has looked through it', async () => {
      const { torrents } = (await ask('torrent-get', { fields })) as { torrents: Found[] };
      found = torrents[0];
      return found?.status === 0 && (found.percentDone === 1 || found.error !== 0);
    });
    return { percentDone: found?.percentDone, error: found?.error };
  } finally {
    child.kill('SIGKILL');
    await child.exited;
    forget();
  }
}

interface Found {
  readonly percentDone: number;
  /** 0: stopped; 1 and 2: looking through it. */
  readonly status: number;
  readonly error: number;
}

function rpc(url: string): (method: string, args?: object) => Promise<unknown> {
  let session = '';
  return async (method, args = {}) => {
    const post = () =>
      fetch(url, {
        method: 'POST',
        headers: { 'X-Transmission-Session-Id': session },
        body: JSON.stringify({ method, arguments: args }),
      });
    let answer = await post();
    if (answer.status === 409) {
      session = answer.headers.get('x-transmission-session-id') ?? '';
      answer = await post();
    }
    const { result, arguments: values } = (await answer.json()) as { result: string; arguments: unknown };
    if (result !== 'success') throw new Error(`${method}: ${result}`);
    return values;
  };
}

/** make-torrent with a pool: what becomes of files that are there, missing, wrong and changed. Children are this program's. */
import { describe, expect, test } from 'bun:test';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type MakeTorrentOptions, runMakeTorrent } from '../../src/commands/make-torrent.ts';
import { KeptHashes } from '../../src/commands/make-torrent-hashes.ts';
import { UsageError } from '../../src/lib/errors.ts';
import { log } from '../../src/lib/log.ts';
import { sha256Of } from '../../src/lib/sha256.ts';
import { decodeDtorrent } from '../../src/torrent/dtorrent.ts';
import { FileHasher } from '../../src/torrent/file-hasher.ts';
import { parseMagnet } from '../../src/torrent/magnet.ts';
import { parseMetainfo } from '../../src/torrent/metainfo.ts';
import { eventually } from '../fixtures/eventually.ts';
import { tempDir } from '../fixtures/temp-dir.ts';
import { errorOf } from '../fixtures/world.ts';
import { sampleFile } from '../torrent/naive-tree.ts';

/** As it is, not as it was built. */
const COMMAND = [process.execPath, join(import.meta.dir, '../../src/main.ts')];
const SIZES = { a: 100, big: 1_300_000, c: 16_384, ä: 70_000, empty: 0 } as const;
const pathOf = (name: string) => `pool/main/${name[0]}/${name}/${name}_1_amd64.deb`;
const stanza = (path: string, bytes: Uint8Array) =>
  `Package: x\nFilename: ${path}\nSize: ${bytes.length}\nSHA256: ${sha256Of(bytes)}\n\n`;

class Archive implements Disposable {
  readonly #dir = tempDir('make-torrent-pool');
  readonly files = new Map<string, Uint8Array>();

  constructor() {
    for (const [name, size] of Object.entries(SIZES)) this.files.set(pathOf(name), sampleFile(size));
    for (const [path, bytes] of this.files) this.write(path, bytes);
    this.write(
      'dists/bookworm/Release',
      Buffer.from('Origin: Example\nCodename: bookworm\nArchitectures: amd64 all\nSHA256:\n'),
    );
    this.index([...this.files.keys()]);
  }

  at(path: string): string {
    return join(this.#dir.path, path);
  }

  write(path: string, bytes: Uint8Array): void {
    mkdirSync(dirname(this.at(path)), { recursive: true });
    writeFileSync(this.at(path), bytes);
  }

  index(paths: readonly string[], where = 'main/binary-amd64/Packages.gz'): void {
    const text = paths.map((path) => stanza(path, this.files.get(path) as Uint8Array)).join('');
    this.write(`dists/bookworm/${where}`, gzipSync(text));
  }

  async make(more: Partial<MakeTorrentOptions> = {}) {
    const said: string[] = [];
    const printed: string[] = [];
    const reporters = log.options.reporters;
    log.setReporters([{ log: ({ args }) => said.push(args.join(' ')) }]);
    mkdirSync(this.at('out'), { recursive: true });
    const { out = more.beside ? undefined : this.at('out'), ...rest } = more;
    try {
      const code = await runMakeTorrent({
        indexes: [this.at('dists')],
        ...(out !== undefined && { out }),
        pool: this.at(''),
        trackers: ['http://tracker.example/announce'],
        webSeeds: ['http://mirror.example/debian'],
        json: true,
        force: true,
        nowMs: 0,
        command: COMMAND,
        print: (text) => printed.push(text),
        ...rest,
      });
      return {
        code,
        said: said.join('\n'),
        json: printed[0] === undefined ? undefined : JSON.parse(printed[0]),
      };
    } finally {
      log.setReporters(reporters);
    }
  }

  dtorrent(name = 'out/example-bookworm-amd64.dtorrent') {
    return decodeDtorrent(new Uint8Array(readFileSync(this.at(name))));
  }

  torrent(name = 'out/torrents/example-bookworm-amd64.torrent') {
    return parseMetainfo(new Uint8Array(readFileSync(this.at(name))));
  }

  [Symbol.dispose](): void {
    this.#dir[Symbol.dispose]();
  }
}

describe('make-torrent --pool', () => {
  test('states the roots of files of several pieces, and makes a torrent of them all', async () => {
    using archive = new Archive();
    const { code, json } = await archive.make({ standard: 'hybrid' });
    expect(code).toBe(0);
    expect(json.pool).toEqual({ files: 5, readFiles: 5, readBytes: 1_386_484, missing: [], wrong: [] });
    const big = new FileHasher(SIZES.big, 65_536, false);
    big.update(archive.files.get(pathOf('big')) as Uint8Array);
    for (const { path, root } of archive.dtorrent().files)
      expect(root).toEqual(path === pathOf('big') ? big.finish().root : undefined);

    const torrent = archive.torrent();
    expect(torrent).toMatchObject({
      name: 'pool',
      contentBytes: 1_386_484,
      pieceLength: 65_536,
      trackers: [['http://tracker.example/announce']],
      webSeeds: ['http://mirror.example/debian/'],
      createdAtMs: undefined,
    });
    const proper = torrent.files.filter(({ isPadding }) => !isPadding);
    expect(proper.map(({ path }) => path.join('/')).sort()).toEqual([...archive.files.keys()].sort());
    const [listed] = JSON.parse(readFileSync(archive.at('out/torrents/torrents.json'), 'utf8')).torrents;
    expect(json.torrents).toEqual([listed]);
    expect(listed).toMatchObject({
      infoHashV1: torrent.infoHashV1,
      infoHashV2: torrent.infoHashV2,
      files: 5,
    });
    expect(parseMagnet(listed.magnet)).toMatchObject({
      infoHashV1: torrent.infoHashV1,
      infoHashV2: torrent.infoHashV2,
      name: 'example-bookworm-amd64',
    });
  });

  test('reads only what has changed, and remembers for good', async () => {
    using archive = new Archive();
    await archive.make();
    expect((await archive.make()).json.pool).toMatchObject({ files: 5, readFiles: 0 });
    // Not hashed in v1 pieces before.
    expect((await archive.make({ standard: 'hybrid' })).json.pool.readFiles).toBe(5);
    const first = archive.torrent();
    const written = statSync(archive.at('out/torrents/example-bookworm-amd64.torrent')).mtimeMs;
    expect((await archive.make({ standard: 'v2' })).json.pool.readFiles).toBe(0);
    expect((await archive.make({ standard: 'hybrid' })).json.pool.readFiles).toBe(0);
    expect(archive.torrent()).toEqual(first);
    utimesSync(archive.at(pathOf('a')), 1, 1);
    expect((await archive.make({ standard: 'hybrid' })).json.pool).toMatchObject({ files: 5, readFiles: 1 });
    expect(statSync(archive.at('out/torrents/example-bookworm-amd64.torrent')).mtimeMs).toBeGreaterThan(
      written,
    );
  });

  test('takes up where a run was killed', async () => {
    using archive = new Archive();
    const paths = Array.from({ length: 700 }, (_, i) => `pool/main/m/m${i}/m${i}_1_all.deb`);
    for (const path of paths) {
      archive.files.set(path, Buffer.from(path));
      archive.write(path, Buffer.from(path));
    }
    archive.index(paths);
    const state = archive.at('state');
    const flags = ['--pool', archive.at(''), '--state', state, '--out', archive.at('out.dtorrent')];
    const child = Bun.spawn([...COMMAND, 'make-torrent', archive.at('dists'), ...flags], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    await eventually('some are kept', () => existsSync(state) && readFileSync(state).length > 1000);
    child.kill('SIGKILL');
    await child.exited;
    const kept = new Set(readFileSync(state, 'utf8').match(/"path":"[^"]*"(?=.*\n)/g)).size;
    expect(kept).toBeGreaterThan(0);
    const { json } = await archive.make({ state });
    expect(json.pool).toMatchObject({ files: 700, readFiles: 700 - kept });
  });

  test('a torrent that is no longer made is removed, one that nobody here made is not', async () => {
    using archive = new Archive();
    await archive.make({ standard: 'hybrid' });
    archive.write('out/torrents/other.torrent', Buffer.from('x'));
    await archive.make({ standard: 'v2', codename: 'trixie', origin: 'Example', out: archive.at('out') });
    expect(readdirSync(archive.at('out/torrents')).sort()).toEqual([
      'example-trixie-amd64.torrent',
      'other.torrent',
      'torrents.json',
    ]);
    const v2 = archive.torrent('out/torrents/example-trixie-amd64.torrent');
    expect([v2.infoHashV1, v2.pieces]).toEqual([undefined, undefined]);
  });

  test('missing and wrong files are named, and nothing is written', async () => {
    using archive = new Archive();
    rmSync(archive.at(pathOf('a')));
    archive.write(pathOf('c'), sampleFile(16_383));
    archive.write(pathOf('big'), sampleFile(SIZES.big).fill(1, 5, 6));
    const { code, said } = await archive.make({ standard: 'hybrid' });
    expect(code).toBe(1);
    expect(said).toContain(`${pathOf('a')}: it is not there`);
    expect(said).toContain(`${pathOf('c')}: it has 16383 bytes, the index says 16384`);
    expect(said).toContain(`${pathOf('big')}: its SHA-256 is another than the index says`);
    expect(said).toContain(
      '1 files of the pool are missing, 2 are not what the index says; nothing is written',
    );
    expect(readdirSync(archive.at('out'))).toEqual(['.debtorrent-hashes']);

    const partial = await archive.make({ standard: 'hybrid', partial: true });
    expect(partial).toMatchObject({ code: 0, json: { files: 5, pool: { files: 2, readFiles: 0 } } });
    expect(archive.dtorrent().files.count).toBe(5);
    expect(archive.torrent().contentBytes).toBe(SIZES.ä);
  });

  test('a folder of indexes makes one of each architecture, Sources are for all', async () => {
    using archive = new Archive();
    archive.index([pathOf('a')], 'main/binary-arm64/Packages.gz');
    archive.write(
      'dists/bookworm/main/source/Sources',
      Buffer.from(
        `Package: s\nDirectory: pool/main/s\nChecksums-Sha256:\n ${sha256Of(Buffer.from('s'))} 1 s.dsc\n\n`,
      ),
    );
    archive.write('pool/main/s/s.dsc', Buffer.from('s'));
    const { code, json } = await archive.make({ standard: 'hybrid' });
    expect(code).toBe(0);
    expect(
      json.dtorrents.map((one: { path: string; files: number }) => [one.path.split('/').at(-1), one.files]),
    ).toEqual([
      ['example-bookworm-amd64.dtorrent', 5],
      ['example-bookworm-arm64.dtorrent', 1],
      ['example-bookworm-all.dtorrent', 1],
    ]);
    expect(json.torrents).toMatchObject([{ file: 'example-bookworm.torrent', files: 6 }]);
  });

  test('--beside writes next to each index, the same bytes each time', async () => {
    using archive = new Archive();
    const make = () => archive.make({ beside: true, state: archive.at('state') });
    expect((await make()).code).toBe(0);
    const path = 'dists/bookworm/main/binary-amd64/Packages.dtorrent';
    const first = readFileSync(archive.at(path));
    expect(archive.dtorrent(path)).toMatchObject({
      createdAtMs: undefined,
      identity: { architecture: 'amd64' },
    });
    await make();
    expect(readFileSync(archive.at(path)).equals(first)).toBe(true);
  });

  test('the pool/ of an archive will do, another folder is an error', async () => {
    using archive = new Archive();
    expect((await archive.make({ pool: archive.at('pool') })).code).toBe(0);
    expect(await archive.make({ pool: archive.at('none') })).toMatchObject({
      code: 1,
      said: expect.stringContaining('not a folder'),
    });
  });

  test('a flat repository is named by its URL', async () => {
    using archive = new Archive();
    const bytes = sampleFile(5);
    archive.write('flat/x.deb', bytes);
    archive.write('flat/Packages', Buffer.from(stanza('./x.deb', bytes)));
    const { code } = await archive.make({
      indexes: [archive.at('flat/Packages')],
      pool: archive.at('flat'),
      standard: 'hybrid',
      webSeeds: ['http://mirror.example/a/repo%20x/', 'http://other.example/else'],
      origin: 'Example',
      codename: 'bookworm',
      architecture: 'amd64',
    });
    expect(code).toBe(0);
    expect(archive.torrent()).toMatchObject({
      name: 'repo x',
      files: [{ path: ['repo x', 'x.deb'] }],
      webSeeds: ['http://mirror.example/a/'],
    });
  });

  test('the standard torrents and --partial want a pool', async () => {
    for (const more of [{ standard: 'v2' as const }, { partial: true }]) {
      const error = await errorOf(
        runMakeTorrent({ indexes: ['x'], trackers: [], webSeeds: [], json: false, force: false, ...more }),
      );
      expect(error).toBeInstanceOf(UsageError);
      expect(error.message).toContain('--pool');
    }
  });
});

describe('KeptHashes', () => {
  const record = (path: string, mtimeNs: string) => ({
    path,
    sizeBytes: 1,
    mtimeNs,
    inode: '7',
    pieceLength: 65_536,
    sha256: '',
    root: '',
    layer: '',
  });
  test('takes up where a run was cut off, past a line that was torn', () => {
    using dir = tempDir('kept-hashes');
    const file = join(dir.path, 'state');
    {
      using kept = new KeptHashes(file);
      kept.add(record('a', '1'));
      kept.add(record('b', '1'));
    }
    const torn = readFileSync(file).subarray(0, -20);
    writeFileSync(file, torn);
    {
      using kept = new KeptHashes(file);
      expect(kept.find('a', record('a', '1'), {})).toEqual(record('a', '1'));
      expect(kept.find('a', record('a', '2'), {})).toBeUndefined();
      expect(kept.find('a', record('a', '1'), { pieceLength: 65_536 })).toBeUndefined();
      expect(kept.find('b', record('b', '1'), {})).toBeUndefined();
      kept.add(record('c', '1'));
    }
    using again = new KeptHashes(file);
    expect(again.find('c', record('c', '1'), {})).toEqual(record('c', '1'));
    again.keepOnly(new Set(['a']));
    expect(readFileSync(file, 'utf8').split('\n')).toHaveLength(3);
  });
  test('begins anew with a file that is something else', () => {
    using dir = tempDir('kept-hashes');
    const file = join(dir.path, 'state');
    writeFileSync(file, 'hello\n{}');
    using kept = new KeptHashes(file);
    kept.add(record('a', '1'));
    kept.flush();
    expect(new KeptHashes(file).find('a', record('a', '1'), {})).toBeDefined();
  });
});

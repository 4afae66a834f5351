import { describe, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { type MakeTorrentOptions, run, runMakeTorrent } from '../../src/commands/make-torrent.ts';
import { UsageError } from '../../src/lib/errors.ts';
import { log } from '../../src/lib/log.ts';
import { sha256Of } from '../../src/lib/sha256.ts';
import { decodeDtorrent } from '../../src/torrent/dtorrent.ts';

const stanza = (name: string, size = 100) =>
  `Package: ${name}\nFilename: ./pool/main/${name}_1_amd64.deb\nSize: ${size}\nDescription: x\n y\nSHA256: ${sha256Of(Buffer.from(name))}\n\n`;
const PACKAGES = stanza('hello') + stanza('apt', 2_000_000);
const RELEASE = `Origin: Debian\nSuite: oldstable-security\nCodename: bookworm-security\nArchitectures: all amd64\nSHA256:\n ${'0'.repeat(64)} 1 main/x\n`;
const INDEX = 'dists/bookworm-security/updates/main/binary-amd64/Packages.gz';

interface Ran {
  readonly code: number;
  readonly said: string;
  readonly printed: string;
}

/** Runs in `dir`, writing to out.dtorrent there, with what was said on stderr and stdout. */
async function make(dir: string, indexes: string[], more: Partial<MakeTorrentOptions> = {}): Promise<Ran> {
  const printed: string[] = [];
  const said: string[] = [];
  const reporters = log.options.reporters;
  log.setReporters([{ log: ({ args }) => said.push(args.join(' ')) }]);
  try {
    const code = await runMakeTorrent({
      indexes: indexes.map((index) => join(dir, index)),
      out: join(dir, 'out.dtorrent'),
      trackers: [],
      webSeeds: [],
      json: false,
      force: false,
      print: (text) => printed.push(text),
      ...more,
    });
    return { code, said: said.join('\n'), printed: printed.join('\n') };
  } finally {
    log.setReporters(reporters);
  }
}

const read = (dir: string) => decodeDtorrent(new Uint8Array(readFileSync(join(dir, 'out.dtorrent'))));
const DEBIAN = { origin: 'Debian', codename: 'bookworm', architecture: 'amd64' };

describe('runMakeTorrent() reads', () => {
  test('the identity from the Release above and the path, the files from the index', () =>
    withFiles({ [INDEX]: gzipSync(PACKAGES), 'dists/bookworm-security/Release': RELEASE }, async (dir) => {
      const ran = await make(dir, [INDEX], {
        trackers: ['http://t.example/announce'],
        webSeeds: ['http://ftp.de.debian.org/debian'],
      });
      expect(ran).toMatchObject({ code: 0, said: '' });
      expect(ran.printed).toContain('Debian bookworm amd64');
      expect(ran.printed).toContain('1.91 MiB');
      const made = read(dir);
      expect(made.identity).toEqual(DEBIAN);
      expect(made.trackers).toEqual([['http://t.example/announce']]);
      expect(made.webSeeds).toEqual(['http://ftp.de.debian.org/debian']);
      expect([...made.files].map(({ path, sizeBytes }) => [path, sizeBytes])).toEqual([
        ['pool/main/apt_1_amd64.deb', 2_000_000],
        ['pool/main/hello_1_amd64.deb', 100],
      ]);
      expect(made.files.key(1)).toBe(sha256Of(Buffer.from('hello')));
      expect(readdirSync(dir).sort()).toEqual(['dists', 'out.dtorrent']);
    }));

  test('plain, gzip of several members and zstd alike', () => {
    const [first, second] = [stanza('hello'), stanza('apt')];
    const forms = [PACKAGES, Buffer.concat([gzipSync(first), gzipSync(second)]), zstdCompressSync(PACKAGES)];
    return withFiles(Object.fromEntries(forms.map((form, i) => [`${i}`, form])), async (dir) => {
      for (const i of forms.keys()) {
        const ran = await make(dir, [`${i}`], { ...DEBIAN, force: true });
        expect([i, ran.code, ran.code === 0 && read(dir).files.count]).toEqual([i, 0, 2]);
      }
    });
  });

  test('several indexes as one archive, Architecture: all with another', () => {
    const amd64 = 'dists/x/main/binary-amd64/Packages';
    const all = 'dists/x/contrib/binary-all/Packages';
    return withFiles(
      { [amd64]: PACKAGES, [all]: stanza('hello') + stanza('doc'), 'dists/x/Release': RELEASE },
      async (dir) => {
        expect((await make(dir, [amd64, all])).code).toBe(0);
        expect(read(dir).identity).toEqual(DEBIAN);
        expect(read(dir).files.count).toBe(3);
      },
    );
  });

  test('Sources, with every file of a source package', () => {
    const digest = sha256Of(Buffer.from('x'));
    const sources = `Package: hello\nDirectory: pool/main/h/hello\nChecksums-Sha256:\n ${digest} 10 hello.dsc\n ${digest} 20 hello.tar.xz\n\n`;
    return withFiles({ Sources: sources }, async (dir) => {
      expect((await make(dir, ['Sources'], DEBIAN)).code).toBe(0);
      expect([...read(dir).files].map(({ path }) => path)).toEqual([
        'pool/main/h/hello/hello.dsc',
        'pool/main/h/hello/hello.tar.xz',
      ]);
    });
  });

  test('a flat repository whose Release names one architecture; its name from the web seed where it has none', () => {
    const release = `Architectures: riscv64\nSHA256:\n ${'0'.repeat(64)} 1 x\n`;
    return withFiles({ Packages: PACKAGES, Release: release }, async (dir) => {
      expect((await make(dir, ['Packages'], { webSeeds: ['https://Apt.Example.org/flat/'] })).code).toBe(0);
      expect(read(dir).identity).toMatchObject({ origin: 'apt.example.org/flat', architecture: 'riscv64' });
    });
  });

  test("passes over the component's own small Release", () => {
    const files = {
      [INDEX]: gzipSync(PACKAGES),
      'dists/bookworm-security/updates/main/binary-amd64/Release':
        'Archive: stable\nOrigin: Other\nArchitecture: amd64\n',
      'dists/bookworm-security/Release': RELEASE,
    };
    return withFiles(files, async (dir) => {
      expect((await make(dir, [INDEX])).code).toBe(0);
      expect(read(dir).identity).toMatchObject({ origin: 'Debian', codename: 'bookworm' });
    });
  });

  test('stanzas without SHA256 are passed over and counted', () =>
    withFiles({ Packages: `${PACKAGES}Package: old\nFilename: a\nSize: 1\nMD5sum: 0\n\n` }, async (dir) => {
      const ran = await make(dir, ['Packages'], { ...DEBIAN, json: true });
      expect(JSON.parse(ran.printed)).toMatchObject({
        files: 2,
        passedOver: 1,
        totalBytes: 2_000_100,
        ...DEBIAN,
      });
    }));
});

describe('runMakeTorrent() says which flag to give', () => {
  const cases: [string, string[], Partial<MakeTorrentOptions>, RegExp][] = [
    ['no Release above', ['dists/x/main/binary-amd64/Packages'], {}, /--origin and --codename/],
    [
      'only the codename missing',
      ['dists/x/main/binary-amd64/Packages'],
      { origin: 'Debian' },
      /give --codename$/,
    ],
    ['no architecture in the path', ['Packages'], { origin: 'a', codename: 'b' }, /give --architecture/],
    [
      'several architectures',
      ['dists/x/main/binary-amd64/Packages', 'dists/x/main/binary-arm64/Packages'],
      { origin: 'a', codename: 'b' },
      /amd64, arm64.*--architecture/,
    ],
    [
      'a tracker that is no URL',
      ['Packages'],
      { ...DEBIAN, trackers: ['tracker.example:6969'] },
      /--tracker/,
    ],
    ['a web seed that is no HTTP', ['Packages'], { ...DEBIAN, webSeeds: ['ftp://x.example/'] }, /--web-seed/],
    ['no index', [], {}, /Packages\.gz/],
  ];
  for (const [name, indexes, more, message] of cases) {
    test(name, () =>
      withFiles(
        Object.fromEntries(['Packages', ...indexes].map((index) => [index, PACKAGES])),
        async (dir) => {
          const error = await make(dir, indexes, more).catch((cause: unknown) => cause);
          expect(error).toBeInstanceOf(UsageError);
          expect((error as Error).message).toMatch(message);
        },
      ),
    );
  }
  test('indexes of two archives', () => {
    const [a, b] = ['a/binary-amd64/Packages', 'b/binary-amd64/Packages'];
    const releases = { 'a/Release': RELEASE, 'b/Release': RELEASE.replace('bookworm', 'trixie') };
    return withFiles({ [a]: PACKAGES, [b]: PACKAGES, ...releases }, async (dir) => {
      const error = await make(dir, [a, b]).catch((cause: unknown) => cause);
      expect(error).toBeInstanceOf(UsageError);
      expect((error as Error).message).toMatch(/bookworm.*trixie.*--codename/);
    });
  });
});

describe('runMakeTorrent() exits 1, says why and leaves nothing', () => {
  const gz = gzipSync(PACKAGES.repeat(50));
  const cases: [string, string | Uint8Array | undefined, RegExp][] = [
    ['an index that is not there', undefined, /could not read .*Packages.*ENOENT/],
    ['an empty index', '', /could not read .*empty/],
    ['an empty gzip file', gzipSync(''), /could not read .*empty/],
    ['a gzip file cut short', gz.subarray(0, gz.length - 20), /could not read .*damaged or cut short/],
    [
      'a gzip file with a wrong length',
      Buffer.concat([gz.subarray(0, -4), Buffer.alloc(4)]),
      /could not read/,
    ],
    ['another file', 'Package: a\nVersion: 1\n\n', /no stanza in it names a file/],
    ['text', 'hello, world\n', /could not read/],
    ['a size that is none', PACKAGES.replace('Size: 100', 'Size: many'), /Size that is no number/],
    ['a path that climbs', PACKAGES.replace('pool/main', 'pool/../..'), /"\.\." segment/],
    ['two contents for a path', PACKAGES + stanza('hello', 101), /two contents/],
  ];
  for (const [name, bytes, message] of cases) {
    test(name, () =>
      withFiles(bytes === undefined ? {} : { Packages: bytes }, async (dir) => {
        const ran = await make(dir, ['Packages'], DEBIAN);
        expect(ran.code).toBe(1);
        expect(ran.said).toMatch(message);
        expect(ran.printed).toBe('');
        expect(readdirSync(dir)).toEqual(bytes === undefined ? [] : ['Packages']);
      }),
    );
  }
  test('a folder without an index', () =>
    withFiles({ 'Packages/x': '' }, async (dir) => {
      expect((await make(dir, ['Packages'], DEBIAN)).said).toMatch(
        /could not read .*no Packages or Sources below/,
      );
    }));
  test('an output that is there, unless --force', () =>
    withFiles({ Packages: PACKAGES, 'out.dtorrent': 'precious' }, async (dir) => {
      expect((await make(dir, ['Packages'], DEBIAN)).said).toContain('--force');
      expect(readFileSync(join(dir, 'out.dtorrent'), 'utf8')).toBe('precious');
      expect((await make(dir, ['Packages'], { ...DEBIAN, force: true })).code).toBe(0);
      expect(read(dir).files.count).toBe(2);
    }));
  test('an output folder that is not there', () =>
    withFiles({ Packages: PACKAGES }, async (dir) => {
      const ran = await make(dir, ['Packages'], { ...DEBIAN, out: join(dir, 'none', 'x.dtorrent') });
      expect(ran).toMatchObject({ code: 1, said: expect.stringContaining('could not write') });
    }));
});

describe('run()', () => {
  test("takes citty's arguments, all values of repeated flags, and the short -o", () =>
    withFiles({ Packages: PACKAGES }, async (dir) => {
      const index = join(dir, 'Packages');
      const flags = ['--origin', 'Debian', '--codename', 'bookworm', '--architecture', 'amd64'];
      const script = join(import.meta.dir, 'make-torrent-child.ts');
      const trackers = ['--tracker', 'http://a.example/', '--tracker=udp://b.example:1'];
      const child = Bun.spawn(
        [process.execPath, script, index, ...trackers, '-o', join(dir, 'out.dtorrent'), '--json', ...flags],
        {
          stdout: 'pipe',
        },
      );
      expect(JSON.parse(await new Response(child.stdout).text())).toMatchObject({ files: 2, ...DEBIAN });
      expect(await child.exited).toBe(0);
      expect(read(dir).trackers).toEqual([['http://a.example/'], ['udp://b.example:1']]);
    }));
  test('throws UsageError for what it can not understand', async () => {
    const error = await run({ args: { _: [] }, rawArgs: [] }).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(UsageError);
  });
});

async function withFiles(
  files: Record<string, string | Uint8Array>,
  use: (dir: string) => Promise<void>,
): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'debtorrent-make-'));
  try {
    for (const [path, bytes] of Object.entries(files)) {
      mkdirSync(dirname(join(dir, path)), { recursive: true });
      writeFileSync(join(dir, path), bytes);
    }
    await use(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

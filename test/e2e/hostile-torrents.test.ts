/**
 * Torrents that somebody wrote with ill intent, given to the built binary: a sentence and exit code 1, nothing written
 * outside the folder, nothing asked of this machine's own services.
 */
import { describe, expect, test } from 'bun:test';
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { encode } from '../../src/bencode/encode.ts';
import { DEBTORRENT } from '../fixtures/daemon.ts';
import { run } from '../fixtures/run.ts';
import { tempDir } from '../fixtures/temp-dir.ts';

const PIECES = new Uint8Array(20);
const ONE = { name: 'x', length: 100, 'piece length': 16_384, pieces: PIECES };

function one(changes: Record<string, string | number | Uint8Array>): Uint8Array {
  return encode({ info: { ...ONE, ...changes } });
}

function many(...paths: readonly string[][]): Uint8Array {
  const { length: _, ...rest } = ONE;
  return encode({ info: { ...rest, files: paths.map((path) => ({ length: 1, path })) } });
}

function nested(open: string, close: string, depth: number): Uint8Array {
  return Buffer.from(`d4:info${open.repeat(depth)}i1e${close.repeat(depth)}e`);
}

const REFUSED: [string, () => Uint8Array][] = [
  ['leaves the folder by its name', () => one({ name: '..' })],
  ['leaves the folder by a path', () => many(['..', '..', 'x'])],
  ['has an absolute name', () => one({ name: '/etc/passwd' })],
  ['has a path separator in a name', () => many(['a/../../x'])],
  ['has NUL in a name', () => one({ name: 'a\0b' })],
  ['drives the terminal by a name', () => one({ name: 'a\u001b[31m' })],
  ['has a name that isn’t UTF-8', () => one({ name: Uint8Array.of(0xff, 0xfe) })],
  ['has a name of 256 bytes', () => one({ name: 'n'.repeat(256) })],
  ['has a file twice', () => many(['x'], ['x'])],
  ['has a file in a file', () => many(['x'], ['x', 'y'])],
  ['has a negative size', () => one({ length: -1 })],
  [
    'has a size beyond all disks',
    () =>
      Buffer.from(
        Buffer.from(one({})).toString('latin1').replace('i100e', 'i9999999999999999999e'),
        'latin1',
      ),
  ],
  ['claims 10 GB and has one hash', () => one({ length: 10_000_000_000 })],
  ['has pieces of no length', () => one({ 'piece length': 0 })],
  ['is 300,000 lists deep', () => nested('l', 'e', 300_000)],
  ['is 300,000 dictionaries deep', () => nested('d1:a', 'e', 300_000)],
  ['has five million values', () => Buffer.from(`d4:infol${'0:'.repeat(5_000_000)}ee`)],
  ['has a string longer than itself', () => Buffer.from('d4:info99999999999999999:abc')],
  ['has 100,001 files', () => many(...Array.from({ length: 100_001 }, (_, i) => [`${i}`]))],
  ['is empty', () => new Uint8Array(0)],
];

describe('a torrent is refused by fetch and inspect in one sentence that', () => {
  test.each(REFUSED)('%s', async (_name, made) => {
    using directory = tempDir('hostile');
    const path = join(directory.path, 'it.torrent');
    writeFileSync(path, made());
    for (const command of [
      ['fetch', path, '--output', join(directory.path, 'out')],
      ['inspect', path],
    ]) {
      const { code, stdout, stderr } = await run([...DEBTORRENT, ...command]);
      expect([code, stdout]).toEqual([1, '']);
      expect(stderr).toMatch(/^\[error\] .*could not read torrent: .+\n$/);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what it must not print.
      expect(stderr).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/);
      expect(stderr.length).toBeLessThan(600);
    }
    expect(readdirSync(directory.path)).toEqual(['it.torrent']);
  });
});

describe('debtorrent fetch', () => {
  const APART = ['--no-dht', '--no-lan', '--timeout', '2'];

  test('asks no service of this machine that a torrent names as its web seed', async () => {
    using directory = tempDir('hostile');
    const asked: string[] = [];
    await using server = createServer((request, response) => {
      asked.push(request.url ?? '');
      response.end('secret');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const info = { ...ONE, pieces: PIECES };
    const urls = [`http://127.0.0.1:${port}/x`, `http://localhost:${port}/x`, 'file:///etc/passwd'];
    const path = join(directory.path, 'it.torrent');
    writeFileSync(
      path,
      encode({ info, 'url-list': [...urls, 'http://169.254.169.254/x', 'http://[::1]/x'] }),
    );
    const { code, stderr } = await run([...DEBTORRENT, 'fetch', path, '--output', directory.path, ...APART]);
    expect([code, asked]).toEqual([1, []]);
    expect(stderr).toContain('nothing has come');
  });

  test('reads no more of what is no torrent than it must', async () => {
    const { code, stderr } = await run([...DEBTORRENT, 'fetch', '/dev/zero']);
    expect([code, stderr]).toEqual([1, '[error] could not read /dev/zero: not a file\n']);
  });

  test('prints a name without what turns the writing round', async () => {
    using directory = tempDir('hostile');
    const path = join(directory.path, 'it.torrent');
    const name = 'a\u202egpj.sh';
    const pieces = new Bun.CryptoHasher('sha1').update(new Uint8Array(100)).digest();
    writeFileSync(path, one({ name, pieces }));
    writeFileSync(join(directory.path, name), new Uint8Array(100));
    const { code, stderr } = await run([...DEBTORRENT, 'fetch', path, '--output', directory.path, ...APART]);
    expect(code).toBe(0);
    expect(stderr).toContain('a\ufffdgpj.sh');
    expect(stderr).not.toContain('\u202e');
  });

  test.each([
    ['folder', (at: string, outside: string) => symlinkSync(outside, at)],
    ['file', (at: string) => writeFileSync(at, 'mine')],
  ])('stops at a %s that lies where its own is to be, and writes nothing', async (_name, put) => {
    using directory = tempDir('hostile');
    using outside = tempDir('outside');
    const path = join(directory.path, 'it.torrent');
    writeFileSync(path, many(['sub', 'a'], ['b']));
    mkdirSync(join(directory.path, 'out/x'), { recursive: true });
    put(join(directory.path, 'out/x/sub'), outside.path);
    const { code, stderr } = await run([
      ...DEBTORRENT,
      'fetch',
      path,
      '--output',
      join(directory.path, 'out'),
      ...APART,
    ]);
    expect(code).toBe(1);
    expect(stderr).toContain('sub is not a folder');
    expect(readdirSync(outside.path)).toEqual([]);
  });
});

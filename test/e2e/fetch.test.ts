/**
 * The command itself, as the built binary: what it says of what it can't fetch, and that an interrupted fetch goes on,
 * however it was interrupted.
 */
import { describe, expect, test } from 'bun:test';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Subprocess } from 'bun';
import { FileHasher } from '../../src/torrent/file-hasher.ts';
import { makeStandardTorrent } from '../../src/torrent/make-standard.ts';
import { atEnd } from '../fixtures/at-end.ts';
import { DEBTORRENT } from '../fixtures/daemon.ts';
import { eventually } from '../fixtures/eventually.ts';
import { freePort } from '../fixtures/free-port.ts';
import { PLAIN_ENV, run } from '../fixtures/run.ts';
import { tempDir } from '../fixtures/temp-dir.ts';

const APART = ['--no-dht', '--no-lan'];

function fetch(...args: readonly string[]) {
  return run([...DEBTORRENT, 'fetch', ...args]);
}

describe('debtorrent fetch ends with 2 for', () => {
  test.each([
    ['what is nothing', ['Not_A_Thing.torrent']],
    ['a magnet link without an info-hash', ['magnet:?dn=x']],
    ['an option that has no sense', ['hello', '--timeout', 'soon']],
    ['a URL that is none', ['http://[']],
    ['a web seed that is no URL', ['hello', '--web-seed', 'ftp://example.org/']],
  ])('%s', async (_name, args) => {
    const { code, stdout } = await fetch(...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });
});

describe('debtorrent fetch ends with 1 for', () => {
  test('a file that is no torrent', async () => {
    using directory = tempDir('fetch');
    const path = join(directory.path, 'x.torrent');
    writeFileSync(path, 'd4:infoi1ee');
    const { code, stderr } = await fetch(path);
    expect(code).toBe(1);
    expect(stderr).toContain('could not read');
  });

  test('a URL when no daemon answers, and says so', async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    const { code, stderr } = await fetch('http://ftp.example.org/debian/x.deb', '--url', url);
    expect(code).toBe(1);
    expect(stderr).toContain('debtorrent serve');
  });

  test('a magnet link that nobody answers', async () => {
    using directory = tempDir('fetch');
    const magnet = `magnet:?xt=urn:btih:${'ab'.repeat(20)}`;
    const { code, stderr } = await fetch(magnet, ...APART, '--output', directory.path, '--timeout', '1');
    expect(code).toBe(1);
    expect(stderr).toContain('nobody has sent what is in the torrent');
    expect(readdirSync(directory.path)).toEqual([]);
  });
});

interface Seeded {
  readonly torrent: string;
  readonly bytes: Uint8Array;
  readonly port: number;
}

/** Another process of ours seeds 4 MB. */
async function seeded(directory: string): Promise<Seeded & AsyncDisposable> {
  const bytes = new Uint8Array(randomBytes(4_000_000));
  const hasher = new FileHasher(bytes.length, 65_536, true);
  hasher.update(bytes);
  const made = makeStandardTorrent({
    kind: 'hybrid',
    name: 'data.bin',
    pieceLength: 65_536,
    files: [{ path: undefined, sizeBytes: bytes.length, hashes: hasher.finish() }],
    trackers: [],
    webSeeds: [],
  });
  const torrent = join(directory, 'data.torrent');
  writeFileSync(torrent, made.bytes);
  mkdirSync(join(directory, 'seed'));
  writeFileSync(join(directory, 'seed/data.bin'), bytes);
  const port = await freePort();
  const listen = ['--peer-listen', `127.0.0.1:${port}`, '--seed', '--json'];
  const child = start(torrent, join(directory, 'seed'), ...listen);
  await said(child, '"done"');
  return {
    torrent,
    bytes,
    port,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      expect(await child.exited).toBe(0);
    },
  };
}

function start(
  torrent: string,
  folder: string,
  ...flags: readonly string[]
): Subprocess<'ignore', 'pipe', 'pipe'> {
  const child = Bun.spawn([...DEBTORRENT, 'fetch', torrent, '--output', folder, ...APART, ...flags], {
    env: PLAIN_ENV,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const forget = atEnd(() => child.kill('SIGKILL'));
  void child.exited.then(forget);
  return child;
}

/** Until it has printed a line with `word` in it. */
async function said(child: Subprocess<'ignore', 'pipe', 'pipe'>, word: string): Promise<string> {
  let text = '';
  for await (const chunk of child.stdout) {
    text += new TextDecoder().decode(chunk);
    const line = text.split('\n').find((one) => one.includes(word));
    if (line !== undefined) return line;
  }
  throw new Error(`it ended without ${word}: ${text} ${await new Response(child.stderr).text()}`);
}

describe('debtorrent fetch', () => {
  test.each([
    ['SIGINT', 130],
    ['SIGKILL', 137],
  ] as const)('goes on where %s has ended it, and fetches nothing twice', async (signal, expected) => {
    using directory = tempDir('fetch');
    await using seed = await seeded(directory.path);
    const folder = join(directory.path, 'out');
    const from = ['--peer', `127.0.0.1:${seed.port}`];
    const first = start(seed.torrent, folder, ...from, '--download-limit', '1MB');
    const journal = () => readdirSync(folder).find((name) => /^\.debtorrent-[0-9a-f]+$/.test(name));
    // Head, and some pieces.
    await eventually('some pieces are here', () => {
      const name = existsSync(folder) && journal();
      return name && readFileSync(join(folder, name)).length > 10 + 4 * 8;
    });
    first.kill(signal);
    await first.exited;
    expect(first.signalCode === null ? first.exitCode : 137).toBe(expected);
    expect(existsSync(join(folder, 'data.bin'))).toBe(false);

    const { code, stdout } = await fetch(seed.torrent, '--output', folder, ...APART, ...from, '--json');
    expect(code).toBe(0);
    expect(Buffer.compare(readFileSync(join(folder, 'data.bin')), seed.bytes)).toBe(0);
    expect(readdirSync(folder)).toEqual(['data.bin']);
    const done = JSON.parse(stdout.trim().split('\n').at(-1) as string);
    expect(done).toMatchObject({ event: 'done', haveBytes: 4_000_000, sizeBytes: 4_000_000 });
    expect(done.fromPeers).toBeLessThan(4_000_000 - 8 * 65_536 + 16_384);
  });

  test('does not write to what is something else', async () => {
    using directory = tempDir('fetch');
    await using seed = await seeded(directory.path);
    mkdirSync(join(directory.path, 'out'));
    const path = join(directory.path, 'out/data.bin');
    writeFileSync(path, 'mine');
    const peer = `127.0.0.1:${seed.port}`;
    const { code, stderr } = await fetch(
      seed.torrent,
      '--output',
      join(directory.path, 'out'),
      ...APART,
      '--peer',
      peer,
    );
    expect(code).toBe(1);
    expect(stderr).toContain('something else is there already');
    expect(readFileSync(path, 'utf8')).toBe('mine');
  });
});

/** inspect as people run it: a process of its own, so that what it prints is all it prints. */
import { describe, expect, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encode } from '../../src/bencode/encode.ts';
import { encodeDtorrent } from '../../src/torrent/dtorrent.ts';
import { FileTableBuilder } from '../../src/torrent/file-table-builder.ts';
import { run } from '../fixtures/run.ts';
import { tempDir } from '../fixtures/temp-dir.ts';

const SAMPLES = join(import.meta.dir, '../torrent/samples');
const MAIN = join(import.meta.dir, '../../src/main.ts');

const inspect = (...args: string[]) => run([process.execPath, MAIN, 'inspect', ...args]);

async function inspectBytes(bytes: Uint8Array, ...args: string[]) {
  using directory = tempDir('inspect');
  const file = join(directory.path, 'x.torrent');
  writeFileSync(file, bytes);
  return await inspect(file, ...args);
}

describe('debtorrent inspect', () => {
  test('says what a torrent contains', async () => {
    const { code, stdout } = await inspect(join(SAMPLES, 'libtorrent-hybrid.torrent'));
    expect(code).toBe(0);
    expect(stdout).toBe(`mix
  kind       standard torrent, hybrid of v1 and v2
  info-hash  7375c334c599055ce656b075bd41f62ed3c5e514
             70585163f075dc70948c8aca57ba1ad57cd644e07a0033a4bdbbe4467d2723c5
  files      6, 140 KiB, and 52.5 KiB of padding
  pieces     12 of 16.0 KiB
  trackers   udp://tracker.example:6969/announce
             http://tracker.example/announce
  web seeds  http://mirror.example/files/
  magnet     magnet:?xt=urn:btih:7375c334c599055ce656b075bd41f62ed3c5e514&xt=urn:btmh:122070585163f075dc70948c8aca57ba1ad57cd644e07a0033a4bdbbe4467d2723c5&dn=mix&tr=udp%3A%2F%2Ftracker.example%3A6969%2Fannounce&tr=http%3A%2F%2Ftracker.example%2Fannounce&ws=http%3A%2F%2Fmirror.example%2Ffiles%2F

       100 B  mix/a.bin
    16.0 KiB  mix/b/c.bin
    68.4 KiB  mix/b/d.bin
    39.1 KiB  mix/b.txt
         0 B  mix/empty
    16.0 KiB  mix/ü.bin
`);
  });

  test('--json says all of it', async () => {
    const { stdout } = await inspect(join(SAMPLES, 'transmission-v1.torrent'), '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      kind: 'torrent',
      infoHashV1: 'b1983b609173719dbce318115481117454f9f1ea',
      isPrivate: true,
      contentBytes: 142_869,
      createdBy: 'Transmission/3.00 (bb6b5a062e)',
      files: [{ path: 'mix/ü.bin', sizeBytes: 16_385 }, {}, {}, {}, {}],
    });
  });

  test('says what a magnet link and a .dtorrent contain', async () => {
    const link = 'magnet:?xt=urn:btih:7375c334c599055ce656b075bd41f62ed3c5e514&dn=mix&x.pe=10.0.0.1:5';
    expect(JSON.parse((await inspect(link, '--json')).stdout)).toMatchObject({ kind: 'magnet', name: 'mix' });
    expect((await inspect(link)).stdout).toContain('peers      10.0.0.1:5');
    const files = new FileTableBuilder();
    for (let i = 0; i < 30; i++) files.add(`pool/f${i}`, 1_000_000, new Uint8Array(32).fill(i));
    files.setRoot('pool/f1', new Uint8Array(32).fill(1));
    const identity = { origin: 'Debian', codename: 'bookworm', architecture: 'amd64' };
    const urls = { trackers: [['udp://t.example:1']], webSeeds: ['http://m.example/'] };
    const bytes = encodeDtorrent({ identity, ...urls, createdBy: 'x', createdAtMs: 0, files: files.build() });
    const { stdout } = await inspectBytes(bytes);
    expect(stdout).toContain('Debian bookworm amd64\n  kind       archive swarm (.dtorrent)\n');
    expect(stdout).toContain('roots      stated for 1 files');
    expect(stdout).toContain('made       1970-01-01T00:00:00.000Z by x');
    expect(stdout).toContain('… and 10 more: --files lists them');
    expect((await inspectBytes(bytes, '--files')).stdout).toContain('pool/f29');
  });

  test.each([
    [
      'a path that climbs',
      { files: [{ length: 1, path: ['..', 'x'] }] },
      /x\.torrent: could not read torrent: "path": "\.\." as a name/,
    ],
    ['10 GB in one piece', { length: 10 ** 10 }, /610352 pieces need/],
    ['a name of terminal sequences', { name: '\x1b[2J', length: 1 }, /a control character in \\u\{1b\}\[2J/],
  ])('refuses %s, exit 1', async (_, info, reason) => {
    const torrent = { name: 'x', 'piece length': 16_384, pieces: new Uint8Array(20), ...info };
    const { code, stdout, output } = await inspectBytes(encode({ info: torrent }));
    expect([code, stdout]).toEqual([1, '']);
    expect(output).toMatch(reason);
    expect(output).not.toContain('\x1b');
  });

  test('refuses what is no torrent, what is not there, and a folder', async () => {
    expect((await inspectBytes(Buffer.from('hello'))).output).toMatch(
      /could not read torrent: could not decode bencoding/,
    );
    expect(await inspect('/nowhere.torrent')).toMatchObject({
      code: 1,
      output: expect.stringContaining('ENOENT'),
    });
    expect(await inspect(SAMPLES)).toMatchObject({ code: 1, output: expect.stringContaining('not a file') });
    expect((await inspect('magnet:?dn=x')).output).toContain('no info-hash');
  });

  test("a comment can't drive the terminal", async () => {
    const info = { name: 'x\u202efdp', length: 1, 'piece length': 16_384, pieces: new Uint8Array(20) };
    const { code, stdout } = await inspectBytes(encode({ info, comment: 'a\x1b[31mb\nc' }));
    expect(code).toBe(0);
    expect(stdout).toContain('comment    a\ufffd[31mb\ufffdc');
    for (const character of ['\x1b', '\u202e']) expect(stdout).not.toContain(character);
  });
});

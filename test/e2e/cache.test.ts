/** `debtorrent cache` on a cache with real packages in it, by way of the running daemon and without one. */
import { expect, test } from 'bun:test';
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { bytesOf, expectRight, QUICK } from '../fixtures/archive.ts';
import { DEBTORRENT } from '../fixtures/daemon.ts';
import { freePort } from '../fixtures/free-port.ts';
import { run } from '../fixtures/run.ts';
import { Scene } from '../fixtures/scene.ts';
import { tempDir } from '../fixtures/temp-dir.ts';

const sha256 = (path: string) => new Bun.CryptoHasher('sha256').update(readFileSync(path)).digest('hex');

test('list, export, verify with repair, and prune; the daemon alive, and then gone', async () => {
  await using scene = await Scene.open();
  using there = tempDir('export');
  const daemon = await scene.daemon();
  const client = await scene.apt(daemon);
  expectRight(scene.archive, await client.download(QUICK), QUICK);
  const cache = (url: string, ...args: readonly string[]) =>
    run([...DEBTORRENT, 'cache', ...args, '--url', url, '--cache-dir', daemon.cacheDir], { cwd: there.path });
  const [name = ''] = QUICK;
  const file = scene.archive.file(name);
  const stored = join(daemon.cacheDir, 'files', file.sha256.slice(0, 2), file.sha256);
  const spoil = () => writeFileSync(stored, new Uint8Array(readFileSync(stored).length));

  const list = await cache(daemon.proxyUrl, 'list', '.deb');
  expect(list.code).toBe(0);
  expect(list.stdout).toContain(basename(file.path));
  const exported = await cache(daemon.proxyUrl, 'export', basename(file.path), '--json');
  expect(exported).toMatchObject({ code: 0 });
  expect(sha256(JSON.parse(exported.stdout).path)).toBe(file.sha256);
  expect((await cache(daemon.proxyUrl, 'export', basename(file.path))).stderr).toContain('could not write');

  spoil();
  const verified = await cache(daemon.proxyUrl, 'verify', '--json');
  expect(verified.code).toBe(0);
  expect(JSON.parse(verified.stdout).wrong).toEqual([
    expect.objectContaining({ key: file.sha256, repaired: true }),
  ]);
  expect(sha256(stored)).toBe(file.sha256);
  const pruned = JSON.parse((await cache(daemon.proxyUrl, 'prune', '0', '--json')).stdout);
  expect(pruned.bytes).toBeGreaterThanOrEqual(bytesOf(scene.archive, QUICK));
  expect((await daemon.status()).store.files).toBe(0);

  expectRight(scene.archive, await client.download(QUICK), QUICK);
  await daemon.stop();
  const nobody = `http://127.0.0.1:${await freePort()}`;
  spoil();
  const alone = await cache(nobody, 'verify');
  expect(alone).toMatchObject({ code: 1 });
  expect(alone.stdout).toContain(`1 of them not what their name says`);
  expect((await cache(nobody, 'list', basename(file.path))).stdout).toBe('0 files, 0 B\n');
  expect((await cache(nobody, 'prune', 'much')).code).toBe(2);
  expect((await cache(nobody, 'prune', '0')).code).toBe(0);
  expect((await cache(nobody, 'list')).stdout).toBe('0 files, 0 B\n');
});

/** A cache on a disk that is too small (a file system of its own): a real apt-get has its files all the same. */
import { expect, test } from 'bun:test';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expectRight } from '../fixtures/archive.ts';
import { atEnd } from '../fixtures/at-end.ts';
import type { Daemon } from '../fixtures/daemon.ts';
import { eventually } from '../fixtures/eventually.ts';
import { runWell } from '../fixtures/run.ts';
import { Scene } from '../fixtures/scene.ts';
import { SignedRepository } from '../fixtures/signed-repository.ts';
import { tempDir } from '../fixtures/temp-dir.ts';

const NAME = 'huge';
/** More than flies in memory. */
const HUGE_BYTES = 80_000_000;
const MB = 1_000_000;

/** A file system of that size, mounted until it is disposed. */
async function smallDisk(sizeBytes: number): Promise<AsyncDisposable & { readonly path: string }> {
  const dir = tempDir('small-disk');
  await runWell(['mount', '-t', 'tmpfs', '-o', `size=${sizeBytes}`, 'none', dir.path]);
  const forget = atEnd(() => void Bun.spawnSync(['umount', dir.path]));
  return {
    path: dir.path,
    async [Symbol.asyncDispose]() {
      await runWell(['umount', dir.path]);
      forget();
      dir[Symbol.dispose]();
    },
  };
}

const hasBytes = async (daemon: Daemon, bytes: number) =>
  (await daemon.status()).transfers.some(({ haveBytes }) => haveBytes > bytes);

test('a file for which there is no room, too large for memory, comes from the mirror', async () => {
  using archive = await SignedRepository.build({ packages: [{ name: NAME, payloadBytes: HUGE_BYTES }] });
  await using disk = await smallDisk(HUGE_BYTES / 2);
  await using scene = await Scene.open(archive);
  const daemon = await scene.daemon({ args: ['--cache-dir', disk.path] });
  const client = await scene.apt(daemon);
  const got = await client.download([NAME]);
  expectRight(archive, got, [NAME]);
  expect(got.output).not.toMatch(/^(?:Ign|Err|W:|E:)/m);
  expect(readdirSync(join(disk.path, 'partial'))).toEqual([]);
});

test('a disk that fills up on the way: apt goes on with the rest, from the mirror', async () => {
  using archive = await SignedRepository.build({ packages: [{ name: NAME, payloadBytes: HUGE_BYTES }] });
  await using disk = await smallDisk(HUGE_BYTES + 20 * MB);
  await using scene = await Scene.open(archive);
  const daemon = await scene.daemon({ args: ['--cache-dir', disk.path] });
  const client = await scene.apt(daemon);
  scene.mirror.fault(/huge/, { bytesPerSecond: 20 * MB });
  const download = client.download([NAME]);
  await eventually('some of it is here', () => hasBytes(daemon, 10 * MB));
  writeFileSync(join(disk.path, 'somebody-else'), new Uint8Array(50 * MB));
  expectRight(archive, await download, [NAME]);
  expect(scene.mirror.poolBytes).toBeLessThan(HUGE_BYTES + 10 * MB);
  expect(readdirSync(join(disk.path, 'partial'))).toEqual([]);
});

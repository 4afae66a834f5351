/** A .dtorrent made from an archive's index, and a node that starts from it. */
import { expect, test } from 'bun:test';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { testArchive } from '../fixtures/archive.ts';
import { DEBTORRENT } from '../fixtures/daemon.ts';
import { runWell } from '../fixtures/run.ts';
import { Scene } from '../fixtures/scene.ts';
import { tempDir } from '../fixtures/temp-dir.ts';

test('make-torrent reads the Release beside the index; serve --torrent and status know the swarm', async () => {
  const archive = await testArchive();
  using directory = tempDir('dtorrent');
  const index = join(archive.root, 'dists', archive.suite, 'main/binary-amd64/Packages.gz');
  await runWell([...DEBTORRENT, 'make-torrent', index], { cwd: directory.path });
  const made = readdirSync(directory.path).filter((name) => name.endsWith('.dtorrent'));
  expect(made).toHaveLength(1);

  await using scene = await Scene.open();
  const daemon = await scene.daemon({ args: ['--torrent', join(directory.path, made[0] as string)] });
  const name = `${archive.origin} ${archive.codename} amd64`;
  const { swarms } = await daemon.status();
  expect(swarms.map((swarm) => swarm.name)).toContain(name);

  const status = [...DEBTORRENT, 'status', '--url', daemon.proxyUrl];
  expect(JSON.parse((await runWell([...status, '--json'])).stdout)).toMatchObject({ swarms });
  expect((await runWell(status)).stdout).toContain(name);
});

/** A .dtorrent made from an archive's index, and a node that starts from it. */
import { expect, test } from 'bun:test';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expectRight, testArchive } from '../fixtures/archive.ts';
import { DEBTORRENT } from '../fixtures/daemon.ts';
import { runWell } from '../fixtures/run.ts';
import { connected, expectPoolGaveNothing, leavePoolUnanswered, Scene } from '../fixtures/scene.ts';
import { SignedRepository } from '../fixtures/signed-repository.ts';
import { tempDir } from '../fixtures/temp-dir.ts';
import { TrackerProcess } from '../fixtures/tracker.ts';

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

test('nodes find the .dtorrent that the signed Release lists, and meet at its tracker', async () => {
  using archive = await SignedRepository.build({ packages: [{ name: 'medium', payloadBytes: 3_000_000 }] });
  await using tracker = await TrackerProcess.start();
  using directory = tempDir('dtorrent');
  const dists = join(archive.root, 'dists', archive.suite);
  const make = ['make-torrent', dists, '--beside', '--pool', archive.root, '--tracker', tracker.announceUrl];
  await runWell([...DEBTORRENT, ...make, '--state', join(directory.path, 'hashes')]);
  await archive.list('main/binary-amd64/Packages.dtorrent');

  await using scene = await Scene.open(archive);
  // Neither is told of a tracker, nor of the other.
  await scene.seeder(['medium']);
  const second = await scene.daemon();
  const client = await scene.apt(second);
  await connected(second);
  leavePoolUnanswered(scene);
  expectRight(archive, await client.download(['medium']), ['medium']);
  expectPoolGaveNothing(scene, second);
});

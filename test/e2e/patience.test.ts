/**
 * Slow lines: apt at its defaults gives a connection up after 30 s without a byte, while a file that has to be whole before
 * it is proven, or its last piece, can take longer than that. Real apt-get, the built binary.
 */
import { expect, test } from 'bun:test';
import { AptClient } from '../fixtures/apt-client.ts';
import { expectRight } from '../fixtures/archive.ts';
import { Scene } from '../fixtures/scene.ts';
import { SignedRepository } from '../fixtures/signed-repository.ts';

test('a last piece that takes 20 s to be whole: apt hears of it meanwhile, and needs no second try', async () => {
  using archive = await SignedRepository.build({ packages: [{ name: 'slow', payloadBytes: 470_000 }] });
  await using scene = await Scene.open(archive);
  const daemon = await scene.daemon();
  const client = scene.use(
    new AptClient({
      repository: archive,
      url: scene.mirror.url,
      proxy: daemon.proxyUrl,
      // A shorter test than with 30 s and a longer file; the daemon speaks every 8 s.
      options: ['Acquire::http::Timeout=16', 'Acquire::Retries=0'],
    }),
  );
  expect(await client.update()).toMatchObject({ code: 0 });
  // The first piece quickly, for apt to have the head.
  scene.mirror.fault(/\/pool\//, { bytesPerSecond: 10_500, quickBytes: 270_000 });
  const got = await client.download(['slow']);
  expectRight(archive, got, ['slow']);
  expect(scene.mirror.poolRequests).toHaveLength(1);
});

test('a file of one piece that takes 36 s: apt hears of it meanwhile, and needs no second try', async () => {
  using archive = await SignedRepository.build({ packages: [{ name: 'slow', payloadBytes: 180_000 }] });
  await using scene = await Scene.open(archive);
  const daemon = await scene.daemon();
  const client = scene.use(
    new AptClient({
      repository: archive,
      url: scene.mirror.url,
      proxy: daemon.proxyUrl,
      options: ['Acquire::http::Timeout=16', 'Acquire::Retries=0'],
    }),
  );
  expect(await client.update()).toMatchObject({ code: 0 });
  scene.mirror.fault(/\/pool\//, { bytesPerSecond: 5_000 });
  expectRight(archive, await client.download(['slow']), ['slow']);
  expect(scene.mirror.poolRequests).toHaveLength(1);
});

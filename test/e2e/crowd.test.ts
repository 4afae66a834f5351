/** Many apt clients at once through one node. */
import { expect, test } from 'bun:test';
import { AptClient } from '../fixtures/apt-client.ts';
import { bytesOf, expectRight } from '../fixtures/archive.ts';
import { Scene } from '../fixtures/scene.ts';
import { type PackageSpec, SignedRepository } from '../fixtures/signed-repository.ts';

const packages: PackageSpec[] = Array.from({ length: 24 }, (_, i) => ({
  name: `crowd-${i}`,
  payloadBytes: 700 * (i + 1) ** 2,
}));
packages.push({ name: 'crowd-big', payloadBytes: 12_000_000 });

test('8 apt clients, cold, at once: no failure, and the mirror serves each file once', async () => {
  using archive = await SignedRepository.build({ packages });
  await using scene = await Scene.open(archive);
  const daemon = await scene.daemon();
  const names = packages.map(({ name }) => name);
  // Slow enough that the clients meet on the way, each in an order of its own.
  scene.mirror.fault(/\/pool\//, { delayMs: 20, bytesPerSecond: 20_000_000 });

  await Promise.all(
    Array.from({ length: 8 }, async (_, i) => {
      const client = scene.use(
        new AptClient({ repository: archive, url: scene.mirror.url, proxy: daemon.proxyUrl }),
      );
      expect(await client.update()).toMatchObject({ code: 0 });
      const order = [...names.slice(3 * i), ...names.slice(0, 3 * i)];
      const got = await client.download(order);
      expectRight(archive, got, names);
      expect(got.output).not.toMatch(/^(?:Ign|Err|W:|E:)/m);
    }),
  );
  expect(scene.mirror.poolRequests.map(({ path }) => path).sort()).toEqual(
    names.map((name) => `/${archive.file(name).path}`).sort(),
  );
  expect(scene.mirror.poolBytes).toBe(bytesOf(archive, names));
});

/** The real apt-get by way of our method: the built binary under the name that apt calls it by. */
import { expect, test } from 'bun:test';
import type { AptClient, AptClientOptions } from '../fixtures/apt-client.ts';
import { AptMethods } from '../fixtures/apt-methods.ts';
import { ALL, bytesOf, expectRight } from '../fixtures/archive.ts';
import type { Daemon } from '../fixtures/daemon.ts';
import { expectPoolUntouched, Scene } from '../fixtures/scene.ts';

/** An apt-get that asks `daemon` by our method, after its `update`. */
async function client(
  scene: Scene,
  daemon: Daemon,
  further: readonly string[] = [],
  options: Partial<AptClientOptions> = {},
): Promise<AptClient> {
  const methods = scene.use(new AptMethods());
  const url = `debtorrent+${scene.mirror.url}`;
  return await scene.apt(daemon, {
    url,
    proxy: 'DIRECT',
    ...methods.options(daemon.proxyUrl, further),
    ...options,
  });
}

test('update and install: everything by the daemon, each file once; warm: the mirror hears of no file', async () => {
  await using scene = await Scene.open();
  const daemon = await scene.daemon();
  const cold = await client(scene, daemon);
  const got = await cold.install(ALL);
  expectRight(scene.archive, got, ALL);
  expect(scene.mirror.poolRequests.map(({ path }) => path).sort()).toEqual(
    ALL.map((name) => `/${scene.archive.file(name).path}`).sort(),
  );
  expect(got.output).not.toMatch(/^(?:Ign|Err|W:|E:)/m);
  expect((await daemon.status()).bytes.fromMirror).toBeGreaterThanOrEqual(bytesOf(scene.archive, ALL));

  scene.mirror.clearLog();
  const warm = await client(scene, daemon);
  expectRight(scene.archive, await warm.install(ALL), ALL);
  expectPoolUntouched(scene, daemon);
});

test('a second `update` is a hit', async () => {
  await using scene = await Scene.open();
  const daemon = await scene.daemon();
  const apt = await client(scene, daemon);
  const again = await apt.update();
  expect(again).toMatchObject({ code: 0 });
  expect(again.output).toMatch(/^Hit:1 debtorrent\+http:/m);
  expect(again.output).not.toContain('Get:');
});

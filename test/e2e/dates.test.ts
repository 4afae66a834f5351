/** A partial file with bytes of peers in it must not be resumed from the mirror as if they were the mirror's. */
import { expect, test } from 'bun:test';
import { expectRight } from '../fixtures/archive.ts';
import { connected, Scene } from '../fixtures/scene.ts';

test('the daemon is killed with half a file from peers at apt: the next run, at the mirror, starts it anew', async () => {
  await using scene = await Scene.open();
  const seeder = await scene.seeder(['large'], { args: ['--upload-limit', '4 MiB/s'] });
  const daemon = await scene.daemon({ peers: [seeder.peerAddress] });
  const client = await scene.apt(daemon, { options: ['Acquire::Retries=0'] });
  await connected(daemon);
  // Peers alone.
  scene.mirror.fault(/large/, { hang: true });
  scene.mirror.clearLog();
  const downloading = client.install(['large']);
  while (((await daemon.status()).transfers[0]?.haveBytes ?? 0) < 8_000_000) await Bun.sleep(20);
  await daemon.kill9();
  expect((await downloading).code).toBe(100);

  scene.mirror.clearFaults();
  scene.mirror.clearLog();
  client.useProxy('DIRECT');
  expectRight(scene.archive, await client.install(['large']), ['large']);
  const [asked, ...more] = scene.mirror.poolRequests;
  expect(more).toEqual([]);
  expect(asked?.headers.get('range')).toMatch(/^bytes=\d+-$/);
  expect(asked?.headers.get('if-range')).toBeDefined();
  // The whole file, as the date isn't the mirror's.
  expect(asked?.status).toBe(200);
});

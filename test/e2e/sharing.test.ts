/** What isn't marked as shared (and isn't signed by a public archive's key) stays with this node. */
import { expect, test } from 'bun:test';
import { expectRight, QUICK } from '../fixtures/archive.ts';
import type { Daemon } from '../fixtures/daemon.ts';
import { eventually } from '../fixtures/eventually.ts';
import { Scene } from '../fixtures/scene.ts';
import { RecordingTracker } from '../fixtures/tracker.ts';

test('an archive that nobody shared is served to apt and to nobody else', async () => {
  await using scene = await Scene.open();
  const tracker = scene.use(new RecordingTracker());
  const announced = (by: Daemon) => tracker.announces.some(({ port }) => by.peerAddress.endsWith(`:${port}`));
  const first = await scene.seeder(QUICK, { share: undefined, trackers: [tracker.announceUrl] });
  expect((await first.status()).swarms).toEqual([]);

  // The second node shares, and so does announce: by then the first would have, too.
  const second = await scene.daemon({ trackers: [tracker.announceUrl], peers: [first.peerAddress] });
  const client = await scene.apt(second);
  await eventually('the sharing node announces', () => announced(second));
  scene.mirror.clearLog();
  expectRight(scene.archive, await client.download(QUICK), QUICK);

  expect(announced(first)).toBe(false);
  expect(scene.mirror.poolRequests).toHaveLength(QUICK.length);
  expect((await second.status()).bytes.fromPeers).toBe(0);
  expect((await first.status()).bytes.uploaded).toBe(0);
});

test('an upstream on loopback is refused unless it is allowed', async () => {
  await using scene = await Scene.open();
  const daemon = await scene.daemon({ mirror: undefined });
  const url = `${daemon.urlFor(scene.mirror)}/dists/stable/InRelease`;
  const answer = await fetch(url, { proxy: false } as RequestInit);
  expect(answer.status).toBe(403);
  expect(await answer.text()).toContain('--allow-upstream');
  expect(scene.mirror.log).toEqual([]);
});

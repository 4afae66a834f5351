/** One node, no peers: real apt-get, the built binary, a signed archive. */
import { expect, test } from 'bun:test';
import { ALL, bytesOf, expectRight, QUICK } from '../fixtures/archive.ts';
import { expectPoolUntouched, inSwarm, Scene } from '../fixtures/scene.ts';
import { SignedRepository } from '../fixtures/signed-repository.ts';

test('cold: everything comes from the mirror, each file once; warm: the mirror hears of no file', async () => {
  await using scene = await Scene.open();
  const daemon = await scene.daemon();
  const cold = await scene.apt(daemon);
  expectRight(scene.archive, await cold.download(ALL), ALL);
  expect(scene.mirror.poolRequests.map(({ path }) => path).sort()).toEqual(
    ALL.map((name) => `/${scene.archive.file(name).path}`).sort(),
  );
  const { bytes } = await daemon.status();
  expect(bytes.fromMirror).toBeGreaterThanOrEqual(bytesOf(scene.archive, ALL));
  expect(bytes.fromPeers).toBe(0);

  scene.mirror.clearLog();
  const warm = await scene.apt(daemon);
  expectRight(scene.archive, await warm.download(ALL), ALL);
  expectPoolUntouched(scene, daemon);
  expect((await daemon.status()).bytes.fromStore).toBeGreaterThanOrEqual(bytesOf(scene.archive, ALL));
});

test('the mirror-style URL and `install` give the same files', async () => {
  await using scene = await Scene.open();
  const daemon = await scene.daemon();
  const client = await scene.apt(daemon, { url: daemon.urlFor(scene.mirror), proxy: 'DIRECT' });
  expectRight(scene.archive, await client.install(QUICK), QUICK);
  expect(scene.mirror.poolRequests).toHaveLength(QUICK.length);
});

test('"+" and "~" are one file, percent-encoded or not', async () => {
  await using scene = await Scene.open();
  const daemon = await scene.daemon();
  await scene.apt(daemon);
  const { path, sha256 } = scene.archive.file('libplus++');
  const encoded = path.replaceAll('+', '%2B').replaceAll('~', '%7e');
  for (const form of [path, encoded, encoded.toLowerCase()]) {
    const answer = await fetch(`${daemon.urlFor(scene.mirror)}/${form}`, { proxy: false } as RequestInit);
    expect(answer.status).toBe(200);
    expect(new Bun.CryptoHasher('sha256').update(await answer.bytes()).digest('hex')).toBe(sha256);
  }
  expect(scene.mirror.poolRequests).toHaveLength(1);
});

test('after a restart the catalogue still names the files, with the mirror switched off', async () => {
  await using scene = await Scene.open();
  const daemon = await scene.daemon();
  const client = await scene.apt(daemon);
  expectRight(scene.archive, await client.download(QUICK), QUICK);
  await daemon.restart();
  await scene.mirror.switchOff();
  expectRight(scene.archive, await client.download(QUICK), QUICK);
});

test('a node that is killed or stopped right after `update` still knows the archive when it is back', async () => {
  await using scene = await Scene.open();
  const daemon = await scene.daemon();
  const client = await scene.apt(daemon);
  await daemon.kill9();
  await daemon.start();
  await inSwarm(scene, daemon);

  expectRight(scene.archive, await client.download(QUICK), QUICK);
  expect((await daemon.status()).store.bytes).toBeGreaterThanOrEqual(bytesOf(scene.archive, QUICK));
});

test('a new version that the archive publishes is what apt gets', async () => {
  const packages = [{ name: 'moving', payloadBytes: 1000 }];
  using archive = await SignedRepository.build({ packages });
  await using scene = await Scene.open(archive);
  const daemon = await scene.daemon();
  const client = await scene.apt(daemon);
  expectRight(archive, await client.download(['moving']), ['moving']);

  await archive.update([{ name: 'moving', version: '2.0-1', payloadBytes: 2000 }]);
  expect(await client.update()).toMatchObject({ code: 0 });
  expectRight(archive, await client.download(['moving']), ['moving']);
});

test('a mirror that cuts in the middle of a file: apt gets it whole', async () => {
  await using scene = await Scene.open();
  const daemon = await scene.daemon();
  const client = await scene.apt(daemon);
  scene.mirror.fault(/medium/, { cutAfterBytes: 1_000_000, cutBy: 'rst', times: 1 });
  expectRight(scene.archive, await client.download(['medium']), ['medium']);
});

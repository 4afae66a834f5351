/** A node that ends in the middle of a 30 MB file goes on where it was, and what it had on disk is believed only after hashing. */
import { expect, test } from 'bun:test';
import {
  appendFileSync,
  closeSync,
  openSync,
  readdirSync,
  readSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { bytesOf, expectRight } from '../fixtures/archive.ts';
import type { Daemon } from '../fixtures/daemon.ts';
import { eventually } from '../fixtures/eventually.ts';
import { connected, Scene } from '../fixtures/scene.ts';

const NAME = 'large';
const PIECE_BYTES = 256 * 1024;
/** Until the node ends. */
const ENOUGH_BYTES = 8_000_000;

/** Begins to fetch the file, ends the node when enough of it is there; returns how much that was. */
async function interrupted(scene: Scene, daemon: Daemon, end: 'kill9' | 'stop' = 'kill9'): Promise<number> {
  const download = fetched(scene, daemon);
  const haveBytes = await enough(daemon);
  await daemon[end]();
  expect(await download).not.toBe(scene.archive.file(NAME).sha256);
  return haveBytes;
}

/** Resolves with what is here when it is enough. */
async function enough(daemon: Daemon): Promise<number> {
  let haveBytes = 0;
  await eventually('a good part is here', async () => {
    const { transfers } = await daemon.status();
    haveBytes = Math.max(haveBytes, ...transfers.map((transfer) => transfer.haveBytes));
    return haveBytes > ENOUGH_BYTES;
  });
  return haveBytes;
}

/** The SHA-256 of the file as the node gives it; undefined when the transfer broke off. */
async function fetched(scene: Scene, daemon: Daemon): Promise<string | undefined> {
  const url = `${daemon.urlFor(scene.mirror)}/${scene.archive.file(NAME).path}`;
  try {
    const answer = await fetch(url, { proxy: false, keepalive: false } as RequestInit);
    return new Bun.CryptoHasher('sha256').update(await answer.bytes()).digest('hex');
  } catch {
    return undefined;
  }
}

/** What the node has fetched since its start. (The mirror's own count has what a killed node never read.) */
async function fetchedBytes(daemon: Daemon): Promise<number> {
  const { fromMirror, fromPeers } = (await daemon.status()).session;
  return fromMirror + fromPeers;
}

async function sceneAtMirror() {
  const scene = await Scene.open();
  const daemon = await scene.daemon();
  await scene.apt(daemon);
  scene.mirror.fault(/large/, { bytesPerSecond: 10_000_000 });
  scene.mirror.clearLog();
  const { sizeBytes, sha256 } = scene.archive.file(NAME);
  return { scene, daemon, sizeBytes, sha256, partial: join(daemon.cacheDir, 'partial', sha256) };
}

test.each(['kill9', 'stop'] as const)(
  'from the mirror, ended by %s: what had come is not fetched again',
  async (end) => {
    const { scene, daemon, sizeBytes, sha256 } = await sceneAtMirror();
    await using _scene = scene;
    const haveBytes = await interrupted(scene, daemon, end);
    await daemon.start();
    scene.mirror.clearFaults();
    expect(await fetched(scene, daemon)).toBe(sha256);
    expect(await fetchedBytes(daemon)).toBeLessThanOrEqual(sizeBytes - haveBytes + 2 * PIECE_BYTES);
    expect(readdirSync(join(daemon.cacheDir, 'partial'))).toEqual([]);
  },
);

test('apt, whose own partial file is there too, has the right file; the mirror gives little more than one copy', async () => {
  await using scene = await Scene.open();
  const daemon = await scene.daemon();
  const client = await scene.apt(daemon, { options: ['Acquire::Retries=0'] });
  scene.mirror.fault(/large/, { bytesPerSecond: 10_000_000 });
  scene.mirror.clearLog();
  const download = client.download([NAME]);
  const haveBytes = await enough(daemon);
  await daemon.kill9();
  expect((await download).code).toBe(100);
  await daemon.start();
  scene.mirror.clearFaults();
  expectRight(scene.archive, await client.download([NAME]), [NAME]);
  const restBytes = bytesOf(scene.archive, [NAME]) - haveBytes;
  expect(await fetchedBytes(daemon)).toBeLessThanOrEqual(restBytes + 2 * PIECE_BYTES);
});

test('from a peer, killed: what had come is not fetched again', async () => {
  await using scene = await Scene.open();
  const seeder = await scene.seeder([NAME], { args: ['--upload-limit', '10MB'] });
  const daemon = await scene.daemon({ peers: [seeder.peerAddress] });
  await scene.apt(daemon);
  await connected(daemon);
  scene.mirror.fault(/large/, { bytesPerSecond: 2_000_000 });
  const haveBytes = await interrupted(scene, daemon);
  await daemon.start();
  await connected(daemon);
  const { sizeBytes, sha256 } = scene.archive.file(NAME);
  expect(await fetched(scene, daemon)).toBe(sha256);
  // The mirror and the peer may race for pieces, and those that lose a race count too.
  expect(await fetchedBytes(daemon)).toBeLessThanOrEqual(sizeBytes - haveBytes + 8 * PIECE_BYTES);
  expect((await daemon.status()).banned).toEqual([]);
});

test('a byte of a kept piece changed on disk: that piece is fetched anew, and the file is right', async () => {
  const { scene, daemon, sizeBytes, sha256, partial } = await sceneAtMirror();
  await using _scene = scene;
  const haveBytes = await interrupted(scene, daemon);
  invertByte(partial, 3 * PIECE_BYTES + 77);
  await daemon.start();
  scene.mirror.clearFaults();
  scene.mirror.clearLog();
  expect(await fetched(scene, daemon)).toBe(sha256);
  expect(await fetchedBytes(daemon)).toBeLessThanOrEqual(sizeBytes - haveBytes + 3 * PIECE_BYTES);
  const ranges = scene.mirror.poolRequests.map(({ headers }) => headers.get('range'));
  expect(ranges).toContain(`bytes=${3 * PIECE_BYTES}-${4 * PIECE_BYTES - 1}`);
});

test('a journal that is torn at its end, then garbage: the file is right, and most is still kept', async () => {
  const { scene, daemon, sizeBytes, sha256, partial } = await sceneAtMirror();
  await using _scene = scene;
  const haveBytes = await interrupted(scene, daemon);
  const journal = `${partial}.journal`;
  truncateSync(journal, statSync(journal).size - 7);
  appendFileSync(journal, crypto.getRandomValues(new Uint8Array(1000)));
  await daemon.start();
  scene.mirror.clearFaults();
  expect(await fetched(scene, daemon)).toBe(sha256);
  expect(await fetchedBytes(daemon)).toBeLessThanOrEqual(sizeBytes - haveBytes + 3 * PIECE_BYTES);
});

function invertByte(path: string, at: number): void {
  const fd = openSync(path, 'r+');
  const byte = new Uint8Array(1);
  readSync(fd, byte, 0, 1, at);
  byte[0] = 255 - (byte[0] as number);
  writeSync(fd, byte, 0, 1, at);
  closeSync(fd);
}

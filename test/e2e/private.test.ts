/**
 * What of a private archive leaves the machine: nothing. A node that is in the swarm of another archive, with a tracker,
 * the DHT and a peer that record all they hear, fetches a private archive's packages, too; even the peer that knows
 * the private archive, and looks for the same files, learns nothing. Each search is shown to find what is public.
 */
import { expect, test } from 'bun:test';
import { encode } from '../../src/bencode/encode.ts';
import type { BInputDict } from '../../src/bencode/value.ts';
import { formatHostPort } from '../../src/lib/host-port.ts';
import { swarmInfoHash } from '../../src/torrent/archive-identity.ts';
import { blindSwarm } from '../../src/wire/archive-ext.ts';
import { knowsNobody, Stranger } from '../discovery/stranger.ts';
import { AptClient } from '../fixtures/apt-client.ts';
import { expectRight, QUICK } from '../fixtures/archive.ts';
import { eventually } from '../fixtures/eventually.ts';
import { MirrorServer } from '../fixtures/mirror-server.ts';
import { RecordingRelay } from '../fixtures/recording-relay.ts';
import { connected, inSwarm, Scene } from '../fixtures/scene.ts';
import { SignedRepository } from '../fixtures/signed-repository.ts';
import { RecordingTracker } from '../fixtures/tracker.ts';

const SECRETS = ['secret-tool', 'secret-data'];

const infoHashesOf = ({ origin, codename }: SignedRepository) =>
  ['amd64', 'all'].map((architecture) =>
    Buffer.from(swarmInfoHash({ origin, codename, architecture }), 'hex'),
  );

/** What would tell of these packages, in all the forms in which it might stand in a stream of bytes. */
function tracesOf(archive: SignedRepository, names: readonly string[]): Buffer[] {
  const keys = names.map((name) => archive.file(name).sha256);
  return [
    ...keys.map((key) => Buffer.from(key, 'hex')),
    ...keys.map((key) => Buffer.from(key)),
    ...infoHashesOf(archive),
    ...[...names, archive.origin, archive.codename].map((text) => Buffer.from(text)),
  ];
}

/** The node's words to another: in front of its `hello` stand the handshakes with both peer ids (BEP 3). */
function blindedIn(said: Buffer, heard: Buffer, archive: SignedRepository): Buffer[] {
  const [own, theirs] = [said.subarray(48, 68), heard.subarray(48, 68)];
  return infoHashesOf(archive).map((infoHash) => Buffer.from(blindSwarm(infoHash, own, theirs)));
}

test('packages, names and hashes of a private archive reach no peer, no tracker and no DHT', async () => {
  using secret = await SignedRepository.build({
    origin: 'Secret Corp',
    codename: 'vault',
    packages: SECRETS.map((name) => ({ name, payloadBytes: 30_000 })),
  });
  await using secretMirror = await MirrorServer.start(secret.root);
  await using scene = await Scene.open();
  const tracker = scene.use(new RecordingTracker());
  const node = scene.use(await Stranger.on('127.0.0.62', knowsNobody));
  const mirrors = ['--allow-upstream', secretMirror.hostPort];

  const second = await scene.seeder(QUICK, { args: [...mirrors, '--share', secret.origin] });
  const relay = scene.use(await RecordingRelay.start(second.peerAddress));
  const first = await scene.daemon({
    trackers: [tracker.announceUrl],
    peers: [relay.address],
    args: [...mirrors, '--dht', '--dht-bootstrap', formatHostPort(node.at)],
  });
  const clientOf = (proxy: string) =>
    scene.use(new AptClient({ repository: secret, url: secretMirror.url, proxy }));

  const open = await scene.apt(first);
  await inSwarm(scene, first);
  await connected(first);
  const inside = clientOf(first.proxyUrl);
  expect(await inside.update()).toMatchObject({ code: 0 });
  expectRight(secret, await inside.download(SECRETS), SECRETS);
  expectRight(scene.archive, await open.download(QUICK), QUICK);
  expect((await first.status()).bytes.fromPeers).toBeGreaterThan(0);

  // The other one knows the archive, is in its swarm and looks for its files.
  const outside = clientOf(second.proxyUrl);
  expect(await outside.update()).toMatchObject({ code: 0 });
  await eventually('the second is in the private swarm', async () =>
    (await second.status()).swarms.some(({ name }) => name.startsWith(secret.origin)),
  );
  secretMirror.clearLog();
  expectRight(secret, await outside.download(SECRETS), SECRETS);
  expect(secretMirror.poolRequests).toHaveLength(SECRETS.length);
  expect((await first.status()).bytes.uploaded).toBe(0);
  expect((await second.status()).bytes.fromPeers).toBe(0);
  expect((await first.status()).swarms.map(({ name }) => name)).toEqual([
    expect.stringContaining(scene.archive.origin),
    expect.stringContaining(scene.archive.origin),
  ]);

  // And the private files are there to be asked for: the node serves them to its own clients.
  secretMirror.clearLog();
  expectRight(secret, await inside.download(SECRETS), SECRETS);
  expect(secretMirror.poolRequests).toHaveLength(0);

  await eventually('the tracker and the DHT have heard of it', () => {
    const packets = node.heard.map(({ message }) => Buffer.from(encode(message as BInputDict)));
    return (
      tracker.announces.length > 0 &&
      infoHashesOf(scene.archive).every((hash) => packets.some((p) => p.includes(hash)))
    );
  });
  const talks = relay.talks;
  const said = Buffer.concat(talks.map((talk) => talk.said));
  const toDht = Buffer.concat(node.heard.map(({ message }) => Buffer.from(encode(message as BInputDict))));
  const toTracker = tracker.announces.map(({ infoHash }) => infoHash);

  const finds = (haystack: Buffer, needles: readonly Buffer[]) =>
    needles.filter((needle) => haystack.includes(needle)).length;
  const blinded = (archive: SignedRepository) =>
    talks.map((talk) => finds(talk.said, blindedIn(talk.said, talk.heard, archive)));
  const toldOf = (archive: SignedRepository, names: readonly string[]) => ({
    peer: finds(said, tracesOf(archive, names)) > 0,
    swarms: Math.max(...blinded(archive)) > 0,
    dht: finds(toDht, tracesOf(archive, names)) > 0,
    tracker: infoHashesOf(archive).some((hash) => toTracker.includes(hash.toString('hex'))),
  });
  expect(toldOf(scene.archive, QUICK)).toEqual({ peer: true, swarms: true, dht: true, tracker: true });
  expect(toldOf(secret, SECRETS)).toEqual({ peer: false, swarms: false, dht: false, tracker: false });
}, 90_000);

test('an archive behind a password passes uncached: each client is asked for its own by the server', async () => {
  await using scene = await Scene.open();
  const daemon = await scene.daemon();
  const url = scene.mirror.url.replace('http://', 'http://me:hidden@');
  for (let i = 0; i < 2; i += 1) {
    const client = scene.use(new AptClient({ repository: scene.archive, url, proxy: daemon.proxyUrl }));
    expect(await client.update()).toMatchObject({ code: 0 });
    expectRight(scene.archive, await client.download(['tiny', 'small-a']), ['tiny', 'small-a']);
  }
  expect(scene.mirror.poolRequests.map(({ headers }) => headers.get('authorization'))).toEqual(
    Array(4).fill(`Basic ${Buffer.from('me:hidden').toString('base64')}`),
  );
  const status = await daemon.status();
  expect([status.store.files, status.swarms, status.releases]).toEqual([0, [], []]);
  expect(daemon.log).not.toContain('hidden');
}, 60_000);

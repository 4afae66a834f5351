/**
 * Machines far from each other: a fleet of two that meets at its own tracker, and a stranger that keeps all it hears,
 * while a real apt-get fetches security updates. On loopback everybody is of the local network, hence the namespaces.
 */
import { expect, test } from 'bun:test';
import { dialTcp } from '../../src/swarm/tcp.ts';
import { swarmInfoHash } from '../../src/torrent/archive-identity.ts';
import { expectRight } from '../fixtures/archive.ts';
import type { Daemon } from '../fixtures/daemon.ts';
import { eventually } from '../fixtures/eventually.ts';
import { MirrorServer } from '../fixtures/mirror-server.ts';
import { Network } from '../fixtures/network.ts';
import { RawPeer } from '../fixtures/raw-peer.ts';
import { Scene } from '../fixtures/scene.ts';
import { SignedRepository } from '../fixtures/signed-repository.ts';

const TRACKER_PORT = 6969;
const FIXES = ['fix-a', 'fix-b', 'fix-large'];

function securityArchive(): Promise<SignedRepository> {
  return SignedRepository.build({
    suite: 'stable-security',
    codename: 'trixie-security',
    packages: [
      { name: 'fix-a', payloadBytes: 5_000 },
      { name: 'fix-b', payloadBytes: 60_000, architecture: 'all' },
      { name: 'fix-large', payloadBytes: 1_500_000 },
      { name: 'not-here', payloadBytes: 700 },
    ],
  });
}

/** Comes by itself, into the swarm. */
async function stranger(daemon: Daemon, swarm: string): Promise<RawPeer> {
  const [host, port] = daemon.peerAddress.split(':') as [string, string];
  const raw = new RawPeer(await dialTcp({ host, port: Number(port) }, 5_000), 'recorder');
  raw.handshake(swarm);
  await eventually('it shakes hands', () => {
    if (raw.closed !== undefined)
      throw new Error(`it was closed (${raw.closed}):\n${daemon.log.slice(-6000)}`);
    return raw.theirs !== undefined;
  });
  raw.extendedHandshake();
  raw.hello([swarm]);
  await eventually('it says hello', () => raw.allSaid('hello').length > 0);
  return raw;
}

test.each(['default', 'open'])(
  'scope %s: what a known tracker peer and a stranger hear of security updates',
  async (scope) => {
    await using network = await Network.open({ reach: 'wide' });
    using archive = await securityArchive();
    await using scene = Scene.around(archive, await MirrorServer.start(archive.root, network.address));
    // So far away that the fleet's answer is worth waiting for, whatever this machine is busy with.
    scene.mirror.fault(/./, { delayMs: 1_000 });
    const swarm = swarmInfoHash({ origin: archive.origin, codename: 'trixie', architecture: 'amd64' });
    const keys = FIXES.map((name) => archive.file(name).sha256);

    const hub = await network.machine();
    const meetingPoint = `${hub.address}:${TRACKER_PORT}`;
    const first = await scene.daemon({ machine: hub, args: ['--with-tracker', meetingPoint] });
    const firstApt = await scene.apt(first, { prefix: hub.prefix });
    expectRight(archive, await firstApt.download(FIXES), FIXES);
    const machine = await network.machine();
    const trackers = [`http://${meetingPoint}/announce`];
    const second = await scene.daemon({ machine, trackers, args: ['--privacy', scope] });
    const apt = await scene.apt(second, { prefix: machine.prefix });
    // In the swarm that the stranger comes into: it is joined when the index has been read.
    await eventually('the fleet meets in the swarm', async () =>
      (await second.status()).swarms.some(({ infoHash, peers }) => infoHash === swarm && peers > 0),
    );
    const raw = await stranger(second, swarm);
    scene.mirror.clearLog();

    expectRight(archive, await apt.download(FIXES), FIXES);

    // The fleet's own had them.
    expect(scene.mirror.poolRequests).toHaveLength(0);
    expect((await first.status()).bytes.uploaded).toBeGreaterThan(1_500_000);
    const wanted = raw.allSaid('want').flatMap((message): string[] => [...message.keys]);
    expect(wanted.filter((key) => keys.includes(key)).sort()).toEqual(
      scope === 'open' ? [...keys].sort() : [],
    );

    // What it asks for itself: one that is here, one that isn't, and one that no archive names.
    const [here, lacking] = ['fix-a', 'not-here'].map((name) => archive.file(name).sha256);
    const unknown = 'ab'.repeat(32);
    raw.archive({ kind: 'want', first: 0, keys: [here, lacking, unknown] as never });
    await eventually('it answers', () => raw.allSaid('none').length > 0 && raw.allSaid('have').length > 0);
    expect(raw.allSaid('have').flatMap(({ entries }) => entries.map(({ want }) => want))).toEqual([0]);
    const none = raw.allSaid('none').flatMap(({ ranges }) => ranges);
    expect(none).toEqual(scope === 'open' ? [{ first: 1, count: 2 }] : [{ first: 2, count: 1 }]);
    raw.link.close('done');
  },
);

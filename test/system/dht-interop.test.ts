/**
 * Our node in a mainline DHT of libtorrent's nodes, and they with ours; then two daemons that share nothing but such
 * a DHT's address and a mirror. Every node has an address of its own, far from the others.
 */
import { expect, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { swarmInfoHash } from '../../src/torrent/archive-identity.ts';
import { bytesOf, expectRight, QUICK, testArchive } from '../fixtures/archive.ts';
import { Daemon, DEBTORRENT } from '../fixtures/daemon.ts';
import { eventually } from '../fixtures/eventually.ts';
import { LibtorrentDht } from '../fixtures/libtorrent-dht.ts';
import { MirrorServer } from '../fixtures/mirror-server.ts';
import { Network } from '../fixtures/network.ts';
import { runWell } from '../fixtures/run.ts';
import { inSwarm, Scene } from '../fixtures/scene.ts';
import { tempDir } from '../fixtures/temp-dir.ts';

const NODES = 20;
/** As /proc/net/udp has the local port. */
const UDP_9989 = ':2705 ';
/**
 * Look-ups of libtorrent take seconds each, and its nodes change their ids when they learn their addresses: a look-up in
 * a DHT so young may miss what is there, and the next one of ours comes a minute later.
 */
const LIMIT_MS = 120_000;

async function scenery() {
  const lives = new AsyncDisposableStack();
  const network = lives.use(await Network.open({ reach: 'wide' }));
  const archive = await testArchive();
  const { origin, codename } = archive;
  const infoHash = swarmInfoHash({ origin, codename, architecture: 'amd64' });
  const mirror = await MirrorServer.start(archive.root, network.address);
  const dht = lives.use(await LibtorrentDht.start(await network.machine(), NODES));
  const scene = lives.use(Scene.around(archive, mirror));
  const joined = async () => {
    const machine = await network.machine();
    const args = ['--dht', ...dht.addresses.slice(0, 2).flatMap((at) => ['--dht-bootstrap', at])];
    const daemon = await scene.daemon({ machine, args });
    return { machine, daemon, apt: await scene.apt(daemon, { prefix: machine.prefix }) };
  };
  return { lives, archive, dht, scene, infoHash, joined };
}

const dhtNodes = async (daemon: Daemon) => (await daemon.status()).dht?.nodes ?? 0;

test('a node of libtorrent finds ours in the DHT, and ours finds whom libtorrent announced', async () => {
  const { lives, scene, dht, infoHash, joined } = await scenery();
  await using _ = lives;
  await dht.join(7, infoHash);
  await eventually(
    'the DHT knows of that',
    async () => (await dht.peersOf(3, infoHash)).includes(dht.addresses[7] as string),
    LIMIT_MS,
  );

  const { daemon } = await joined();
  await inSwarm(scene, daemon);
  await eventually('our node knows others', async () => (await dhtNodes(daemon)) >= 8, LIMIT_MS);
  await eventually('it was told of the peer', () => daemon.log.includes(`1 peers of ${infoHash}`), LIMIT_MS);

  await eventually(
    'libtorrent finds our node',
    async () => (await dht.peersOf(12, infoHash)).includes(daemon.peerAddress),
    LIMIT_MS,
  );
});

test('two daemons that share nothing but a DHT find each other and share', async () => {
  const { lives, archive, dht, infoHash, joined } = await scenery();
  await using _ = lives;
  const first = await joined();
  expectRight(archive, await first.apt.download(QUICK), QUICK);
  await eventually(
    'the DHT knows of the first',
    async () => (await dht.peersOf(5, infoHash)).includes(first.daemon.peerAddress),
    LIMIT_MS,
  );

  const second = await joined();
  await eventually(
    'the two are connected',
    async () => (await second.daemon.status()).peers.length > 0,
    LIMIT_MS,
  );
  expectRight(archive, await second.apt.install(QUICK), QUICK);
  // The mirror may help with a large file, so far from each other; that they share is what counts here.
  const { bytes, peers } = await second.daemon.status();
  expect(bytes.fromPeers).toBeGreaterThan(bytesOf(archive, QUICK) / 8);
  expect(peers.map(({ address }) => address)).toEqual([first.daemon.peerAddress]);
});

test('only what is public goes into the public DHT: not an archive that --share names', async () => {
  await using network = await Network.open({ reach: 'wide' });
  const archive = await testArchive();
  await using scene = Scene.around(archive, await MirrorServer.start(archive.root, network.address));
  const machine = await network.machine();
  // From here nobody of the public DHT can be reached; whether somebody would be asked shows in the open port.
  const isOpen = async () =>
    (await runWell([...machine.prefix, 'cat', '/proc/net/udp'])).stdout.includes(UDP_9989);

  using dir = tempDir('dht-interop');
  const torrent = join(dir.path, 'public.dtorrent');
  const index = join(dir.path, 'Packages');
  writeFileSync(index, `Package: a\nFilename: pool/a.deb\nSize: 1\nSHA256: ${'ab'.repeat(32)}\n`);
  const identity = ['--origin', 'Public', '--codename', 'one', '--architecture', 'amd64'];
  await runWell([...DEBTORRENT, 'make-torrent', index, '--out', torrent, ...identity]);

  {
    await using daemon = await Daemon.start({
      machine,
      mirror: scene.mirror,
      share: archive.origin,
      args: ['--dht'],
    });
    await scene.apt(daemon, { prefix: machine.prefix });
    await inSwarm(scene, daemon);
    expect((await daemon.status()).dht).toEqual({ nodes: 0, readOnly: false });
    expect(await isOpen()).toBe(false);
  }
  await using daemon = await Daemon.start({ machine, args: ['--dht', '--torrent', torrent] });
  await eventually('the port of the DHT is open', isOpen);
  expect((await daemon.status()).dht).toEqual({ nodes: 0, readOnly: false });
});

/** Daemons and the DHT, all on loopback: who is in it, who isn't. Others' DHT: test/system. */
import { expect, test } from 'bun:test';
import { DhtNode } from '../../src/discovery/dht-node.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { formatHostPort } from '../../src/lib/host-port.ts';
import { knowsNobody, Stranger } from '../discovery/stranger.ts';
import { QUICK } from '../fixtures/archive.ts';
import type { Daemon } from '../fixtures/daemon.ts';
import { eventually } from '../fixtures/eventually.ts';
import { connected, inSwarm, Scene } from '../fixtures/scene.ts';
import { tempDir } from '../fixtures/temp-dir.ts';

const dhtNodes = async (daemon: Daemon) => (await daemon.status()).dht?.nodes;

test('two daemons that know nobody but one node of the DHT meet, and again after a restart', async () => {
  using dir = tempDir('dht-e2e');
  await using scene = await Scene.open();
  const options = { listen: { host: '127.0.0.60', port: 0 }, bootstrap: [{ host: '127.0.0.1', port: 9 }] };
  const node = await DhtNode.open({ ...options, stateDir: dir.path, clock: systemClock, found: () => {} });
  scene.use(node);
  const args = ['--dht', '--dht-bootstrap', formatHostPort(node.address)];

  const first = await scene.seeder(QUICK, { args });
  await eventually('the first is in the DHT', async () => (await dhtNodes(first)) === 1);
  const second = await scene.daemon({ args });
  await scene.apt(second);
  await connected(second);
  expect((await second.status()).peers.map(({ address }) => address)).toEqual([first.peerAddress]);

  await second.restart();
  await inSwarm(scene, second);
  await connected(second);
});

test('a daemon speaks with the DHT as soon as it is in a swarm, and not with --no-dht or --privacy lan', async () => {
  await using scene = await Scene.open();
  const strangers: Stranger[] = [];
  const none = undefined;
  for (const { args, nodes } of [
    { args: ['--dht'], nodes: 0 },
    { args: ['--no-dht'], nodes: none },
    { args: ['--dht', '--privacy', 'lan'], nodes: none },
  ]) {
    const stranger = scene.use(await Stranger.on('127.0.0.61', knowsNobody));
    strangers.push(stranger);
    const daemon = await scene.daemon({ args: [...args, '--dht-bootstrap', formatHostPort(stranger.at)] });
    expect([await dhtNodes(daemon), stranger.heard.length]).toEqual([nodes, 0]);
    await scene.apt(daemon);
    await inSwarm(scene, daemon);
  }
  const [heard, ...silent] = strangers as [Stranger, Stranger, Stranger];
  await eventually('the DHT hears of the first', () => heard.heard.length > 2);
  expect(silent.map((stranger) => stranger.heard.length)).toEqual([0, 0]);
});

/**
 * Found by multicast DNS: Debian's avahi on another machine sees the proxy as squid-deb-proxy-client looks for one, as long
 * as it is there. Needs root, iproute2, avahi-daemon, avahi-utils and dbus.
 */
import { expect, test } from 'bun:test';
import { AptClient } from '../fixtures/apt-client.ts';
import { expectRight, QUICK, testArchive } from '../fixtures/archive.ts';
import { Avahi } from '../fixtures/avahi.ts';
import { eventually } from '../fixtures/eventually.ts';
import { MirrorServer } from '../fixtures/mirror-server.ts';
import { Network } from '../fixtures/network.ts';
import { Scene } from '../fixtures/scene.ts';

test('another machine finds the proxy by avahi, installs through it, and sees it go; an avahi of its own machine is no matter', async () => {
  await using network = await Network.open();
  const archive = await testArchive();
  await using scene = Scene.around(archive, await MirrorServer.start(archive.root, network.address));
  const [server, other] = [await network.machine(), await network.machine()];
  // The one on the server has the port already, and goes on answering.
  await using _ = await Avahi.start(server);
  await using avahi = await Avahi.start(other);
  expect(await avahi.proxies()).toEqual([]);

  const daemon = await scene.daemon({
    machine: server,
    args: ['--findable', '--allow-client', other.address],
  });
  const seen = await eventually('avahi sees the proxy', async () => {
    const [found] = await avahi.proxies();
    return found;
  });
  expect(seen).toMatchObject({ interface: 'eth0', family: 'IPv4', address: server.address, port: 3142 });
  expect(seen?.name).toStartWith('DebTorrent on ');

  const client = scene.use(
    new AptClient({
      repository: archive,
      url: scene.mirror.url,
      proxy: `http://${seen?.address}:${seen?.port}`,
      prefix: other.prefix,
    }),
  );
  expect(await client.update()).toMatchObject({ code: 0 });
  expectRight(archive, await client.install(QUICK), QUICK);

  await daemon.stop();
  await eventually('it has said goodbye', async () => (await avahi.proxies()).length === 0);
});

test('a proxy that nobody is to find says nothing', async () => {
  await using network = await Network.open();
  const archive = await testArchive();
  await using scene = Scene.around(archive, await MirrorServer.start(archive.root, network.address));
  const [server, other] = [await network.machine(), await network.machine()];
  await using avahi = await Avahi.start(other);
  await scene.daemon({ machine: server, args: ['--allow-client', other.address] });
  expect(await avahi.proxies()).toEqual([]);
});

/** A node at home behind a router (Debian's miniupnpd), and one elsewhere that can come to it only by way of that. */
import { expect, test } from 'bun:test';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { testArchive } from '../fixtures/archive.ts';
import { Daemon, DEBTORRENT } from '../fixtures/daemon.ts';
import { eventually } from '../fixtures/eventually.ts';
import { HomeRouter } from '../fixtures/home-router.ts';
import { runWell } from '../fixtures/run.ts';
import { connected } from '../fixtures/scene.ts';
import { tempDir } from '../fixtures/temp-dir.ts';

/** What both nodes meet in, without a mirror. */
async function dtorrent(directory: string): Promise<string> {
  const archive = await testArchive();
  const index = join(archive.root, 'dists', archive.suite, 'main/binary-amd64/Packages.gz');
  await runWell([...DEBTORRENT, 'make-torrent', index], { cwd: directory });
  return join(directory, readdirSync(directory)[0] as string);
}

test.each(['PCP', 'UPnP'] as const)(
  'a router that speaks %s lets others in, status knows it, and at the end the port is given back',
  async (speaks) => {
    using directory = tempDir('port-mapping');
    const file = await dtorrent(directory.path);
    await using router = await HomeRouter.start(speaks);
    await using home = await Daemon.start({
      machine: router.home,
      args: [
        '--port-mapping',
        '--dht',
        '--dht-bootstrap',
        `${router.elsewhere.address}:9989`,
        '--torrent',
        file,
      ],
    });
    await eventually('the router has mapped the port', async () => (await router.mappings()).length === 2);
    expect((await router.mappings()).toSorted()).toEqual(['tcp 9989', 'udp 9989']);
    const outer = `${router.outerAddress}:9989`;
    const mapped = async () => (await home.status()).reachability;
    await eventually('status says so', async () => (await mapped()).mappedBy === speaks);
    expect(await mapped()).toMatchObject({ state: 'unknown', addresses: [outer] });

    await using elsewhere = await Daemon.start({
      machine: router.elsewhere,
      peers: [outer],
      args: ['--torrent', file],
    });
    await connected(elsewhere);
    expect(await mapped()).toMatchObject({ state: 'reachable', addresses: [outer], mappedBy: speaks });

    expect(await home.stop()).toBe(0);
    expect(await router.mappings()).toEqual([]);
  },
);

test('without a mapping nobody comes in, and status says what to do', async () => {
  using directory = tempDir('port-mapping');
  const file = await dtorrent(directory.path);
  await using router = await HomeRouter.start('PCP');
  await using home = await Daemon.start({ machine: router.home, args: ['--torrent', file] });
  const { reachability } = await home.status();
  expect(reachability.state).toBe('not reachable');
  expect(reachability.advice).toContain(
    `forward TCP port 9989 of your router to ${router.home.address}:9989`,
  );
  expect(await router.mappings()).toEqual([]);
});

/**
 * Debian's auto-apt-proxy finds us: a machine that serves its network with --findable, and another one whose apt knows
 * nothing but that program. Needs root, iproute2 and auto-apt-proxy.
 */
import { expect, test } from 'bun:test';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { AptClient } from '../fixtures/apt-client.ts';
import { expectRight, QUICK, testArchive } from '../fixtures/archive.ts';
import { MirrorServer } from '../fixtures/mirror-server.ts';
import { type Machine, Network } from '../fixtures/network.ts';
import { run, runWell } from '../fixtures/run.ts';
import { Scene } from '../fixtures/scene.ts';
import { tempDir } from '../fixtures/temp-dir.ts';

const PROGRAM = '/usr/bin/auto-apt-proxy';

test('a machine whose gateway serves APT finds it, and installs through it; one that is not allowed does not get in', async () => {
  await using network = await Network.open();
  const archive = await testArchive();
  await using scene = Scene.around(archive, await MirrorServer.start(archive.root, network.address));
  const gateway = await network.machine();
  const other = await network.machine();
  const stranger = await network.machine();
  for (const { prefix } of [other, stranger])
    await runWell([...prefix, 'ip', 'route', 'add', 'default', 'via', gateway.address]);
  const daemon = await scene.daemon({
    machine: gateway,
    args: ['--findable', '--allow-client', other.address],
  });

  // It remembers what it found for a minute, below TMPDIR.
  using folders = tempDir('auto-apt-proxy');
  const on = ({ prefix, address }: Machine) => {
    const folder = join(folders.path, address);
    mkdirSync(folder);
    return [...prefix, 'env', `TMPDIR=${folder}`];
  };
  const [onOther, onStranger] = [on(other), on(stranger)];
  const find = (prefix: readonly string[]) => run([...prefix, PROGRAM], { timeoutMs: 60_000 });
  expect(await find(onOther)).toMatchObject({ code: 0, stdout: `http://${gateway.address}:3142\n` });

  const client = scene.use(
    new AptClient({
      repository: archive,
      url: scene.mirror.url,
      proxy: '',
      prefix: onOther,
      options: [`Acquire::http::Proxy-Auto-Detect=${PROGRAM}`],
    }),
  );
  expect(await client.update()).toMatchObject({ code: 0 });
  expectRight(archive, await client.install(QUICK), QUICK);
  expect((await daemon.status()).bytes.fromMirror).toBeGreaterThan(0);
  expect(scene.mirror.poolRequests.every(({ headers }) => headers.has('via'))).toBe(true);

  expect((await find(onStranger)).stdout).not.toContain(gateway.address);
});

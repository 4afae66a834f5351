/** Four machines on lines of 20 Mbit/s, far from each other, each a daemon and a real apt-get, that want the same at once. */
import { expect, test } from 'bun:test';
import { ALL, bytesOf, expectRight, testArchive } from '../fixtures/archive.ts';
import { MirrorServer } from '../fixtures/mirror-server.ts';
import { Network } from '../fixtures/network.ts';
import { connected, Scene } from '../fixtures/scene.ts';

const MACHINES = 4;
const TRACKER_PORT = 6969;
const LINE = { upMbit: 20, downMbit: 20 };
/** One is the aim; what is certain is that nobody went on alone. */
const MOST_COPIES = 2;

test('a crowd that meets at a tracker has everything right, and the mirror sends it once or twice', async () => {
  await using network = await Network.open({ reach: 'wide', line: LINE });
  const archive = await testArchive();
  await using scene = Scene.around(archive, await MirrorServer.start(archive.root, network.address));

  const members = [];
  let announceUrl: string | undefined;
  while (members.length < MACHINES) {
    const machine = await network.machine(LINE);
    const meetingPoint = `${machine.address}:${TRACKER_PORT}`;
    const daemon = await scene.daemon({
      machine,
      trackers: announceUrl === undefined ? [] : [announceUrl],
      args: ['--upload-limit', '0', ...(announceUrl === undefined ? ['--with-tracker', meetingPoint] : [])],
    });
    announceUrl ??= `http://${meetingPoint}/announce`;
    members.push({ daemon, apt: await scene.apt(daemon, { prefix: machine.prefix }) });
  }
  for (const { daemon } of members) await connected(daemon, MACHINES - 1);
  scene.mirror.clearLog();

  const got = await Promise.all(members.map(({ apt }) => apt.download(ALL)));

  for (const each of got) expectRight(archive, each, ALL);
  expect(scene.mirror.poolBytes / bytesOf(archive, ALL)).toBeLessThanOrEqual(MOST_COPIES);
});

/**
 * Machines on one segment and nothing configured: what one has, the next one gets from it. Each is a network namespace
 * of its own; the mirror is reached over another line (eth0), which carries no multicast where a test plugs them
 * together by a cable of its own.
 */
import { expect, test } from 'bun:test';
import type { AptClient } from '../fixtures/apt-client.ts';
import { bytesOf, expectRight, QUICK, testArchive } from '../fixtures/archive.ts';
import type { Daemon } from '../fixtures/daemon.ts';
import { eventually } from '../fixtures/eventually.ts';
import { MirrorServer } from '../fixtures/mirror-server.ts';
import { type Machine, Network } from '../fixtures/network.ts';
import { runWell } from '../fixtures/run.ts';
import { connected, expectPoolGaveNothing, leavePoolUnanswered, Scene } from '../fixtures/scene.ts';

/** The reach: from the start of the second machine's daemon to its first bytes from the first. */
const FIRST_PIECE_MS = 5_000;

async function openScene(network: Network): Promise<Scene> {
  const archive = await testArchive();
  return Scene.around(archive, await MirrorServer.start(archive.root, network.address));
}

/** A node and its apt-get, which has all of QUICK. */
async function firstMachine(scene: Scene, machine: Machine): Promise<Daemon> {
  const daemon = await scene.daemon({ machine, lan: true });
  const apt = await scene.apt(daemon, { prefix: machine.prefix });
  expectRight(scene.archive, await apt.download(QUICK), QUICK);
  return daemon;
}

/** Starts a node on the second machine, and how long it took from there to the first bytes of another's. */
async function secondMachine(scene: Scene, machine: Machine): Promise<{ daemon: Daemon; ms: number }> {
  scene.mirror.clearLog();
  const startMs = performance.now();
  const daemon = await scene.daemon({ machine, lan: true });
  const apt = await scene.apt(daemon, { prefix: machine.prefix });
  await connected(daemon);
  leavePoolUnanswered(scene);
  const installing = install(scene, apt);
  await eventually(
    'a piece from the first machine',
    async () => (await daemon.status()).bytes.fromPeers > 0,
  ).catch((error: Error) => {
    throw new Error(`${error.message}\n${daemon.log.slice(-6000)}`);
  });
  const ms = performance.now() - startMs;
  await installing;
  expectPoolGaveNothing(scene, daemon);
  const { bytes } = await daemon.status();
  expect(bytes.fromPeers).toBeGreaterThanOrEqual(bytesOf(scene.archive, QUICK));
  return { daemon, ms };
}

async function install({ archive }: Scene, apt: AptClient): Promise<void> {
  expectRight(archive, await apt.install(QUICK), QUICK);
}

/** One connection for the pair; who was dialled by a public address learns that it is near by the other's announce. */
async function expectOnePeerOnLan(daemon: Daemon): Promise<void> {
  await eventually('one peer, on the LAN', async () => {
    const { peers } = await daemon.status();
    return peers.length === 1 && peers[0]?.lan;
  });
}

function say(what: string, ms: number): void {
  console.log(`${what}: ${(ms / 1000).toFixed(2)} s from the second machine's start to its first piece`);
}

/** What a cable between two machines looks like at each end, after it was plugged in. */
type Addressing = (machine: Machine, device: string, number: number) => Promise<unknown>;

const withoutIpv6: Addressing = ({ prefix }, device) =>
  runWell([...prefix, 'sysctl', '-qw', `net.ipv6.conf.${device}.disable_ipv6=1`]);

function withAddress(addressOf: (number: number) => string): Addressing {
  return async ({ prefix }, device, number) => {
    const flags = addressOf(number).includes(':') ? ['nodad'] : [];
    await runWell([...prefix, 'ip', 'addr', 'add', addressOf(number), 'dev', device, ...flags]);
  };
}

/** Plugs two machines together, and makes eth0 a line that carries no multicast. */
async function plug(machines: readonly [Machine, Machine], device: string, ...steps: Addressing[]) {
  const [left, right] = machines.map(({ prefix }) => prefix[3] as string) as [string, string];
  await runWell([
    ...['ip', 'link', 'add', device, 'netns', left, 'type', 'veth', 'peer', 'name', device, 'netns', right],
  ]);
  for (const [i, machine] of machines.entries()) {
    const run = (...command: string[]) => runWell([...machine.prefix, ...command]);
    await run('ip', 'link', 'set', 'eth0', 'multicast', 'off');
    await run('sysctl', '-qw', `net.ipv6.conf.${device}.accept_dad=0`);
    for (const step of steps) await step(machine, device, i + 1);
    await run('ip', 'link', 'set', device, 'up');
  }
  for (const { prefix } of machines) {
    const state = [...prefix, 'cat', `/sys/class/net/${device}/operstate`];
    await eventually('the cable carries', async () => (await runWell(state)).stdout.trim() === 'up');
  }
}

test('two fresh machines behind one bridge: the second has all files from the first', async () => {
  await using network = await Network.open();
  const [left, right] = [await network.machine(), await network.machine()];
  await using scene = await openScene(network);
  await firstMachine(scene, left);
  const { daemon, ms } = await secondMachine(scene, right);
  say('a bridge, IPv4 and IPv6', ms);
  expect(ms).toBeLessThan(4 * FIRST_PIECE_MS);
  await expectOnePeerOnLan(daemon);
  // Over both families.
  await eventually('its two addresses', async () => (await daemon.status()).lan?.neighbours === 2);
});

const SEGMENTS: readonly (readonly [string, RegExp, ...Addressing[]])[] = [
  ['IPv4 only', /^192\.168\.50\.1:/, withoutIpv6, withAddress((n) => `192.168.50.${n}/24`)],
  ['public IPv4', /^203\.0\.113\.1:/, withoutIpv6, withAddress((n) => `203.0.113.${n}/24`)],
  ['IPv6 of a site', /^\[fd00:50::1\]:/, withAddress((n) => `fd00:50::${n}/64`)],
  ['public IPv6', /^\[2001:db8:50::1\]:/, withAddress((n) => `2001:db8:50::${n}/64`)],
  ['IPv6, link-local only', /^\[fe80::[0-9a-f:]+\]:/],
];

test.each(SEGMENTS)('a segment with %s', async (title, address, ...steps) => {
  await using network = await Network.open();
  const machines = [await network.machine(), await network.machine()] as const;
  await plug([...machines], 'lan0', ...steps);
  await using scene = await openScene(network);
  const first = await firstMachine(scene, machines[0]);
  const { daemon, ms } = await secondMachine(scene, machines[1]);
  say(title, ms);
  expect(ms).toBeLessThan(4 * FIRST_PIECE_MS);
  for (const node of [first, daemon]) await expectOnePeerOnLan(node);
  const { peers, lan } = await daemon.status();
  expect(peers[0]?.address).toMatch(address);
  expect(lan?.interfaces).toEqual(['lan0']);
});

test('two interfaces each: one connection for the pair', async () => {
  await using network = await Network.open();
  const machines = [await network.machine(), await network.machine()] as const;
  await plug(
    [...machines],
    'lan0',
    withAddress((n) => `192.168.50.${n}/24`),
  );
  await plug(
    [...machines],
    'lan1',
    withAddress((n) => `192.168.51.${n}/24`),
  );
  await using scene = await openScene(network);
  await firstMachine(scene, machines[0]);
  const { daemon, ms } = await secondMachine(scene, machines[1]);
  say('two interfaces', ms);
  await expectOnePeerOnLan(daemon);
  expect((await daemon.status()).lan?.interfaces.toSorted()).toEqual(['lan0', 'lan1']);
});

test('a cable plugged in later: they find each other without a restart', async () => {
  await using network = await Network.open();
  const machines = [await network.machine(), await network.machine()] as const;
  for (const { prefix } of machines)
    await runWell([...prefix, 'ip', 'link', 'set', 'eth0', 'multicast', 'off']);
  await using scene = await openScene(network);
  const nodes = [await firstMachine(scene, machines[0]), await firstMachine(scene, machines[1])];
  for (const node of nodes) expect((await node.status()).lan).toEqual({ interfaces: [], neighbours: 0 });
  await plug(
    [...machines],
    'lan0',
    withAddress((n) => `192.168.50.${n}/24`),
  );
  await eventually('they are connected', async () => (await nodes[0]?.status())?.peers.length === 1, 60_000);
});

test('with --no-lan a node is neither found nor finds anybody', async () => {
  await using network = await Network.open();
  const [left, right] = [await network.machine(), await network.machine()];
  await using scene = await openScene(network);
  await firstMachine(scene, left);
  const apart = await scene.daemon({ machine: right });
  const apt = await scene.apt(apart, { prefix: right.prefix });
  scene.mirror.clearLog();
  await install(scene, apt);
  expect(scene.mirror.poolRequests).toHaveLength(QUICK.length);
  const status = await apart.status();
  expect(status.peers).toEqual([]);
  expect(status.lan).toBeUndefined();
});

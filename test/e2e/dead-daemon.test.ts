/**
 * The daemon is killed, or hangs, while a real apt-get at its defaults fetches 20 packages through it: apt must not
 * notice. DEBTORRENT_TRIES=20 makes so many tries of each kind and says how many went well.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AptClient } from '../fixtures/apt-client.ts';
import { AptMethods } from '../fixtures/apt-methods.ts';
import { expectRight } from '../fixtures/archive.ts';
import { type Daemon, DEBTORRENT } from '../fixtures/daemon.ts';
import { eventually } from '../fixtures/eventually.ts';
import { freePort } from '../fixtures/free-port.ts';
import { PlayedSystemd } from '../fixtures/played-systemd.ts';
import { run } from '../fixtures/run.ts';
import { Scene } from '../fixtures/scene.ts';
import { SignedRepository } from '../fixtures/signed-repository.ts';
import { tempDir } from '../fixtures/temp-dir.ts';

const TRIES = Number(process.env.DEBTORRENT_TRIES ?? 1);
const NAMES = Array.from({ length: 20 }, (_, i) => `package-${i}`);
const LIMIT_MS = 60_000 + TRIES * 60_000;

let archive: SignedRepository;
beforeAll(async () => {
  const packages = NAMES.map((name, i) => ({ name, payloadBytes: 60_000 + i * 15_000 }));
  archive = await SignedRepository.build({ packages });
});
afterAll(() => archive[Symbol.dispose]());

/** The process that serves: the child of the one that was started. */
function servingPid(daemon: Daemon): number {
  const { daemon: name } = JSON.parse(readFileSync(join(daemon.stateDir, 'processes.json'), 'utf8'));
  return Number(name.split(' ')[0]);
}

type Way = 'the proxy' | 'the method';

/** An apt-get that asks `daemon` that way, after its `update`. */
function aptBy(way: Way, scene: Scene, daemon: Daemon): Promise<AptClient> {
  if (way === 'the proxy') return scene.apt(daemon);
  const methods = scene.use(new AptMethods());
  const url = `debtorrent+${scene.mirror.url}`;
  return scene.apt(daemon, { url, proxy: 'DIRECT', ...methods.options(daemon.proxyUrl) });
}

/** An install of all the packages; when so many of them were asked for at the mirror, `signal` hits the daemon. */
async function installWhile(way: Way, after: number, signal: NodeJS.Signals): Promise<void> {
  await using scene = await Scene.open(archive);
  const daemon = await scene.daemon({ supervised: true });
  const client = await aptBy(way, scene, daemon);
  scene.mirror.fault(/pool/, { bytesPerSecond: 600_000 });
  const installing = client.install(NAMES);
  await eventually('apt is in the middle', () => scene.mirror.poolRequests.length >= after);
  const pid = servingPid(daemon);
  process.kill(pid, signal);
  const got = await installing;
  // Where apt was done before the daemon was started anew, that one ends in good order.
  if (servingPid(daemon) === pid && signal === 'SIGSTOP') process.kill(pid, 'SIGCONT');
  expectRight(archive, got, NAMES);
  expect(got.output).not.toMatch(/^(?:W:|E:)/m);
}

/** So many tries at different moments; each must go well. */
async function tries(way: Way, signal: NodeJS.Signals): Promise<void> {
  let well = 0;
  const failures: unknown[] = [];
  for (let i = 0; i < TRIES; i++) {
    try {
      await installWhile(way, 1 + ((i * 7 + 3) % 16), signal);
      well += 1;
    } catch (error) {
      failures.push(error);
    }
  }
  if (TRIES > 1) {
    console.log(
      `${way}, ${signal}: ${well} of ${TRIES} tries ended with 0 and ${NAMES.length} right packages`,
    );
  }
  if (failures.length > 0) throw failures[0];
}

describe.each<Way>(['the proxy', 'the method'])(
  'apt-get install of 20 packages through %s ends well',
  (way) => {
    test('when the daemon is killed in the middle', () => tries(way, 'SIGKILL'), LIMIT_MS);

    test('when the daemon hangs in the middle', () => tries(way, 'SIGSTOP'), LIMIT_MS);

    test('when what supervises the daemon is killed in the middle', async () => {
      await using scene = await Scene.open(archive);
      const daemon = await scene.daemon({ supervised: true });
      const client = await aptBy(way, scene, daemon);
      scene.mirror.fault(/pool/, { bytesPerSecond: 600_000 });
      const installing = client.install(NAMES);
      await eventually('apt is in the middle', () => scene.mirror.poolRequests.length >= 5);
      await daemon.kill9();
      expectRight(archive, await installing, NAMES);
    });
  },
);

describe('serve', () => {
  test('started again at once after kill -9 has its address and its cache', async () => {
    await using scene = await Scene.open(archive);
    const daemon = await scene.daemon({ supervised: true });
    for (let started = 2; started < 5; started++) {
      await daemon.kill9();
      await daemon.start();
      // Not just the one before, which would have gone on for a while.
      await eventually('it serves', () => daemon.log.split('serves APT at').length > started);
    }
  });

  test('with --findable both sockets outlive the daemon: who asks between two daemons waits, and is answered', async () => {
    await using scene = await Scene.open(archive);
    const port = await freePort('127.0.0.1');
    const daemon = await scene.daemon({ supervised: true, args: ['--findable', `127.0.0.1:${port}`] });
    for (const base of [daemon.proxyUrl, `http://127.0.0.1:${port}`]) {
      const pid = servingPid(daemon);
      process.kill(pid, 'SIGKILL');
      await eventually('it is dead', () => !existsSync(`/proc/${pid}`));
      const answer = await fetch(`${base}/`, { proxy: false, keepalive: false } as RequestInit);
      expect(answer.status).toBe(base === daemon.proxyUrl ? 200 : 406);
      expect(servingPid(daemon)).not.toBe(pid);
    }
  });

  test('a signal ends both processes with 0, a second daemon at the same address ends with 1', async () => {
    await using scene = await Scene.open(archive);
    const daemon = await scene.daemon({ supervised: true });
    const pid = servingPid(daemon);
    expect(pid).not.toBe(daemon.pid as number);
    using dir = tempDir('second');
    const at = ['--listen', daemon.proxyUrl.replace('http://', ''), '--peer-listen', '127.0.0.1:0'];
    const second = await run([...DEBTORRENT, 'serve', ...at, '--no-lan', '--no-dht'], {
      env: { HOME: dir.path },
    });
    expect(second.code).toBe(1);
    expect(second.stderr).toContain('address in use');
    expect(await daemon.stop()).toBe(0);
    expect(() => process.kill(pid, 0)).toThrow();
  });

  test('takes its socket from who started it, as from systemd, tells it, and is not supervised then', async () => {
    await using systemd = await PlayedSystemd.open();
    const health = async () =>
      await (await fetch(`${systemd.url}/healthz`, { proxy: false } as RequestInit)).text();
    systemd.start();
    await eventually('READY=1', () => systemd.told.includes('READY=1'));
    await eventually('signs of life', () => systemd.told.filter((line) => line === 'WATCHDOG=1').length > 2);
    expect(await health()).toBe('ok\n');
    expect((await run(['ps', '-o', 'pid=', '--ppid', String(systemd.pid)])).stdout).toBe('');

    // The socket outlives it: who asks meanwhile is answered by the next one.
    await systemd.kill();
    const answer = health();
    systemd.start();
    expect(await answer).toBe('ok\n');
    expect(await systemd.stop()).toBe(0);
    expect(systemd.told).toContain('STOPPING=1');
  });
});

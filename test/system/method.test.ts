/**
 * Our method as apt starts it on a real machine: by root, for a sandbox user. Everything that it writes must be that
 * user's, in a folder that only he may enter, and no thread of it may keep a right of root's.
 */
import { expect, test } from 'bun:test';
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { AptMethods } from '../fixtures/apt-methods.ts';
import { expectRight, QUICK } from '../fixtures/archive.ts';
import { DEBTORRENT } from '../fixtures/daemon.ts';
import { eventually } from '../fixtures/eventually.ts';
import { Scene } from '../fixtures/scene.ts';
import { tempDir } from '../fixtures/temp-dir.ts';

const { uid: APT } = statUser('_apt');

function statUser(name: string): { uid: number } {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((each) => each.startsWith(`${name}:`));
  return { uid: Number(line?.split(':')[2]) };
}

test('started by root, it fetches and writes as the sandbox user, with no way back', async () => {
  await using scene = await Scene.open();
  const daemon = await scene.daemon();
  using folder = tempDir('rights');
  chmodSync(folder.path, 0o755);
  const partial = join(folder.path, 'partial');
  mkdirSync(partial, { mode: 0o700 });
  chownSync(partial, APT, 0);
  // As from a root shell in root's own folder, which the sandbox user may not enter.
  const cwd = join(folder.path, 'root');
  mkdirSync(cwd, { mode: 0o700 });
  scene.mirror.fault(/medium/, { stallAfterBytes: 1_000_000 });

  const [program = '', ...args] = DEBTORRENT;
  const child = Bun.spawn([program, ...args, 'internal-method'], {
    cwd,
    env: { PATH: '/usr/bin', HOME: '/root' },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const { path, sha256, sizeBytes } = scene.archive.file('medium');
  child.stdin.write(`601 Configuration
Config-Item: APT::Sandbox::User=_apt
Config-Item: Acquire::debtorrent::Proxy=${daemon.proxyUrl}

600 URI Acquire
URI: debtorrent+${scene.mirror.url}/${path}
Filename: ${join(partial, 'medium.deb')}
Expected-SHA256: ${sha256}
Expected-Checksum-FileSize: ${sizeBytes}

`);
  await child.stdin.flush();
  const file = join(partial, 'medium.deb');
  await eventually('bytes come in', () => (statSync(file, { throwIfNoEntry: false })?.size ?? 0) > 0);
  expect(statSync(file)).toMatchObject({ uid: APT, mode: 0o100644 });
  for (const task of readdirSync(`/proc/${child.pid}/task`)) {
    const status = readFileSync(`/proc/${child.pid}/task/${task}/status`, 'utf8');
    expect(/^Uid:\s+(.*)$/m.exec(status)?.[1]?.split('\t')).toEqual(Array(4).fill(`${APT}`));
    expect(/^Gid:\s+(.*)$/m.exec(status)?.[1]).not.toMatch(/(?:^|\t)0(?:\t|$)/);
    expect(/^Groups:\s*(.*)$/m.exec(status)?.[1]?.trim()).not.toMatch(/(?:^| )0(?: |$)/);
    expect(/^CapEff:\s+(\S+)$/m.exec(status)?.[1]).toBe('0'.repeat(16));
  }
  child.kill('SIGINT');
  expect(await child.exited).toBe(0);
  expect(await new Response(child.stderr).text()).toBe('');
});

test("root's apt-get with its sandbox: update and install", async () => {
  await using scene = await Scene.open();
  const daemon = await scene.daemon();
  const methods = scene.use(new AptMethods());
  // apt's gpgv is the sandbox user, too.
  chmodSync(dirname(scene.archive.keyring), 0o755);
  const apt = await scene.apt(daemon, {
    url: `debtorrent+${scene.mirror.url}`,
    proxy: 'DIRECT',
    sandboxUser: '_apt',
    ...methods.options(daemon.proxyUrl),
  });
  const got = await apt.install(QUICK);
  expectRight(scene.archive, got, QUICK);
  expect(got.output).not.toMatch(/unsandboxed|^W:/m);
});

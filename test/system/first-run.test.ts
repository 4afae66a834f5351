/**
 * The binary alone on machines that aren't well: what it says at its first start. Each sentence names what is wrong and
 * what to give instead; each ends without a stack trace.
 */
import { describe, expect, test } from 'bun:test';
import { chmodSync, copyFileSync, mkdirSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { DEBTORRENT } from '../fixtures/daemon.ts';
import { freePort } from '../fixtures/free-port.ts';
import { PLAIN_ENV, run, runWell } from '../fixtures/run.ts';
import { tempDir } from '../fixtures/temp-dir.ts';

const [BINARY = ''] = DEBTORRENT;
const QUIET = ['--no-dht', '--no-lan', '--no-port-mapping', '--apt-lists', 'none', '--dpkg-status', 'none'];
const NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];

/** Mounted for as long as `use` takes, in a folder that everybody may enter. */
async function onDisk(options: string, use: (path: string) => Promise<void>): Promise<void> {
  using dir = tempDir('first-run');
  await runWell(['mount', '-t', 'tmpfs', '-o', options, 'none', dir.path]);
  try {
    await use(dir.path);
  } finally {
    await runWell(['umount', dir.path]);
  }
}

const serve = async (...more: readonly string[]) => [
  ...[BINARY, 'serve', '--listen', `127.0.0.1:${await freePort()}`, '--peer-listen', '127.0.0.1:0'],
  ...[...QUIET, ...more],
];

/** What it says until it has said so much, then it is ended. */
async function saying(
  command: readonly string[],
  until: RegExp,
  env: Record<string, string> = {},
): Promise<string> {
  const child = Bun.spawn([...command], {
    env: { ...PLAIN_ENV, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  const decoder = new TextDecoder();
  for await (const chunk of child.stderr) {
    said += decoder.decode(chunk, { stream: true });
    if (until.test(said)) child.kill('SIGTERM');
  }
  await child.exited;
  return said;
}

describe('the first start', () => {
  test('on a read-only disk says so, and which flag names another folder', () =>
    onDisk('ro,size=1m', async (path) => {
      const { code, output } = await run(
        await serve('--cache-dir', join(path, 'c'), '--state-dir', join(path, 's')),
      );
      expect(code).toBe(2);
      expect(output).toContain(
        `could not make ${path}/c: the file system is read-only; give another folder with --cache-dir`,
      );
      expect(output.trim().split('\n')).toHaveLength(1);
    }));

  test.each(['--cache-dir', '--state-dir'])('on a full disk (%s) says so', (flag) =>
    onDisk('size=64k', async (path) => {
      mkdirSync(join(path, 'here'));
      await run(['dd', 'if=/dev/zero', `of=${join(path, 'fill')}`, 'bs=1k']);
      using other = tempDir('first-run');
      const folders = ['--cache-dir', '--state-dir'].flatMap((each) => [
        each,
        each === flag ? join(path, 'here') : other.path,
      ]);
      const { code, output } = await run(await serve(...folders));
      expect(code).toBe(2);
      expect(output).toMatch(new RegExp(`could not use .*${path}/here.*disk is full.*give another ${flag}`));
      expect(output.trim().split('\n')).toHaveLength(1);
    }),
  );

  test('of a user without a home names the folder and the flag', async () => {
    const command = [...NOBODY, ...(await serve())];
    const { code, output } = await run(command, { env: { HOME: '/nonexistent' }, cwd: '/' });
    expect(code).toBe(2);
    expect(output).toContain(
      'could not make /nonexistent/.cache/debtorrent: this user may not write there; give another folder with --cache-dir',
    );
  });

  test('without a network serves, and says what it can do', async () => {
    using dir = tempDir('first-run');
    const folders = ['--cache-dir', join(dir.path, 'c'), '--state-dir', join(dir.path, 's')];
    const said = await saying(['unshare', '-n', ...(await serve(...folders))], /no network now/);
    expect(said).toContain('serves APT at http://localhost:');
    expect(said).toContain('APT gets what is in the cache');
  });

  test('of a copy in another folder, by another user, without /etc: under ten lines, with the line for apt', async () => {
    using dir = tempDir('first-run');
    const copy = join(dir.path, 'dt');
    copyFileSync(BINARY, copy);
    chmodSync(dir.path, 0o777);
    chmodSync(copy, 0o755);
    const [, ...args] = await serve();
    const command = [
      'unshare',
      '-m',
      'sh',
      '-c',
      'mount -t tmpfs none /etc && exec "$@"',
      'sh',
      ...NOBODY,
      copy,
      ...args,
    ];
    const said = await saying(command, /cache: .*\n/, { HOME: dir.path });
    expect(said).toContain(`cache: ${dir.path}/.cache/debtorrent`);
    expect(said).toMatch(/apt-get -o Acquire::http::Proxy=http:\/\/localhost:\d+ update/);
    expect(said.split('\n').filter((line) => line !== '' && !line.includes('stopping')).length).toBeLessThan(
      10,
    );
  });

  test('with a clock before its own making says so, and serves', async () => {
    using dir = tempDir('first-run');
    const copy = join(dir.path, 'dt');
    copyFileSync(BINARY, copy);
    chmodSync(copy, 0o755);
    // As a clock that is three days behind would have it.
    const ahead = new Date(statSync(copy).mtimeMs + 4 * 24 * 3600_000);
    utimesSync(copy, ahead, ahead);
    const [, ...args] = await serve('--cache-dir', join(dir.path, 'c'), '--state-dir', join(dir.path, 's'));
    const said = await saying([copy, ...args], /clock says/);
    expect(said).toContain("when this program wasn't made yet");
    expect(said).toContain('serves APT at');
  });
});

/** The command line: what it says when it is misused, and how the daemon starts and ends. */
import { describe, expect, test } from 'bun:test';
import { createServer } from 'node:net';
import packageJson from '../../package.json' with { type: 'json' };
import { DEBTORRENT } from '../fixtures/daemon.ts';
import { eventually } from '../fixtures/eventually.ts';
import { freePort } from '../fixtures/free-port.ts';
import { run } from '../fixtures/run.ts';
import { Scene } from '../fixtures/scene.ts';
import { tempDir } from '../fixtures/temp-dir.ts';

const debtorrent = (...args: string[]) => run([...DEBTORRENT, ...args], { timeoutMs: 15_000 });
const NO_TRACE = /^\s+at .*:\d+/m;

describe('debtorrent', () => {
  test('--version prints the version and nothing else', async () => {
    const { code, stdout, stderr } = await debtorrent('--version');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.trim().split(/\s+/).at(-1)).toBe(packageJson.version);
  });

  test.each([
    ['an unknown flag', ['serve', '--listn', '127.0.0.1:0'], /--listn.*--listen/s],
    ['an unknown command', ['serf'], /serf.*serve/s],
    ['a stray operand', ['serve', 'extra'], /extra/],
    ['a flag without a sensible value', ['serve', '--listen', 'nonsense:port'], /nonsense:port/],
    ['an unknown rate', ['serve', '--upload-limit', 'fast'], /fast/],
  ])('%s ends with 2 and a hint, without a stack trace', async (_title, args, hint) => {
    const { code, stderr } = await debtorrent(...args);
    expect(stderr).toMatch(hint);
    expect(stderr).not.toMatch(NO_TRACE);
    expect(code).toBe(2);
  });

  test('serve on a port that is taken ends with 1 and says which', async () => {
    const port = await freePort();
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(port, '127.0.0.1', resolve));
    using directory = tempDir('taken');
    try {
      const at = `127.0.0.1:${port}`;
      const directories = ['--cache-dir', `${directory.path}/c`, '--state-dir', `${directory.path}/s`];
      const peerListen = ['--peer-listen', `127.0.0.1:${await freePort()}`];
      const { code, stderr } = await debtorrent(
        'serve',
        ...['--listen', at, '--no-lan', '--no-dht'],
        ...peerListen,
        ...directories,
      );
      expect(stderr).toContain(at);
      expect(stderr).not.toMatch(NO_TRACE);
      expect(code).toBe(1);
    } finally {
      taken.close();
    }
  });
});

describe('SIGTERM ends serve in good order, with exit code 0', () => {
  test('when it is idle', async () => {
    await using scene = await Scene.open();
    const daemon = await scene.daemon();
    expect(await daemon.stop()).toBe(0);
  });

  test('in the middle of a transfer', async () => {
    await using scene = await Scene.open();
    const daemon = await scene.daemon();
    const client = await scene.apt(daemon, { options: ['Acquire::Retries=0'] });
    scene.mirror.fault(/large/, { bytesPerSecond: 2_000_000 });
    const download = client.download(['large']);
    await eventually('the transfer runs', async () =>
      (await daemon.status()).transfers.some(({ haveBytes }) => haveBytes > 0),
    );
    expect(await daemon.stop()).toBe(0);
    await download;
  });
});

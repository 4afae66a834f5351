/** Who may use the proxy, with the built binary. */
import { expect, test } from 'bun:test';
import { DEBTORRENT } from '../fixtures/daemon.ts';
import { freePort } from '../fixtures/free-port.ts';
import { PLAIN_ENV, run } from '../fixtures/run.ts';
import { tempDir } from '../fixtures/temp-dir.ts';

test.each(['0.0.0.0', '[::]'])('serve --listen %s refuses to start, and says what to give', async (host) => {
  using home = tempDir('access');
  const port = await freePort('127.0.0.1');
  const ran = await run([...DEBTORRENT, 'serve', '--listen', `${host}:${port}`], {
    env: { ...PLAIN_ENV, HOME: home.path },
    cwd: home.path,
    timeoutMs: 20_000,
  });
  expect(ran.code).toBe(2);
  expect(ran.output).toContain('--allow-client lan');
  expect(ran.output).toContain('192.168.1.0/24');
  expect(ran.output).not.toMatch(/^\s+at /m);
});

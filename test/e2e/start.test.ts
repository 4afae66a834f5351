/** The README's first command, in the clone that the test runs in. */
import { expect, test } from 'bun:test';
import { join } from 'node:path';
import { eventually } from '../fixtures/eventually.ts';
import { freePort } from '../fixtures/free-port.ts';
import { PLAIN_ENV } from '../fixtures/run.ts';
import { tempDir } from '../fixtures/temp-dir.ts';

test('`npm start` serves, says how apt uses it, keeps to the cache folder, and ends with its signal', async () => {
  using home = tempDir('home');
  const at = `127.0.0.1:${await freePort()}`;
  const peers = `127.0.0.1:${await freePort()}`;
  const child = Bun.spawn(
    ['npm', 'start', '--', '--listen', at, '--peer-listen', peers, '--no-lan', '--no-dht'],
    {
      cwd: join(import.meta.dir, '../..'),
      env: { ...PLAIN_ENV, PATH: process.env.PATH ?? '', HOME: home.path },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  try {
    let output = '';
    const read = async (stream: ReadableStream<Uint8Array>) => {
      const decoder = new TextDecoder();
      for await (const chunk of stream) output += decoder.decode(chunk, { stream: true });
    };
    const reading = Promise.all([read(child.stdout), read(child.stderr)]);
    await eventually(
      'npm start serves',
      () => {
        if (child.exitCode !== null) throw new Error(`npm start ended with ${child.exitCode}:\n${output}`);
        return output.includes('/debian bookworm main');
      },
      60_000,
    );
    expect(output).toContain(`Acquire::http::Proxy=http://localhost:${at.split(':')[1]}`);
    expect(output).toContain(`${home.path}/.cache/`);
    const page = await fetch(`http://${at}/`, { proxy: false } as RequestInit);
    expect(await page.text()).toContain('DebTorrent');

    child.kill('SIGTERM');
    await child.exited;
    await reading;
    await expect(fetch(`http://${at}/`, { proxy: false } as RequestInit)).rejects.toThrow();
  } finally {
    // Not SIGKILL: npm could not pass that on, and the daemon would outlive the test.
    child.kill('SIGTERM');
  }
});

/** `npm run demo`, with made packages, as it runs where there is no terminal. */
import { expect, test } from 'bun:test';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { atEnd } from '../fixtures/at-end.ts';
import { eventually } from '../fixtures/eventually.ts';
import { PLAIN_ENV, run } from '../fixtures/run.ts';
import { tempDir } from '../fixtures/temp-dir.ts';

const DEMO = [process.execPath, join(import.meta.dir, '../../scripts/demo.ts'), '--made'];

test('the second machine has its packages from the first, and nothing is left behind', async () => {
  using temporary = tempDir('demo-test');
  const ran = await run(DEMO, { env: { TMPDIR: temporary.path } });
  expect(ran.stderr).toBe('');
  expect(ran.code).toBe(0);
  expect(ran.stdout).toMatch(/^ {2}first +[\d.]+ s +9\.5\d MiB +0 B$/m);
  // Most of it: on a busy machine a piece comes late, and is asked of the mirror, too.
  expect(ran.stdout).toMatch(/^ {2}second +[\d.]+ s .* [7-9]\.\d\d MiB$/m);
  expect(ran.stdout).toMatch(/ sent 9\.5\d MiB of packages to the first, [\d.]+ \w+ to the second\.$/m);
  // No terminal: nothing is written over.
  expect(ran.stdout).not.toContain('\r');
  expect(ran.stdout).not.toContain('\x1b');
  expect(readdirSync(temporary.path)).toEqual([]);
});

test.each([['SIGINT'], ['SIGTERM']] as const)('%s in the middle ends it all', async (signal) => {
  using temporary = tempDir('demo-test');
  const demo = Bun.spawn(DEMO, {
    env: { ...PLAIN_ENV, TMPDIR: temporary.path },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const forget = atEnd(() => demo.kill('SIGKILL'));
  let said = '';
  const reading = (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of demo.stdout) said += decoder.decode(chunk, { stream: true });
  })();
  await eventually('both daemons run', () => said.includes('from the mirror  '));
  const urls = [...said.matchAll(/http:\/\/127\.0\.0\.1:\d+\//g)].map(([url]) => url);
  expect(urls).toHaveLength(2);
  demo.kill(signal);
  expect(await demo.exited).toBe(130);
  forget();
  await reading;
  expect(readdirSync(temporary.path)).toEqual([]);
  for (const url of urls) {
    const answer = await fetch(url, { proxy: false } as RequestInit).catch(() => 'refused');
    expect(answer).toBe('refused');
  }
});

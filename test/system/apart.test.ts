/** That runs of the system tests don't get into each other's way, nor leave anything behind (fixtures/apart.sh). */
import { expect, test } from 'bun:test';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../fixtures/eventually.ts';
import { Network } from '../fixtures/network.ts';
import { PLAIN_ENV, runWell } from '../fixtures/run.ts';

const APART = join(import.meta.dir, '../fixtures/apart.sh');
const LIST = 'ip -brief address; ip netns list';

test('what another run opens is not seen, so it may have the same addresses', async () => {
  await using network = await Network.open();
  await network.machine();
  const here = (await runWell(['sh', '-c', LIST])).stdout;
  expect(here).toContain(network.address);
  expect(here).toMatch(/^dt-\d+-\d+-bridge/m);
  const there = (await runWell([APART, 'sh', '-c', LIST])).stdout;
  expect(there).toMatch(/^lo /);
  expect(there.trim().split('\n')).toHaveLength(1);
});

test('its exit code is that of the command', async () => {
  expect(await Bun.spawn([APART, 'sh', '-c', 'exit 7']).exited).toBe(7);
});

test('nothing is left of a run that is killed, wherever it has got to', async () => {
  // A number that nobody else sleeps for.
  const seconds = String(1_000_000 + process.pid * 1_000 + Math.floor(performance.now() % 1_000));
  const command = `ip netns add left; ip netns exec left setsid sleep ${seconds} & wait`;
  const child = Bun.spawn([APART, 'sh', '-c', command], {
    env: PLAIN_ENV,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const sleepers = async () => {
    const { stdout } = await runWell(['ps', '-eo', 'args']);
    return stdout.split('\n').filter((line) => line === `sleep ${seconds}`).length;
  };
  await eventually('it sleeps', async () => (await sleepers()) === 1);
  child.kill('SIGKILL');
  await eventually('it is gone', async () => (await sleepers()) === 0);
  expect(existsSync('/run/netns/left')).toBe(false);
});

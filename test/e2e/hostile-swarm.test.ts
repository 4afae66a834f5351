/** A third of a swarm is hostile: every apt gets the right files, and only liars are banned. */
import { expect, test } from 'bun:test';
import { describeSwarm, HOSTILE_MIX, runSwarm, SWARM_PACKAGES } from '../adversaries/hostile-swarm.ts';
import { SignedRepository } from '../fixtures/signed-repository.ts';

test('12 nodes of which 4 are hostile: all apt clients end with the right files, only liars are banned', async () => {
  using archive = await SignedRepository.build({ packages: SWARM_PACKAGES });
  const options = { archive, honest: 8, mirrorBytesPerSecond: 6_000_000 };
  const without = await runSwarm({ ...options, hostile: [] });
  const among = await runSwarm({ ...options, hostile: HOSTILE_MIX });
  // For the record; the time of a run on a busy machine proves nothing (bench/hostile.ts takes medians).
  console.log(`without adversaries: ${describeSwarm(without)}`);
  console.log(`among adversaries:   ${describeSwarm(among)}`);
  console.log(`ratio ${(among.tookMs / without.tookMs).toFixed(2)}`);

  expect([...without.banned.keys()]).toEqual([]);
  const hostOf = (kind: string) => among.hostile.find(({ name }) => name === kind)?.host ?? '';
  const mayBe = ['garbage-sender', 'false-tree', 'false-first-hand'].map(hostOf);
  expect([...among.banned.keys()].filter((host) => !mayBe.includes(host))).toEqual([]);
  // These two have lied to somebody in any case: they offer everything from the start.
  for (const kind of ['garbage-sender', 'false-tree'])
    expect([...among.banned.keys()]).toContain(hostOf(kind));
  for (const { connections } of among.hostile) expect(connections).toBeGreaterThanOrEqual(8);
});

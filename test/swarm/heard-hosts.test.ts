import { expect, test } from 'bun:test';
import { HeardHosts } from '../../src/swarm/heard-hosts.ts';
import { VirtualClock } from '../fixtures/virtual-clock.ts';

test('HeardHosts knows an address for 15 minutes after it was heard', async () => {
  const clock = new VirtualClock();
  const hosts = new HeardHosts(clock);
  expect(hosts.has('198.51.100.7')).toBe(false);
  hosts.add('198.51.100.7');
  hosts.add('2001:db8::7');
  await clock.run(800_000);
  expect(hosts.has('198.51.100.7')).toBe(true);
  expect(hosts.has('2001:db8::8')).toBe(false);
  hosts.add('198.51.100.7');
  await clock.run(800_000);
  expect(hosts.has('198.51.100.7')).toBe(true);
  expect(hosts.has('2001:db8::7')).toBe(false);
});

test('HeardHosts remembers 512, those heard last', () => {
  const hosts = new HeardHosts(new VirtualClock());
  for (let i = 0; i < 600; i += 1) hosts.add(`203.0.${i >> 8}.${i & 255}`);
  expect(hosts.has('203.0.0.87')).toBe(false);
  expect(hosts.has('203.0.0.88')).toBe(true);
  expect(hosts.has('203.0.2.87')).toBe(true);
});

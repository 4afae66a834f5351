import { describe, expect, test } from 'bun:test';
import { LocalNetwork } from '../../src/swarm/local-network.ts';
import { VirtualClock } from '../fixtures/virtual-clock.ts';

function withOwn(...own: readonly string[]): LocalNetwork {
  return new LocalNetwork(new VirtualClock(), () => own);
}

describe('LocalNetwork.has()', () => {
  test.each([
    ['203.0.113.7/24', '203.0.113.200', true],
    ['203.0.113.7/24', '203.0.114.1', false],
    ['203.0.113.7/25', '203.0.113.200', false],
    ['203.0.113.7/20', '203.0.127.1', true],
    ['203.0.113.7/20', '203.0.128.1', false],
    ['203.0.113.7/19', '203.0.113.8', false],
    ['203.0.113.7/32', '203.0.113.8', false],
    ['203.0.113.7/24', '::ffff:203.0.113.9', true],
    ['2001:db8:1:2::7/64', '2001:db8:1:2:ffff::1', true],
    ['2001:db8:1:2::7/64', '2001:db8:1:3::1', false],
    ['2001:db8:1:2::7/48', '2001:db8:1:2::8', false],
    ['2001:db8:1:2::7%eth0/64', '2001:db8:1:2::8', true],
    ['0.0.0.0/0', '203.0.113.8', false],
    ['203.0.113.7/240', '203.0.113.7', false],
    ['nonsense', '203.0.113.8', false],
    ['203.0.113.7/24', 'peer.example.org', false],
  ])('own address %s: %s is %p', (own, host, expected) => {
    expect(withOwn(own).has(host)).toBe(expected);
  });

  test('private, link-local and loopback addresses always are of it', () => {
    for (const host of ['127.0.0.1', '10.1.2.3', '192.168.1.1', 'fe80::1', 'fd00::1'])
      expect(new LocalNetwork().has(host)).toBe(true);
    expect(new LocalNetwork().has('203.0.113.8')).toBe(false);
  });

  test('the interfaces are looked at anew after a minute, not before', async () => {
    const clock = new VirtualClock();
    let own: readonly string[] = [];
    let asked = 0;
    const network = new LocalNetwork(clock, () => {
      asked += 1;
      return own;
    });
    expect(network.has('203.0.113.8')).toBe(false);
    own = ['203.0.113.7/24'];
    await clock.run(59_000);
    expect(network.has('203.0.113.8')).toBe(false);
    expect(asked).toBe(1);
    await clock.run(1_000);
    expect(network.has('203.0.113.8')).toBe(true);
    expect(asked).toBe(2);
  });
});

test('LocalNetwork.group() is one address of the own subnet, and the /64 of others', () => {
  const network = withOwn('2001:db8:1:2::7/64', '203.0.113.7/24');
  expect(network.group('2001:db8:1:2::8')).toBe('2001:db8:1:2::8');
  expect(network.group('2001:db8:9:9::8')).toBe('2001:db8:9:9::/64');
  expect(network.group('203.0.113.8')).toBe('203.0.113.8');
});

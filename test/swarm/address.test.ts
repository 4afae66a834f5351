import { describe, expect, test } from 'bun:test';
import { addressGroup, addressNetwork, isLanAddress, isLoopbackAddress } from '../../src/swarm/address.ts';

describe('addressGroup()', () => {
  test.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::', '2001:db8:1:2::/64'],
    ['2001:DB8:0001:0002::9', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8::/64'],
    ['::', '::/64'],
    ['64:ff9b::192.0.2.7', '192.0.2.7'],
    ['lab.Example.org', 'lab.example.org'],
    ['fe80::1%eth0', 'fe80::1'],
    ['fd00:0::7', 'fd00::7'],
    ['::1', '::1'],
    ['10.0.0.1', '10.0.0.1'],
  ])('%p counts to %p', (host, group) => {
    expect(addressGroup(host)).toBe(group);
  });

  test('two addresses of one /64 are one group, of two they are two', () => {
    expect(addressGroup('2001:db8:1:2:ffff::1')).toBe(addressGroup('2001:db8:1:2::2'));
    expect(addressGroup('2001:db8:1:3::1')).not.toBe(addressGroup('2001:db8:1:2::1'));
    expect(addressGroup('192.0.2.7')).not.toBe(addressGroup('192.0.2.8'));
  });
});

describe('addressNetwork()', () => {
  test.each([
    ['192.0.2.7', '192.0.2.0/24'],
    ['::ffff:192.0.2.7', '192.0.2.0/24'],
    ['64:ff9b::192.0.2.7', '192.0.2.0/24'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1::/48'],
    ['2001:db8:0:2::', '2001:db8::/48'],
    ['nonsense', 'nonsense'],
  ])('%p is of %p', (host, network) => {
    expect(addressNetwork(host)).toBe(network);
  });
});

describe('isLoopbackAddress()', () => {
  test('is true for this machine and nothing else', () => {
    for (const host of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1'])
      expect(isLoopbackAddress(host)).toBe(true);
    for (const host of ['10.0.0.1', '::2', '128.0.0.1', 'localhost'])
      expect(isLoopbackAddress(host)).toBe(false);
  });
});

describe('isLanAddress()', () => {
  test.each([
    '127.0.0.1',
    '127.9.9.9',
    '10.0.0.1',
    '192.168.1.1',
    '172.16.0.1',
    '172.31.255.255',
    '169.254.1.1',
    '::ffff:10.0.0.1',
    '::1',
    'fc00::1',
    'fd12:3456::1',
    'fe80::1%eth0',
    'febf::1',
  ])('%p is near', (host) => {
    expect(isLanAddress(host)).toBe(true);
  });

  test.each([
    '8.8.8.8',
    '172.15.0.1',
    '172.32.0.1',
    '192.169.0.1',
    '11.0.0.1',
    '100.64.0.1',
    '2001:db8::1',
    'fec0::1',
    'fd::1',
    'fe8::1',
    '::2',
    '10.0.0.1.example.org',
    '10.example.org',
    'localhost',
    '',
  ])('%p is not', (host) => {
    expect(isLanAddress(host)).toBe(false);
  });
});

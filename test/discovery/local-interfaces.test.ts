import { expect, test } from 'bun:test';
import { isOnSegment, type LocalInterface, localInterfaces } from '../../src/discovery/local-interfaces.ts';

const ETH0: LocalInterface = {
  name: 'eth0',
  addresses: [
    { family: 4, address: '192.168.1.20', prefixBits: 23 },
    { family: 6, address: '2001:db8:1:2::20', prefixBits: 128 },
    { family: 6, address: 'fe80::20', prefixBits: 64 },
  ],
};
const WLAN0: LocalInterface = {
  name: 'wlan0',
  addresses: [{ family: 4, address: '203.0.113.9', prefixBits: 29 }],
};

test.each([
  ['192.168.1.7', true],
  ['192.168.0.255', true],
  ['192.168.2.1', false],
  ['203.0.113.15', true],
  ['203.0.113.16', false],
  ['2001:db8:1:2:ffff::1', true],
  ['2001:db8:1:3::1', false],
  ['fe80::7%eth0', true],
  ['fe80::7%wlan0', true],
  ['fe80::7%eth1', false],
  ['fe80::7', false],
  ['127.0.0.1', false],
  ['::1', false],
  ['localhost', false],
])('isOnSegment() of %s is %p', (host, expected) => {
  expect(isOnSegment([ETH0, WLAN0], host)).toBe(expected);
});

test('isOnSegment() is nowhere without an interface', () => {
  expect(isOnSegment([], '192.168.1.7')).toBe(false);
});

test('localInterfaces() has no loopback, and addresses that are on their own segment', () => {
  for (const one of localInterfaces()) {
    expect(one.name).not.toBe('lo');
    expect(one.addresses).not.toEqual([]);
    for (const { address } of one.addresses) {
      const host = address.startsWith('fe80:') ? `${address}%${one.name}` : address;
      expect(isOnSegment([one], host)).toBe(true);
    }
  }
});

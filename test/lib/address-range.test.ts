import { describe, expect, test } from 'bun:test';
import { isLoopbackHost, parseAddressRange } from '../../src/lib/address-range.ts';

describe('parseAddressRange()', () => {
  test.each([
    [
      '192.168.1.0/24',
      ['192.168.1.0', '192.168.1.255', '::ffff:192.168.1.7'],
      ['192.168.2.1', '::1', 'x', ''],
    ],
    ['192.168.1.77/24', ['192.168.1.1'], ['192.168.0.255']],
    ['10.0.0.5', ['10.0.0.5'], ['10.0.0.4', '10.0.0.6']],
    ['0.0.0.0/0', ['203.0.113.9'], ['2001:db8::1']],
    ['2001:db8:1::/48', ['2001:db8:1:ffff::1', '2001:DB8:1::'], ['2001:db8:2::1', '192.168.1.1']],
    ['fe80::/10', ['fe80::1%eth0'], ['fec0::1']],
    ['::1', ['::1', '0:0:0:0:0:0:0:1'], ['::2']],
  ])('%s', (text, inside, outside) => {
    const range = parseAddressRange(text);
    expect(inside.filter((address) => !range?.has(address))).toEqual([]);
    expect(outside.filter((address) => range?.has(address))).toEqual([]);
  });

  test.each([
    '',
    'lan',
    '192.168.1',
    '192.168.1.0/33',
    '::/129',
    '192.168.1.0/-1',
    '192.168.1.0/',
    '1.2.3.4/8/8',
  ])('refuses %j', (text) => {
    expect(parseAddressRange(text)).toBeUndefined();
  });
});

test('isLoopbackHost() knows every way to write this machine, and no other', () => {
  for (const host of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1', 'localhost', 'LOCALHOST'])
    expect([host, isLoopbackHost(host)]).toEqual([host, true]);
  for (const host of ['0.0.0.0', '::', '192.168.1.1', '127.evil.example.org', 'localhost.example.org', ''])
    expect([host, isLoopbackHost(host)]).toEqual([host, false]);
});

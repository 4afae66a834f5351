import { describe, expect, test } from 'bun:test';
import { mayLead, mayName, reachOf } from '../../src/discovery/reach.ts';

describe('reachOf()', () => {
  const cases: readonly (readonly [reach: string | undefined, ...hosts: string[]])[] = [
    ['loopback', '127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1', '64:ff9b::7f00:1'],
    ['private', '10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', '100.64.0.1', '100.127.255.255'],
    ['private', 'fc00::1', 'fd12::1', 'fec0::1', '::ffff:10.0.0.1', '64:ff9b::a00:1', '2002:c0a8:0101::1'],
    ['public', '8.8.8.8', '172.15.0.1', '172.32.0.1', '100.63.0.1', '100.128.0.1', '192.0.2.1', '198.18.0.1'],
    ['public', '2001:db8::1', '2a00::1', '64:ff9b::808:808', '2002:808:808::1'],
    [undefined, '0.0.0.0', '169.254.169.254', '169.254.1.1', '224.0.0.1', '240.0.0.1', '255.255.255.255'],
    [undefined, '::', 'fe80::1', 'ff02::1', '64:ff9b::a9fe:a9fe', '2002:a9fe:a9fe::1', '2002::1'],
    [undefined, '100.100.100.200', '168.63.129.16', 'fd00:ec2::254', 'FD00:EC2::254', 'fd00:ec2:0:0::254'],
    [undefined, '::ffff:168.63.129.16', '::ffff:a83f:8110', '64:ff9b::a83f:8110', '2002:a83f:8110::1'],
    // RFC 8215, 5214 and 4380: a network's own NAT64, ISATAP, Teredo.
    [
      'private',
      '64:ff9b:1::a00:1',
      '64:ff9b:1:8::808:808',
      '2001:db8::5efe:a00:1',
      '2001:db8::200:5efe:a00:1',
    ],
    ['public', '64:ff9b:2::1', '2001:db8::5efe:808:808', '2001:1::1'],
    [undefined, '2001:0:c000:201::f5ff:fffe', '2001::1'],
    [undefined, 'tracker.example.org', 'localhost', '', '1.2.3', '[::1]'],
  ];
  for (const [reach, ...hosts] of cases) {
    test(`${hosts.join(', ')}: ${reach ?? 'nowhere'}`, () => {
      expect(hosts.map(reachOf)).toEqual(hosts.map(() => reach as ReturnType<typeof reachOf>));
    });
  }
});

test('mayLead() leads further out or as far, never further in', () => {
  const reaches = ['loopback', 'private', 'public'] as const;
  const allowed = reaches.flatMap((from) =>
    reaches.filter((to) => mayLead(from, to)).map((to) => `${from} ${to}`),
  );
  expect(allowed).toEqual([
    'loopback loopback',
    'loopback private',
    'loopback public',
    'private private',
    'private public',
    'public public',
  ]);
});

test('mayName() takes private addresses only from who is in a private network, and none without a port', () => {
  const at = (host: string, port = 9989) => ({ host, port });
  expect(mayName('public', at('8.8.8.8'))).toBe(true);
  expect(mayName('public', at('192.168.1.1'))).toBe(false);
  expect(mayName('private', at('192.168.1.1'))).toBe(true);
  expect(mayName('private', at('127.0.0.1'))).toBe(false);
  expect(mayName('loopback', at('127.0.0.1'))).toBe(true);
  expect(mayName('loopback', at('127.0.0.1', 0))).toBe(false);
  expect(mayName('loopback', at('169.254.169.254', 80))).toBe(false);
});

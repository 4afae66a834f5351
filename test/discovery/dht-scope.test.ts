import { describe, expect, test } from 'bun:test';
import { DhtScope, scopeOf } from '../../src/discovery/dht-scope.ts';

describe('scopeOf()', () => {
  test.each([
    ['8.8.8.8', 'public'],
    ['198.18.3.1', 'public'],
    ['10.0.0.1', 'private'],
    ['172.16.0.1', 'private'],
    ['172.32.0.1', 'public'],
    ['192.168.1.1', 'private'],
    ['100.64.0.1', 'private'],
    ['127.0.0.9', 'loopback'],
  ] as const)('%s is %s', (host, scope) => {
    expect(scopeOf({ host, port: 1 })).toBe(scope);
  });

  test.each([
    '0.0.0.0',
    '0.1.2.3',
    '169.254.169.254',
    '168.63.129.16',
    '224.0.0.1',
    '255.255.255.255',
    '2001:db8::1',
    'example.org',
  ])('%s is nobody that the DHT may send us to', (host) => {
    expect(scopeOf({ host, port: 1 })).toBeUndefined();
  });

  test('port 0 is nobody', () => {
    expect(scopeOf({ host: '8.8.8.8', port: 0 })).toBeUndefined();
  });
});

describe('DhtScope', () => {
  const allowed = (...bootstrap: string[]) => {
    const scope = new DhtScope(bootstrap.map((host) => ({ host, port: 1 })));
    return ['8.8.8.8', '10.0.0.1', '127.0.0.1'].filter((host) => scope.allow({ host, port: 1 }));
  };

  test('allow public addresses only, where the operator said nothing else', () => {
    expect(allowed('router.bittorrent.com')).toEqual(['8.8.8.8']);
    expect(allowed()).toEqual(['8.8.8.8']);
  });

  test("allow what the operator's own bootstrap nodes are", () => {
    expect(allowed('192.168.7.7')).toEqual(['8.8.8.8', '10.0.0.1']);
    expect(allowed('localhost')).toEqual(['8.8.8.8', '10.0.0.1', '127.0.0.1']);
    expect(allowed('8.8.8.8', '127.0.0.1')).toEqual(['8.8.8.8', '10.0.0.1', '127.0.0.1']);
  });
});

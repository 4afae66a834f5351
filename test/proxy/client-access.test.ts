import { describe, expect, test } from 'bun:test';
import { ConfigError } from '../../src/lib/errors.ts';
import { ClientAccess, checkListen } from '../../src/proxy/client-access.ts';

const isOnLan = (address: string) => address.startsWith('192.168.');

describe('ClientAccess.allows()', () => {
  test('without --allow-client it is this machine only', () => {
    const access = new ClientAccess({ allowed: [], isOnLan });
    for (const address of ['127.0.0.1', '127.3.2.1', '::1', '::ffff:127.0.0.1'])
      expect(access.allows(address)).toBe(true);
    for (const address of ['192.168.1.2', '10.0.0.1', '::ffff:10.0.0.1', 'fe80::1%eth0', undefined, ''])
      expect(access.allows(address)).toBe(false);
  });

  test('--allow-client lets in whom it names: ranges, addresses, "lan"', () => {
    const access = new ClientAccess({ allowed: ['10.1.0.0/16', '2001:db8::5', 'lan'], isOnLan });
    for (const address of ['10.1.2.3', '::ffff:10.1.2.3', '2001:db8::5', '192.168.7.7', '::ffff:192.168.7.7'])
      expect(access.allows(address)).toBe(true);
    for (const address of ['10.2.0.1', '2001:db8::6', '172.16.0.1'])
      expect(access.allows(address)).toBe(false);
  });

  test('setAllowed() holds from then on', () => {
    const access = new ClientAccess({ allowed: ['10.1.0.0/16'], isOnLan });
    access.setAllowed(['lan']);
    expect([access.allows('10.1.2.3'), access.allows('192.168.7.7')]).toEqual([false, true]);
  });

  test('isHere() is this machine only, whoever is allowed', () => {
    const access = new ClientAccess({ allowed: ['0.0.0.0/0'], isOnLan });
    expect([access.isHere('127.0.0.1'), access.isHere('203.0.113.5'), access.isHere(undefined)]).toEqual([
      true,
      false,
      false,
    ]);
  });
});

describe('checkListen()', () => {
  test.each(['0.0.0.0', '::', '192.168.1.5', 'fd00::1', 'proxy.example.org'])(
    'refuses to listen on %s for nobody in particular, and says what to give',
    (host) => {
      const listen = () => checkListen({ host, port: 9988 }, []);
      expect(listen).toThrow(ConfigError);
      expect(listen).toThrow(/--allow-client lan.*192\.168\.1\.0\/24/);
      expect(() => checkListen({ host, port: 9988 }, ['lan'])).not.toThrow();
    },
  );

  test.each(['127.0.0.1', '::1', 'localhost', '127.0.0.9'])(
    'lets %s be, where only this machine is',
    (host) => {
      checkListen({ host, port: 9988 }, []);
    },
  );
});

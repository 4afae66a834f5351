import { describe, expect, test } from 'bun:test';
import { isDialable } from '../../src/discovery/dialable.ts';

describe('isDialable()', () => {
  for (const host of ['192.0.2.1', '10.0.0.1', '192.168.1.1', '223.255.255.254', '2001:db8::1', 'fd00::1']) {
    test(`takes ${host}`, () => {
      expect(isDialable({ host, port: 9989 })).toBe(true);
    });
  }

  const never = [
    '0.0.0.0',
    '0.1.2.3',
    '169.254.169.254',
    '224.0.0.1',
    '255.255.255.255',
    '240.0.0.1',
    '::',
    'fe80::1',
  ];
  never.push(
    'ff02::1',
    '::ffff:169.254.1.1',
    '::192.0.2.1',
    'febf::1',
    'localhost',
    'ftp.de.debian.org',
    '',
    'fe80::1%eth0',
  );
  for (const host of never) {
    test(`refuses ${host || 'nothing'}, whoever names it`, () => {
      expect(isDialable({ host, port: 9989 })).toBe(false);
      expect(isDialable({ host, port: 9989 }, true)).toBe(false);
    });
  }

  for (const host of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1']) {
    test(`takes ${host} only from somebody on loopback`, () => {
      expect(isDialable({ host, port: 9989 })).toBe(false);
      expect(isDialable({ host, port: 9989 }, true)).toBe(true);
    });
  }

  for (const port of [0, -1, 65536, 1.5, Number.NaN]) {
    test(`refuses port ${port}`, () => {
      expect(isDialable({ host: '192.0.2.1', port })).toBe(false);
    });
  }
});

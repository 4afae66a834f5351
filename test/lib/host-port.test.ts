import { describe, expect, test } from 'bun:test';
import { formatHostPort, parseHostPort } from '../../src/lib/host-port.ts';
import { seeded } from '../wire/samples.ts';

describe('parseHostPort()', () => {
  test.each([
    ['ftp.de.debian.org:9989', { host: 'ftp.de.debian.org', port: 9989 }],
    [' 192.0.2.7:80 ', { host: '192.0.2.7', port: 80 }],
    ['[2001:db8::7]:443', { host: '2001:db8::7', port: 443 }],
    ['[fe80::1%eth0]:1', { host: 'fe80::1%eth0', port: 1 }],
    ['localhost:0', { host: 'localhost', port: 0 }],
    ['localhost:65535', { host: 'localhost', port: 65535 }],
  ])('reads %p', (text, expected) => {
    expect(parseHostPort(text)).toEqual(expected);
  });

  test('takes what is left out from the defaults', () => {
    const defaults = { host: '127.0.0.1', port: 9988 };
    expect(parseHostPort('lab', defaults)).toEqual({ host: 'lab', port: 9988 });
    expect(parseHostPort(':1', defaults)).toEqual({ host: '127.0.0.1', port: 1 });
    expect(parseHostPort('[::1]', defaults)).toEqual({ host: '::1', port: 9988 });
    expect(parseHostPort('', defaults)).toEqual(defaults);
  });

  test.each([
    ['no port and no default', 'lab'],
    ['no host and no default', ':80'],
    ['a port too high', 'lab:65536'],
    ['a port of letters', 'lab:http'],
    ['an empty port', 'lab:'],
    ['IPv6 without brackets', '::1:80'],
    ['a bracket left open', '[::1:80'],
    ['a path', 'lab:80/debian'],
    ['a URL', 'http://lab:80'],
    ['a space inside', 'la b:80'],
  ])('refuses %s', (_why, text) => {
    expect(parseHostPort(text)).toBeUndefined();
  });

  test('reads what formatHostPort() writes, for any address', () => {
    const draw = seeded(1);
    const hosts = ['a.example.org', '10.0.0.1', '::', '2001:db8::1', 'fe80::1%eth0', 'x'];
    for (let i = 0; i < 300; i += 1) {
      const at = { host: hosts[draw(hosts.length)] as string, port: draw(65536) };
      expect(parseHostPort(formatHostPort(at))).toEqual(at);
    }
  });

  test('gives an address that formatHostPort() can write, or undefined, for any text', () => {
    const draw = seeded(2);
    const letters = 'a1:[].%/ -\t9';
    for (let i = 0; i < 5_000; i += 1) {
      const text = Array.from({ length: draw(12) }, () => letters[draw(letters.length)]).join('');
      const at = parseHostPort(text, { port: 7 });
      if (at) expect(parseHostPort(formatHostPort(at))).toEqual(at);
    }
  });
});

import { describe, expect, test } from 'bun:test';
import { parseTarget } from '../../src/proxy/target.ts';

const parse = (raw: string) => parseTarget(raw, { isOwnHost: (host) => host === 'localhost:9988' });

/** "scheme host path ?query @userinfo", "own path" or the status of the refusal. */
function brief(raw: string): string | number {
  const target = parse(raw);
  if (target.kind === 'refused') return target.status;
  if (target.kind === 'own') return `own ${target.path}`;
  const { at, query, userinfo } = target;
  const more = [query === undefined ? '' : ` ?${query}`, userinfo === undefined ? '' : ` @${userinfo}`];
  return `${at.scheme} ${at.host} ${at.path}${more.join('')}`;
}

describe('parseTarget()', () => {
  test.each([
    // Our own pages.
    ['/', 'own /'],
    ['/?x', 'own /'],
    ['/api/status', 'own /api/status'],
    ['/api/nothing', 'own /api/nothing'],
    ['/healthz', 'own /healthz'],
    ['/favicon.ico', 'own /favicon.ico'],
    ['/metrics', 'own /metrics'],
    ['http://localhost:9988/', 'own /'],
    ['http://LOCALHOST:9988/healthz', 'own /healthz'],
    // Mirror style.
    ['/ftp.de.debian.org/debian/pool/x_1%2b2.deb', 'http ftp.de.debian.org /debian/pool/x_1+2.deb'],
    ['/FTP.de.Debian.org./debian/', 'http ftp.de.debian.org /debian/'],
    ['/ftp.de.debian.org', 'http ftp.de.debian.org /'],
    ['/ftp.de.debian.org:80/debian', 'http ftp.de.debian.org /debian'],
    ['/ftp.de.debian.org:8080/debian', 'http ftp.de.debian.org:8080 /debian'],
    ['/mirror:3142/debian', 'http mirror:3142 /debian'],
    ['/localhost/debian', 'http localhost /debian'],
    ['//ftp.de.debian.org/debian', 'http ftp.de.debian.org /debian'],
    ['/[2001:db8::1]:8080/debian', 'http [2001:db8::1]:8080 /debian'],
    ['/ftp.de.debian.org/x?a=b', 'http ftp.de.debian.org /x ?a=b'],
    ['http://localhost:9988/ftp.de.debian.org/debian/x', 'http ftp.de.debian.org /debian/x'],
    // Proxy style.
    ['http://ftp.de.debian.org/debian/x', 'http ftp.de.debian.org /debian/x'],
    ['HTTP://FTP.de.debian.org:80/debian/./x', 'http ftp.de.debian.org /debian/x'],
    ['https://ftp.de.debian.org:443/debian', 'https ftp.de.debian.org /debian'],
    ['https://ftp.de.debian.org:80/debian', 'https ftp.de.debian.org:80 /debian'],
    ['http://ftp.de.debian.org', 'http ftp.de.debian.org /'],
    ['http://ftp.de.debian.org?x=1', 'http ftp.de.debian.org / ?x=1'],
    ['http://mirror/debian', 'http mirror /debian'],
    ['http://user:p%40w@private.example.org/x', 'http private.example.org /x @user:p@w'],
    ['http://ftp.de.debian.org/', 'http ftp.de.debian.org /'],
    // apt-cacher-ng's way to name an https mirror.
    ['/HTTPS///ftp.de.debian.org/debian/x', 'https ftp.de.debian.org /debian/x'],
    ['/https///ftp.de.debian.org:8443/x', 'https ftp.de.debian.org:8443 /x'],
    ['http://HTTPS///ftp.de.debian.org/debian/x', 'https ftp.de.debian.org /debian/x'],
    ['http://localhost:9988/HTTPS///ftp.de.debian.org/x', 'https ftp.de.debian.org /x'],
  ])('%p is %p', (raw, expected) => {
    expect(brief(raw)).toBe(expected);
  });

  test.each([
    ['/debian/pool/x.deb', 404],
    ['/api', 404],
    ['/HTTPS/x', 404],
    ['/HTTPS///nodots/x', 404],
    ['ftp://ftp.de.debian.org/x', 400],
    ['gopher://x/', 400],
    ['', 400],
    ['*', 400],
    ['ftp.de.debian.org:443', 400],
    ['/ftp.de.debian.org/%2e%2e/%2e%2e/etc/passwd', 400],
    ['/ftp.de.debian.org/a%2Fb', 400],
    ['/ftp.de.debian.org/%zz', 400],
    ['/ftp.de.debian.org/%00', 400],
    ['/ftp.de.debian.org/a b', 400],
    ['/ftp.de.debian.org/a\r\nX: y', 400],
    ['/ftp.de.debian.org/a?b#c', 400],
    ['/user:pw@ftp.de.debian.org/x', 400],
    ['/ftp.de.debian.org:0/x', 400],
    ['/ftp.de.debian.org:99999/x', 400],
    ['/../x', 400],
    ['http:///x', 400],
    ['http://a..b/x', 400],
    ['http://[::1/x', 400],
    ['http://[1]/x', 400],
    ['http://1.2.3.999/x', 400],
    ['http://exa%6dple.org/x', 400],
    ['http://b\xfccher.example/x', 400],
    ['http://a@b@c/%zz', 400],
    [`/ftp.de.debian.org/${'x'.repeat(8192)}`, 414],
  ])('%p is refused with %p', (raw, status) => {
    expect(brief(raw)).toBe(status);
  });

  test('refuses with a text', () => {
    for (const raw of ['/debian/x', 'ftp://x/', '/a.b/%zz'])
      expect(parse(raw)).toHaveProperty('text', expect.stringMatching(/\w{3}/));
  });

  test('gives a target or a refusal for any bytes, and never a host or path out of form', () => {
    let seed = 1;
    const next = (below: number) => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return (seed >>> 8) % below;
    };
    const pieces = [
      '/',
      'http://',
      'https://',
      'HTTPS///',
      'a.b',
      ':',
      '80',
      '@',
      '?',
      '#',
      '%',
      '2f',
      '%2e',
      '..',
      '[',
      ']',
      '::1',
      '\0',
      '\xff',
      ' ',
      'x',
    ];
    for (let i = 0; i < 20_000; i += 1) {
      const raw = Array.from({ length: next(10) }, () => pieces[next(pieces.length)] ?? '').join('');
      const target = parse(raw);
      if (target.kind !== 'file') continue;
      expect(target.at.host).toMatch(/^(?:[a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::\d+)?$/);
      expect(target.at.path).toMatch(/^\//);
      expect(target.at.path).not.toMatch(/\/\/|\/\.\.?(?:\/|$)|\0/);
    }
  });
});

import { describe, expect, test } from 'bun:test';
import { locationUrl } from '../../src/archive/entry.ts';
import { normalPath } from '../../src/proxy/normal-path.ts';

describe('normalPath()', () => {
  test.each([
    ['/', '/'],
    ['/debian/pool/main/g/g++/g++_1%2b2%7e3.deb', '/debian/pool/main/g/g++/g++_1+2~3.deb'],
    ['/debian/pool/g%2B%2b_1:2%7E3.deb', '/debian/pool/g++_1:2~3.deb'],
    ['/a%3a1', '/a:1'],
    ['/a//b///c', '/a/b/c'],
    ['//a', '/a'],
    ['/a/./b/.', '/a/b/'],
    ['/./InRelease', '/InRelease'],
    ['/a/b/../c', '/a/c'],
    ['/a/%2e%2e/c', '/c'],
    ['/a/..', '/'],
    ['/a/', '/a/'],
    ['/a%20b', '/a b'],
    ['/%C3%A9', '/é'],
    ['/\xc3\xa9', '/é'],
    ['/%252f', '/%2f'],
    ['/a%3fb', '/a?b'],
    ['/...', '/...'],
  ])('%p is %p', (raw, path) => {
    expect(normalPath(raw)).toEqual({ path });
  });

  test.each([
    '/a%2fb',
    '/a%2Fb',
    '/%00',
    '/a%0d%0aX:y',
    '/%7f',
    '/%1f',
    '/%',
    '/%4',
    '/%zz',
    '/%+1',
    '/..',
    '/../etc/passwd',
    '/a/../../b',
    '/%2e%2e/%2e%2e/etc/passwd',
    '/%ff',
    '/%c3',
    '/\xff',
    '/a#b',
    '/\u0100',
    '/%u0041',
  ])('refuses %p', (raw) => {
    expect(normalPath(raw)).toHaveProperty('refused');
  });

  test('of what it made, encoded anew, is the same (10,000 random paths)', () => {
    const random = mulberry32(20_101_206);
    const alphabet = [
      '/',
      '/',
      '.',
      '..',
      '%2e',
      '%2F',
      '%2b',
      '+',
      '~',
      '%7E',
      '%25',
      '%',
      'a',
      'Z',
      '0',
      '%c3%a9',
      '%3F',
      '%23',
      '\\',
      ';',
      '=',
      ' ',
      '%5C',
      '\xe9',
    ];
    let made = 0;
    for (let i = 0; i < 10_000; i += 1) {
      const length = Math.floor(random() * 12);
      const raw = `/${Array.from({ length }, () => alphabet[Math.floor(random() * alphabet.length)]).join('')}`;
      const normal = normalPath(raw);
      if ('refused' in normal) continue;
      made += 1;
      expect(normal.path).toStartWith('/');
      expect(normal.path.split('/').slice(1, -1)).not.toContain('');
      expect(normal.path.split('/').some((segment) => segment === '.' || segment === '..')).toBe(false);
      const url = new URL(locationUrl({ scheme: 'http', host: 'ftp.de.debian.org', path: normal.path }));
      expect(normalPath(url.pathname)).toEqual(normal);
    }
    expect(made).toBeGreaterThan(1000);
  });
});

/** A small seeded generator (public domain, Tommy Ettinger). */
function mulberry32(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

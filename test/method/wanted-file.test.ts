import { describe, expect, test } from 'bun:test';
import { decodeMessage, encodeMessage, type Message } from '../../src/method/message.ts';
import { wantedFile } from '../../src/method/wanted-file.ts';

const SHA256 = 'a'.repeat(64);
const asked = (fields: Record<string, string>) =>
  wantedFile(
    decodeMessage(encodeMessage(600, 'URI Acquire', { Filename: '/tmp/f', ...fields }).trimEnd()) as Message,
  );

describe('wantedFile()', () => {
  test('a package, with all that apt says of it', () => {
    expect(
      asked({
        URI: 'debtorrent+http://ftp.de.debian.org/debian/pool/main/h/hello_2%2b1.deb',
        'Expected-SHA256': SHA256.toUpperCase(),
        'Expected-MD5Sum': 'b'.repeat(32),
        'Expected-Checksum-FileSize': '1234',
      }),
    ).toEqual({
      uri: 'debtorrent+http://ftp.de.debian.org/debian/pool/main/h/hello_2%2b1.deb',
      plainUri: 'http://ftp.de.debian.org/debian/pool/main/h/hello_2%2b1.deb',
      target: '/ftp.de.debian.org:80/debian/pool/main/h/hello_2%2b1.deb',
      fileName: '/tmp/f',
      expected: { algorithm: 'sha256', hex: SHA256 },
      sizeBytes: 1234,
      maximumBytes: undefined,
      ifModifiedSince: undefined,
      isRelease: false,
    });
  });

  test('an InRelease that apt has an older copy of', () => {
    const since = 'Sat, 10 Jun 2023 08:53:48 GMT';
    const uri = 'debtorrent+https://ftp.de.debian.org/debian/dists/bookworm/InRelease';
    expect(asked({ URI: uri, 'Maximum-Size': '10000000', 'Last-Modified': since })).toMatchObject({
      target: '/HTTPS///ftp.de.debian.org/debian/dists/bookworm/InRelease',
      expected: undefined,
      maximumBytes: 10_000_000,
      ifModifiedSince: since,
      isRelease: true,
    });
  });

  test.each([
    ['http://mirror/debian/x', '/mirror:80/debian/x'],
    ['http://mirror:8080/x', '/mirror:8080/x'],
    ['http://[2001:db8::1]/x', '/[2001:db8::1]:80/x'],
    ['http://[2001:db8::1]:81/x', '/[2001:db8::1]:81/x'],
    ['https://mirror:444/x', '/HTTPS///mirror:444/x'],
    ['http://mirror.example.org', '/mirror.example.org:80/'],
    ['http://user:secret@mirror/x', undefined],
  ])('%s is asked of the daemon as %p', (uri, target) => {
    expect(asked({ URI: `debtorrent+${uri}` })?.target).toBe(target as string);
  });

  test('SHA-512 where there is no SHA-256, and no weaker hash', () => {
    const uri = { URI: 'debtorrent+http://mirror/x' };
    expect(asked({ ...uri, 'Expected-SHA512': 'c'.repeat(128) })?.expected?.algorithm).toBe('sha512');
    expect(asked({ ...uri, 'Expected-SHA1': 'd'.repeat(40) })?.expected).toBeUndefined();
    expect(asked({ ...uri, 'Expected-SHA256': 'short' })?.expected).toBeUndefined();
  });

  test('a file name without a folder, as apt-get source has it', () => {
    const fields = { URI: 'debtorrent+http://mirror/x', Filename: 'hello_2.10-3.dsc' };
    expect(asked(fields)?.fileName).toBe('hello_2.10-3.dsc');
  });

  test.each([
    { URI: 'http://mirror/x' },
    { URI: 'debtorrent+ftp://mirror/x' },
    { URI: 'debtorrent+http:///x' },
    { URI: 'debtorrent+http://mirror/x', Filename: '' },
  ])('%p is nothing that we could answer for', (fields) => {
    expect(asked(fields)).toBeUndefined();
  });
});

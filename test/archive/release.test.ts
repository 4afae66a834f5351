import { describe, expect, test } from 'bun:test';
import { parseRelease } from '../../src/archive/release.ts';
import { ProtocolError } from '../../src/lib/errors.ts';
import { sha256Of } from '../../src/lib/sha256.ts';
import { bytesOf, randomInts, releaseText } from './samples.ts';

const packages = bytesOf('Package: a\n');
const gz = Bun.gzipSync(packages);
const TEXT = releaseText({
  validUntil: 'Sat, 10 Jan 2026 10:00:00 UTC',
  files: {
    'main/binary-amd64/Packages': packages,
    'main/binary-amd64/Packages.gz': gz,
    'contrib/binary-amd64/Packages.gz': gz,
    'main/i18n/Translation-en.xz': bytesOf('t'),
  },
});
const hex = (kind: 'md5' | 'sha1' | 'sha256' | 'sha512', bytes: Uint8Array) =>
  new Bun.CryptoHasher(kind).update(bytes).digest('hex');

describe('parseRelease()', () => {
  test('reads the fields', () => {
    const release = parseRelease(bytesOf(TEXT));
    expect(release).toMatchObject({
      origin: 'Debian',
      label: 'Debian',
      suite: 'stable',
      codename: 'bookworm',
    });
    expect(release.dateMs).toBe(Date.UTC(2026, 0, 3, 10));
    expect(release.validUntilMs).toBe(Date.UTC(2026, 0, 10, 10));
    expect(release.architectures).toEqual(['all', 'amd64', 'arm64']);
    expect(release.components).toEqual(['main', 'contrib']);
    expect(release.acquireByHash).toBe(true);
    expect(release.size).toBe(4);
  });

  test('names files by SHA-256 and size', () => {
    expect(parseRelease(bytesOf(TEXT)).file('main/binary-amd64/Packages.gz')).toEqual({
      name: 'main/binary-amd64/Packages.gz',
      key: sha256Of(gz),
      sizeBytes: gz.length,
    });
    expect(parseRelease(bytesOf(TEXT)).file('main/binary-amd64/Packages.xz')).toBeUndefined();
  });

  test.each([
    ['MD5Sum', hex('md5', packages)],
    ['SHA1', hex('sha1', packages)],
    ['SHA256', hex('sha256', packages)],
    ['SHA512', hex('sha512', packages)],
    ['SHA512', hex('sha512', packages).toUpperCase()],
  ])('resolve() finds the entry behind by-hash/%s', (kind, digest) => {
    const found = parseRelease(bytesOf(TEXT)).resolve(`main/binary-amd64/by-hash/${kind}/${digest}`);
    expect(found?.key).toBe(sha256Of(packages));
    expect(found?.name).toBe('main/binary-amd64/Packages');
  });

  test('resolve() takes the name in the directory asked for, where contents are equal', () => {
    const release = parseRelease(bytesOf(TEXT));
    const digest = hex('sha256', gz);
    expect(release.resolve(`contrib/binary-amd64/by-hash/SHA256/${digest}`)?.name).toBe(
      'contrib/binary-amd64/Packages.gz',
    );
    expect(release.resolve(`main/binary-amd64/by-hash/SHA256/${digest}`)?.name).toBe(
      'main/binary-amd64/Packages.gz',
    );
    expect(release.resolve(`elsewhere/by-hash/SHA256/${digest}`)?.key).toBe(sha256Of(gz));
  });

  test('resolve() finds nothing for a wrong kind, digest or name', () => {
    const release = parseRelease(bytesOf(TEXT));
    expect(release.resolve(`main/by-hash/SHA1/${hex('sha256', packages)}`)).toBeUndefined();
    expect(release.resolve(`main/by-hash/constructor/${hex('sha256', packages)}`)).toBeUndefined();
    expect(release.resolve(`main/by-hash/SHA256/${'0'.repeat(64)}`)).toBeUndefined();
    expect(release.resolve('__proto__')).toBeUndefined();
  });

  test('a digest of a weaker list says nothing about a name that SHA256 lacks, or of another size', () => {
    const key = sha256Of(packages);
    const md5 = hex('md5', packages);
    const text = `Codename: x\nMD5Sum:\n ${md5} 10 other\n ${md5} 11 a\nSHA256:\n ${key} 10 a\n`;
    expect(parseRelease(bytesOf(text)).fileByHash('MD5Sum', md5)).toBeUndefined();
  });

  test('passes over lines and names that can not be files', () => {
    const key = sha256Of(packages);
    const names = ['../../etc/passwd', '/abs', 'a//b', 'a/./b', 'x'.repeat(600)];
    const lines = names.map((name) => ` ${key} 1 ${name}\n`).join('');
    const text = `SHA256:\n${lines} ${key} 1 a b\n ${key} -1 c\n zz 1 d\n ${key} 1 ./good\n`;
    expect(parseRelease(bytesOf(text)).names()).toEqual(['good']);
  });

  test('the first line of a name counts', () => {
    const [a, b] = [sha256Of(bytesOf('a')), sha256Of(bytesOf('b'))];
    expect(parseRelease(bytesOf(`SHA256:\n ${a} 1 x\n ${b} 1 x\n`)).file('x')?.key).toBe(a);
  });

  test('a date that is none is not stated', () => {
    const release = parseRelease(bytesOf('Date: yesterday\nValid-Until: \nSHA256:\n'));
    expect([release.dateMs, release.validUntilMs]).toEqual([undefined, undefined]);
  });

  test.each([
    ['without a SHA256 list', 'Origin: x\nMD5Sum:\n'],
    ['with two stanzas', 'SHA256:\n\nSHA256:\n'],
    ['that is a web page', '<!DOCTYPE html>\n<p>Please log in\n'],
    ['that is empty', ''],
  ])('a Release %s is a ProtocolError', (_, text) => {
    expect(() => parseRelease(bytesOf(text))).toThrow(ProtocolError);
  });

  test('more than 10 MB is a ProtocolError', () => {
    expect(() => parseRelease(bytesOf(`SHA256:\n${' x\n'.repeat(3_400_000)}`))).toThrow(ProtocolError);
  });

  test('arbitrary edits give a Release or a ProtocolError', () => {
    const int = randomInts(4);
    const bytes = bytesOf(TEXT);
    let accepted = 0;
    for (let round = 0; round < 2000; round += 1) {
      const edited = bytes.slice(0, int(8) === 0 ? int(bytes.length) : bytes.length);
      for (let edits = int(6); edits > 0; edits -= 1) edited[int(Math.max(1, edited.length))] = int(256);
      try {
        const release = parseRelease(edited);
        for (const name of release.names()) expect(release.file(name)?.key).toHaveLength(64);
        accepted += 1;
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
      }
    }
    expect(accepted).toBeGreaterThan(500);
  });
});

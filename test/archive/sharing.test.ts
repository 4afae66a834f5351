import { describe, expect, test } from 'bun:test';
import { parseRelease } from '../../src/archive/release.ts';
import { isShareable, parseShareRule } from '../../src/archive/sharing.ts';
import type { SignatureVerdict } from '../../src/archive/signature.ts';
import { bytesOf, releaseText } from './samples.ts';

const release = parseRelease(bytesOf(releaseText({ origin: 'Example Corp', files: {} })));
const unsigned: SignatureVerdict = { status: 'unknown', reason: 'no public archive key signed it' };

function shared(rule: string, base = 'apt.example.org/debian', verdict = unsigned): boolean {
  return isShareable(release, base, verdict, [parseShareRule(rule)]);
}

describe('isShareable()', () => {
  test('what a public archive key signed is, without any rule', () => {
    expect(isShareable(release, 'x/y', { status: 'public', keyring: 'k', fingerprint: 'F' }, [])).toBe(true);
  });

  test.each(['unknown', 'bad', 'unavailable'] as const)(
    'a verdict of %s is not, without a rule',
    (status) => {
      expect(isShareable(release, 'x/y', { status, reason: '' }, [])).toBe(false);
    },
  );

  test.each([
    ['Example Corp', true],
    ['example corp', true],
    ['Example', false],
    ['', false],
    ['http://apt.example.org/debian', true],
    ['https://APT.example.org/debian/', true],
    ['http://apt.example.org', true],
    ['http://apt.example.org:80/debian', true],
    ['apt.example.org/debian', true],
    ['apt.example.org/deb', false],
    ['http://apt.example.org/debian-private', false],
    ['http://example.org/debian', false],
    ['apt.example.org:8080/debian', false],
  ])('the rule "%s" shares it: %p', (rule, expected) => {
    expect(shared(rule)).toBe(expected);
  });

  test.each([
    ['http://127.0.0.1:8123/debian', '127.0.0.1:8123/debian'],
    ['127.0.0.1:8123/debian', '127.0.0.1:8123/debian'],
    ['127.0.0.1:8123', '127.0.0.1:8123/debian'],
    ['[::1]:8123/debian', '[::1]:8123/debian'],
    ['http://[::1]:8123', '[::1]:8123/debian'],
    ['https://apt.example.org:443/x', 'apt.example.org/x'],
  ])('the rule "%s" shares what lies at %s', (rule, base) => {
    expect(shared(rule, base)).toBe(true);
  });

  test('an origin can not pass for a URI that the operator gave with a scheme', () => {
    const claims = parseRelease(bytesOf(releaseText({ origin: 'http://apt.example.org/debian', files: {} })));
    expect(
      isShareable(claims, 'evil.example/x', unsigned, [parseShareRule('http://apt.example.org/debian')]),
    ).toBe(false);
  });

  test('an archive without an origin matches no empty rule', () => {
    const bare = parseRelease(bytesOf(releaseText({ origin: undefined, files: {} })));
    expect(isShareable(bare, 'x/y', unsigned, [parseShareRule('  ')])).toBe(false);
  });
});

import { describe, expect, test } from 'bun:test';
import { archiveIdentity, normalCodename, normalOrigin } from '../../src/archive/identity.ts';
import { parseRelease } from '../../src/archive/release.ts';
import { bytesOf, releaseText } from './samples.ts';

test.each([
  ['bookworm', 'bookworm'],
  ['bookworm-updates', 'bookworm'],
  ['bookworm-security', 'bookworm'],
  ['bookworm-backports', 'bookworm'],
  ['bookworm-backports-sloppy', 'bookworm'],
  ['bookworm-proposed-updates', 'bookworm'],
  ['bookworm-debug', 'bookworm'],
  ['bookworm-proposed-updates-debug', 'bookworm'],
  ['bullseye-lts', 'bullseye'],
  ['buster/updates', 'buster'],
  ['sid', 'sid'],
  ['security', 'security'],
  ['-updates', '-updates'],
  ['rc-buggy', 'rc-buggy'],
  ['my-updates-suite', 'my-updates-suite'],
])('normalCodename() of %s is %s', (codename, expected) => {
  expect(normalCodename(codename)).toBe(expected);
});

test.each([
  ['Debian', 'Debian'],
  ['Debian Backports', 'Debian'],
  ['Backports', 'Backports'],
  ['Example Corp', 'Example Corp'],
])('normalOrigin() of %s is %s', (origin, expected) => {
  expect(normalOrigin(origin)).toBe(expected);
});

describe('archiveIdentity()', () => {
  const of = (spec: {
    origin?: string | undefined;
    codename?: string | undefined;
    suite?: string | undefined;
  }) =>
    archiveIdentity(
      parseRelease(bytesOf(releaseText({ ...spec, files: {} }))),
      'amd64',
      'apt.example.org/deb',
    );

  test('release, updates and security meet', () => {
    const expected = { origin: 'Debian', codename: 'bookworm', architecture: 'amd64' };
    expect(of({ codename: 'bookworm' })).toEqual(expected);
    expect(of({ codename: 'bookworm-updates' })).toEqual(expected);
    expect(of({ codename: 'bookworm-security' })).toEqual(expected);
    expect(of({ origin: 'Debian Backports', codename: 'bookworm-backports' })).toEqual(expected);
  });

  test('takes the suite where there is no codename', () => {
    expect(of({ codename: undefined, suite: 'jammy-updates' }).codename).toBe('jammy');
  });

  test('names an archive that says nothing by its URI', () => {
    expect(of({ origin: undefined, codename: undefined, suite: undefined })).toEqual({
      origin: 'apt.example.org/deb',
      codename: '/',
      architecture: 'amd64',
    });
    expect(of({ origin: undefined })).toMatchObject({ origin: 'apt.example.org/deb', codename: 'bookworm' });
    expect(of({ codename: undefined, suite: undefined })).toMatchObject({
      origin: 'apt.example.org/deb',
      codename: '/',
    });
  });
});

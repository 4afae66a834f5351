import { describe, expect, test } from 'bun:test';
import { isSecurityPath, isSecurityPocket } from '../../src/archive/pocket.ts';

describe('isSecurityPocket()', () => {
  test.each([
    ['Debian', 'Debian-Security', 'stable-security', 'bookworm-security', 'bookworm-security'],
    ['Debian', 'Debian-Security', 'oldoldstable', 'buster', 'buster/updates'],
    ['Debian', 'Debian', 'oldstable-security', 'bookworm-security', undefined],
    ['Debian', 'Debian', 'squeeze-lts', 'squeeze-lts', 'squeeze-lts'],
    ['Ubuntu', 'Ubuntu', 'noble-security', 'noble', 'noble-security'],
    ['Ubuntu', 'Ubuntu', 'noble-updates', 'noble', 'noble-updates'],
    ['UbuntuESMApps', 'UbuntuESMApps', 'noble-apps-updates', 'noble', 'noble-apps-updates'],
    // A mirror may give a suite another name; what the Release says of itself counts as well.
    ['Debian', 'Debian', 'stable', 'bookworm', 'bookworm-security'],
    ['Example', 'Example Security', 'stable', 'stable', undefined],
  ])('%s %s %s %s at %s is one', (origin, label, suite, codename, place) => {
    expect(isSecurityPocket({ origin, label, suite, codename }, place)).toBe(true);
  });

  test.each([
    ['Debian', 'Debian', 'stable', 'bookworm', 'bookworm'],
    ['Debian', 'Debian', 'stable-updates', 'bookworm-updates', 'bookworm-updates'],
    ['Debian Backports', 'Debian Backports', 'stable-backports', 'bookworm-backports', 'bookworm-backports'],
    ['Ubuntu', 'Ubuntu', 'noble', 'noble', 'noble'],
    ['Ubuntu', 'Ubuntu', 'noble-backports', 'noble', 'noble-backports'],
    ['Example', 'Insecurity', 'security-tools', 'security-tools', 'security-tools'],
    [undefined, undefined, undefined, undefined, undefined],
  ])('%s %s %s %s at %s is none', (origin, label, suite, codename, place) => {
    expect(isSecurityPocket({ origin, label, suite, codename }, place)).toBe(false);
  });
});

test.each([
  ['pool/updates/main/h/hello/hello_1.deb', true],
  ['dists/bookworm-security/main/binary-amd64/Packages.xz', true],
  ['dists/buster/updates/main/binary-amd64/Packages.xz', true],
  ['dists/bookworm-updates/main/binary-amd64/Packages.xz', false],
  ['dists/bookworm/main/binary-amd64/Packages.xz', false],
  ['pool/main/h/hello/hello_1.deb', false],
])('isSecurityPath() %s: %s', (path, expected) => {
  expect(isSecurityPath(path)).toBe(expected);
});

import { describe, expect, test } from 'bun:test';
import type { Location } from '../../src/archive/entry.ts';
import { RefusedError, UnavailableError } from '../../src/lib/errors.ts';
import { UpstreamPolicy } from '../../src/mirror/upstream-policy.ts';

const at = (host: string, scheme: Location['scheme'] = 'http'): Location => ({
  scheme,
  host,
  path: '/debian/',
});
const resolving =
  (...addresses: string[]) =>
  async () =>
    addresses;

describe('UpstreamPolicy.check()', () => {
  test('lets a public host through, with the addresses that may be dialled', async () => {
    const policy = new UpstreamPolicy([], { resolve: resolving('2a04:4e42::644', '151.101.2.132') });
    expect(await policy.check(at('ftp.de.debian.org'))).toEqual(['2a04:4e42::644', '151.101.2.132']);
    expect(await policy.check(at('ftp.de.debian.org', 'https'))).toHaveLength(2);
    expect(await policy.check(at('151.101.2.132'))).toEqual(['151.101.2.132']);
    expect(await policy.check(at('[2a04:4e42::644]'))).toEqual(['2a04:4e42::644']);
  });

  test.each([
    '127.0.0.1',
    '10.1.2.3',
    '192.168.0.1',
    '169.254.169.254',
    '::1',
    'fd00::1',
    'fe80::1',
    '0.0.0.0',
    'ff02::1',
  ])('refuses a name that resolves to %p, and says which flag allows it', async (address) => {
    const refusal = new UpstreamPolicy([], { resolve: resolving('151.101.2.132', address) }).check(
      at('deb.example.org'),
    );
    await expect(refusal).rejects.toThrow(RefusedError);
    await expect(refusal).rejects.toMatchObject({ status: 403 });
    await expect(refusal).rejects.toThrow('--allow-upstream deb.example.org');
  });

  test('refuses address literals without asking the resolver', async () => {
    const policy = new UpstreamPolicy([], {
      resolve: async () => {
        throw new Error('asked');
      },
    });
    for (const host of ['127.0.0.1', '[::1]', '[::ffff:10.0.0.1]', '169.254.169.254']) {
      await expect(policy.check(at(host))).rejects.toThrow(RefusedError);
    }
  });

  test('refuses localhost and numbers that are loopback, with the real resolver', async () => {
    const policy = new UpstreamPolicy([]);
    for (const host of ['localhost', 'localhost.', '127.1', '2130706433', '0x7f.1']) {
      await expect(policy.check(at(host))).rejects.toThrow();
    }
  });

  test('refuses ports other than 80 and 443', async () => {
    const policy = new UpstreamPolicy([], { resolve: resolving('151.101.2.132') });
    await expect(policy.check(at('ftp.de.debian.org:22'))).rejects.toThrow(RefusedError);
    await expect(policy.check(at('ftp.de.debian.org:8080'))).rejects.toThrow(
      '--allow-upstream ftp.de.debian.org:8080',
    );
    expect(await policy.check(at('ftp.de.debian.org:443'))).toHaveLength(1);
    expect(await policy.check(at('ftp.de.debian.org:80', 'https'))).toHaveLength(1);
  });

  test('HOST allows any port, HOST:PORT that port only', async () => {
    const policy = new UpstreamPolicy(['Mirror.lan', '10.0.0.5:3142', '[fd00::1]:80', 'fd00::2'], {
      resolve: resolving('10.0.0.9'),
    });
    for (const host of ['mirror.lan', 'mirror.lan:8080', '10.0.0.5:3142', '[fd00::1]', '[fd00::2]:99']) {
      expect(await policy.check(at(host))).toEqual([]);
    }
    for (const host of ['10.0.0.5', '10.0.0.5:3143', '[fd00::1]:81', 'other.lan', 'x.mirror.lan']) {
      await expect(policy.check(at(host))).rejects.toThrow(RefusedError);
    }
    await expect(policy.check(at('[fd00::1]', 'https'))).rejects.toThrow(RefusedError);
  });

  test('setAllowed() holds from then on', async () => {
    const policy = new UpstreamPolicy(['mirror.lan'], { resolve: resolving('10.0.0.9') });
    policy.setAllowed(['other.lan:8080']);
    expect(await policy.check(at('other.lan:8080'))).toEqual([]);
    await expect(policy.check(at('mirror.lan'))).rejects.toThrow(RefusedError);
  });

  test('a name that does not resolve is unavailable, not refused', async () => {
    const gone = new UpstreamPolicy([], {
      resolve: () => Promise.reject(Object.assign(new Error(), { code: 'ENOTFOUND' })),
    });
    await expect(gone.check(at('no.example.org'))).rejects.toThrow(
      /could not resolve no\.example\.org: ENOTFOUND/,
    );
    await expect(
      new UpstreamPolicy([], { resolve: resolving() }).check(at('no.example.org')),
    ).rejects.toThrow(UnavailableError);
  });

  test('asks the resolver once in 30 s', async () => {
    let nowMs = 0;
    let lookups = 0;
    const resolve = async () => {
      lookups += 1;
      return ['151.101.2.132'];
    };
    const clock = { nowMs: () => nowMs, wallMs: () => nowMs, after: () => () => {} };
    const policy = new UpstreamPolicy([], { resolve, clock });
    await policy.check(at('ftp.de.debian.org'));
    nowMs = 29_999;
    await policy.check(at('ftp.de.debian.org', 'https'));
    expect(lookups).toBe(1);
    nowMs = 30_000;
    await policy.check(at('ftp.de.debian.org'));
    expect(lookups).toBe(2);
  });
});

describe("UpstreamPolicy and apt's sources", () => {
  const inSources = (host: string, port: number) =>
    ['intern.example:80', 'intern.example:8443', '127.0.0.1:3142', '10.0.0.5:80'].includes(`${host}:${port}`);
  const policy = new UpstreamPolicy(['mine.example'], { inSources, resolve: resolving('10.0.0.9') });

  test('what apt asks without us it may ask through us: private addresses and odd ports, as they are named', async () => {
    for (const [host, address] of [
      ['intern.example', '10.0.0.9'],
      ['Intern.Example.', '10.0.0.9'],
      ['127.0.0.1:3142', '127.0.0.1'],
      ['10.0.0.5', '10.0.0.5'],
    ] as const)
      expect(await policy.check(at(host))).toEqual([address]);
    expect(await policy.check(at('intern.example:8443', 'https'))).toEqual(['10.0.0.9']);
    for (const host of ['intern.example:81', '10.0.0.5:8080', '127.0.0.1', 'other.example'])
      await expect(policy.check(at(host))).rejects.toThrow(RefusedError);
  });

  test('isKnown(): archives of the list, sources but loopback ones, and what --allow-upstream names', () => {
    for (const host of [
      ...['ftp.de.debian.org', 'debian.org', 'security.debian.org.', 'de.archive.ubuntu.com', 'apt.llvm.org'],
      ...['intern.example', '10.0.0.5', 'mine.example', 'mine.example:99'],
    ])
      expect([host, policy.isKnown(at(host))]).toEqual([host, true]);
    for (const host of [
      'notdebian.org',
      'debian.org.evil.example',
      'org',
      'example.org',
      '127.0.0.1:3142',
      '[::1]',
    ])
      expect([host, policy.isKnown(at(host))]).toEqual([host, false]);
  });
});

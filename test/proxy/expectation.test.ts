import { describe, expect, test } from 'bun:test';
import type { IncomingMessage } from 'node:http';
import type { Entry } from '../../src/archive/entry.ts';
import { sha256Of } from '../../src/lib/sha256.ts';
import { entryFor, expectationOf, parseExpectation } from '../../src/proxy/expectation.ts';

const key = sha256Of(Buffer.from('right'));
const other = sha256Of(Buffer.from('other'));
const at = { scheme: 'http', host: 'ftp.de.debian.org', path: '/debian/a' } as const;
const shared: Entry = { key, sizeBytes: 5, swarms: ['ab'] };
const private_: Entry = { key, sizeBytes: 5, swarms: [] };

describe('parseExpectation()', () => {
  test('a hash and a size', () => {
    expect(parseExpectation(`sha256=${key}; size=5`)).toEqual({ key, sizeBytes: 5 });
  });

  test.each([
    '',
    `sha256=${key}`,
    `sha256=${key.slice(1)}; size=5`,
    `sha256=${key}; size=-5`,
    `md5=${key}; size=5`,
    `sha256=${key}; size=5; x`,
  ])('"%s" is none', (text) => {
    expect(parseExpectation(text)).toBeUndefined();
  });
});

describe('expectationOf() listens to', () => {
  const request = (remoteAddress: string | undefined) =>
    ({
      request: { headers: { 'x-debtorrent-expected': `sha256=${key}; size=5` }, socket: { remoteAddress } },
    }) as unknown as { request: IncomingMessage };

  test.each(['127.0.0.1', '127.5.5.5', '::1', '::ffff:127.0.0.1'])('%s', (address) => {
    expect(expectationOf(request(address))).toEqual({ key, sizeBytes: 5 });
  });

  test.each(['192.168.1.5', '::ffff:10.0.0.1', '2001:db8::1', undefined])('not to %s', (address) => {
    expect(expectationOf(request(address))).toBeUndefined();
  });
});

describe('entryFor()', () => {
  const knows = (entry: Entry | undefined, byKey?: Entry) => ({
    lookup: async () => entry,
    byKey: () => byKey,
  });
  const expected = { key, sizeBytes: 5 };

  test('without an expectation: what the catalogue says', async () => {
    expect(await entryFor(knows(shared), at, undefined)).toBe(shared);
    expect(await entryFor(knows(undefined, shared), at, undefined)).toBeUndefined();
  });

  test('that the catalogue shares: all is as ever', async () => {
    expect(await entryFor(knows(shared), at, expected)).toBe(shared);
  });

  test('of what no Release names: kept, and shared with nobody', async () => {
    expect(await entryFor(knows(undefined), at, expected)).toEqual(private_);
  });

  test('of what a Release names elsewhere: shared as there', async () => {
    expect(await entryFor(knows(undefined, shared), at, expected)).toBe(shared);
  });

  test('that the catalogue contradicts: the client gets what it expects, shared with nobody', async () => {
    expect(await entryFor(knows({ ...shared, key: other }), at, expected)).toEqual(private_);
  });

  test('does not wait long for a catalogue that is still reading', async () => {
    const slow = { lookup: () => new Promise<undefined>(() => {}), byKey: () => shared };
    expect(await entryFor(slow, at, expected)).toBe(shared);
  });
});

import { describe, expect, test } from 'bun:test';
import { encode } from '../../src/bencode/encode.ts';
import { ProtocolError } from '../../src/lib/errors.ts';
import { parseSwarmInfo, swarmInfo, swarmInfoHash } from '../../src/torrent/archive-identity.ts';
import { infoHashFromBytes, infoHashToBytes, parseInfoHash } from '../../src/torrent/info-hash.ts';

const bookworm = { origin: 'Debian', codename: 'bookworm', architecture: 'amd64' };
const BOOKWORM_INFO =
  'd7:archived12:architecture5:amd648:codename8:bookworm6:origin6:Debiane4:name21:Debian bookworm amd647:versioni1ee';

describe('swarmInfo()', () => {
  test('is this dictionary and no other', () =>
    expect(Buffer.from(swarmInfo(bookworm)).toString()).toBe(BOOKWORM_INFO));
  test('has the SHA-1 that every node must come to', () => {
    expect(swarmInfoHash(bookworm)).toBe(
      parseInfoHash(new Bun.SHA1().update(BOOKWORM_INFO).digest('hex')) as never,
    );
    expect(swarmInfoHash({ ...bookworm, architecture: 'all' })).not.toBe(swarmInfoHash(bookworm));
  });
});

describe('swarmInfo() of fields that can not stand in a name', () => {
  for (const bad of [{ origin: '' }, { codename: 'a\0b' }, { architecture: 'x'.repeat(201) }]) {
    test(JSON.stringify(bad).slice(0, 30), () =>
      expect(() => swarmInfo({ ...bookworm, ...bad })).toThrow(RangeError),
    );
  }
});

describe('parseSwarmInfo()', () => {
  test('gives the identity back', () => {
    expect(parseSwarmInfo(swarmInfo(bookworm))).toEqual(bookworm);
    const vendor = { origin: 'apt.example.org/häuser', codename: 'stable', architecture: 'riscv64' };
    expect(parseSwarmInfo(swarmInfo(vendor))).toEqual(vendor);
  });
  test('refuses anything that swarmInfo() would not write', () => {
    const archive = { ...bookworm };
    const name = 'Debian bookworm amd64';
    for (const info of [
      { archive, name, version: 2 },
      { archive, name: 'Debian', version: 1 },
      { archive, name, version: 1, extra: 1 },
      { archive: { ...archive, component: 'main' }, name, version: 1 },
      { archive: { ...archive, origin: '' }, name: ' bookworm amd64', version: 1 },
      { archive: { ...archive, origin: 'a\nb' }, name: 'a\nb bookworm amd64', version: 1 },
      { name, version: 1 },
      { archive: { ...archive, origin: 1 }, name, version: 1 },
      {
        archive: { ...archive, origin: 'x'.repeat(201) },
        name: `${'x'.repeat(201)} bookworm amd64`,
        version: 1,
      },
    ]) {
      expect(() => parseSwarmInfo(encode(info))).toThrow(ProtocolError);
    }
    expect(() => parseSwarmInfo(new Uint8Array())).toThrow(ProtocolError);
    expect(() => parseSwarmInfo(new Uint8Array(5000))).toThrow(ProtocolError);
  });
});

describe('InfoHash', () => {
  test('is 40 hexadecimal digits of either case, or 20 bytes', () => {
    const hash = swarmInfoHash(bookworm);
    expect(parseInfoHash(hash.toUpperCase())).toBe(hash);
    expect(infoHashFromBytes(infoHashToBytes(hash))).toBe(hash);
    for (const text of ['', 'zz'.repeat(20), 'aa'.repeat(19), 'aa'.repeat(32)])
      expect(parseInfoHash(text)).toBeUndefined();
    expect(() => infoHashFromBytes(new Uint8Array(32))).toThrow(RangeError);
  });
});

import { describe, expect, test } from 'bun:test';
import { parseQuery, percentDecode, percentEncode } from '../../src/announce/query.ts';
import { ProtocolError } from '../../src/lib/errors.ts';
import { randomQuery, seeded } from './samples.ts';

const every = Uint8Array.from({ length: 256 }, (_, i) => i);
const text = (value: string) => new TextEncoder().encode(value);

describe('percentEncode()', () => {
  test('leaves unreserved characters and writes any other byte as %XX', () => {
    expect(percentEncode(text('aZ09-._~'))).toBe('aZ09-._~');
    expect(percentEncode(Uint8Array.of(0, 0x20, 0x2b, 0x26, 0x3d, 0x25, 0xff))).toBe('%00%20%2B%26%3D%25%FF');
  });

  test('is undone by percentDecode() for every byte', () => {
    expect(percentDecode(percentEncode(every))).toEqual(every);
  });
});

describe('percentDecode()', () => {
  test('takes hexadecimal digits of either case, and "+" as itself', () => {
    expect(percentDecode('%fF%Ff+')).toEqual(Uint8Array.of(255, 255, 0x2b));
  });

  for (const bad of ['%', '%a', '%g0', 'x%0', '%0g', '%:0']) {
    test(`refuses ${bad}`, () => {
      expect(() => percentDecode(bad)).toThrow(ProtocolError);
    });
  }
});

describe('parseQuery()', () => {
  test('keeps the order of a parameter that comes more than once', () => {
    expect(parseQuery('a=1&b&a=%002&=x')).toEqual(
      new Map([
        ['a', [text('1'), Uint8Array.of(0, 0x32)]],
        ['b', [text('')]],
        ['', [text('x')]],
      ]),
    );
  });

  test('takes 256 parameters and refuses more', () => {
    expect(parseQuery('a&'.repeat(256)).get('a')?.length).toBe(256);
    expect(() => parseQuery('a&'.repeat(257))).toThrow(ProtocolError);
  });

  test('gives for arbitrary text parameters or ProtocolError, nothing else', () => {
    const draw = seeded(4);
    for (let round = 0; round < 5000; round += 1) {
      try {
        parseQuery(randomQuery(draw));
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
      }
    }
  });
});

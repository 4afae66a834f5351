import { describe, expect, test } from 'bun:test';
import { decodeDict, decodeStrict } from '../../src/bencode/decode.ts';
import { encode } from '../../src/bencode/encode.ts';
import { decodeShallow, entries, items } from '../../src/bencode/shallow.ts';
import type { BInputDict } from '../../src/bencode/value.ts';
import { ProtocolError } from '../../src/lib/errors.ts';
import { random } from './random.ts';

const LIMITS = { maxBuiltItems: 100 };

describe('decodeShallow()', () => {
  test('builds what decodeDict() builds, but for what is left as it came', () => {
    const { value } = random(7);
    for (let i = 0; i < 300; i++) {
      const apart = value(3, false);
      const other = value(2, false);
      const bytes = encode({ apart, other, 'a\xffb': 1 });
      const { dict, raw } = decodeShallow(bytes, new Set(['apart', 'absent']), LIMITS);
      expect(raw.get('apart')).toEqual(encode(apart));
      expect(raw.size).toBe(1);
      const { apart: _, ...rest } = decodeDict(bytes);
      expect({ ...dict }).toEqual(rest);
    }
  });
  test('limits what is built of each value, and all of it', () => {
    const bytes = encode({ list: Array.from({ length: 100 }, () => 0) });
    expect(() => decodeShallow(bytes, new Set(), LIMITS)).toThrow(/more than 100 values/);
    expect(decodeShallow(bytes, new Set(['list']), LIMITS).dict).toEqual({});
    expect(() => decodeShallow(bytes, new Set(['list']), { ...LIMITS, maxItems: 50 })).toThrow(
      /more than 50/,
    );
  });
  test.each(['', 'i1e', 'le', 'd1:ai1e', 'd1:ai1eex', 'd1:bi1e1:ai1ee'])('refuses %p', (text) => {
    expect(() => decodeShallow(Buffer.from(text), new Set(), LIMITS)).toThrow(ProtocolError);
  });
});

describe('entries() and items()', () => {
  test('give each value as it came', () => {
    const { value } = random(9);
    for (let i = 0; i < 200; i++) {
      const list = [value(3, true), value(1, true), value(2, true)];
      expect([...items(encode(list))]).toEqual(list.map((item) => encode(item)));
      const dict: BInputDict = { a: list[0] as never, '': list[1] as never, zz: list[2] as never };
      const found = [...entries(encode(dict))];
      expect(found.map(([key]) => key)).toEqual(['', 'a', 'zz']);
      for (const [key, raw] of found)
        expect(decodeStrict(raw)).toEqual(decodeStrict(encode(dict[key] as never)));
    }
  });
  test('refuse what is something else', () => {
    expect(() => [...entries(Buffer.from('le'))]).toThrow(ProtocolError);
    expect(() => [...items(Buffer.from('de'))]).toThrow(ProtocolError);
  });
});

import { describe, expect, test } from 'bun:test';
import bencode from 'bencode';
import { decodeDict, decodePrefix, decodeStrict } from '../../src/bencode/decode.ts';
import { encode } from '../../src/bencode/encode.ts';
import { rawValue } from '../../src/bencode/slice.ts';
import { type BInput, type BValue, keyFromBytes } from '../../src/bencode/value.ts';
import { ProtocolError } from '../../src/lib/errors.ts';
import { random } from './random.ts';

const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'latin1'));

describe('decodeStrict() refuses what the library takes', () => {
  const cases: Record<string, string> = {
    nothing: '',
    'trailing bytes': 'i1ei2e',
    'an integer with a leading zero': 'i03e',
    'minus zero': 'i-0e',
    'an integer with a plus sign': 'i+1e',
    'a fraction': 'i1.5e',
    'an integer without digits': 'ie',
    'a minus alone': 'i-e',
    'an integer beyond 2^53-1': 'i9007199254740992e',
    'an integer of twenty digits': 'i10000000000000000000e',
    'an integer without its end': 'i12',
    'a string cut short': '10:abc',
    'a string of 99999999999 bytes': '99999999999:abc',
    'a string length with a leading zero': '03:abc',
    'a string length alone': '3',
    'unsorted keys': 'd1:bi1e1:ai2ee',
    'a longer key before its prefix': 'd2:aai1e1:ai2ee',
    'a duplicate key': 'd1:ai1e1:ai2ee',
    'a key that is no string': 'di1ei2ee',
    'a key without a value': 'd1:ae',
    'a dictionary without its end': 'd1:ai1e',
    'a list without its end': 'l1:a',
    'a lone end': 'e',
  };
  for (const [name, text] of Object.entries(cases)) {
    test(name, () => expect(() => decodeStrict(bytes(text))).toThrow(ProtocolError));
  }
});

describe('decodeStrict() with anyKeyOrder', () => {
  const loose = (text: string) => decodeStrict(bytes(text), { anyKeyOrder: true });
  test('takes keys in any order, and the last of equal ones', () => {
    expect(loose('d1:bi1e2:aai2e1:ai3ee')).toEqual({ a: 3, aa: 2, b: 1 });
    expect(loose('d1:bi1e1:ai2e1:bi3ee')).toEqual({ a: 2, b: 3 });
    expect(loose('d9:__proto__i1e1:ai2e9:__proto__i3ee')).toEqual(
      Object.assign(Object.create(null), { a: 2, ['__proto__']: 3 }),
    );
  });
  test('is as strict as ever about all else', () => {
    for (const text of ['d1:bi1e1:ai02ee', 'd1:bi1e1:ae', 'd1:bi1e1:ai2e', 'd1:bi1e1:ai2eei3e']) {
      expect(() => loose(text)).toThrow(ProtocolError);
    }
  });
});

describe('decodeStrict() keeps its limits', () => {
  test('200,000 nested lists are a ProtocolError, not a stack overflow', () => {
    const nested = bytes('l'.repeat(200_000) + 'e'.repeat(200_000));
    expect(() => decodeStrict(nested)).toThrow(/nested deeper/);
    expect(() => decodeStrict(nested.subarray(0, 100_000))).toThrow(/nested deeper/);
  });
  test('maxDepth counts lists and dictionaries, and is itself allowed', () => {
    expect(decodeStrict(bytes('lllleeee'), { maxDepth: 4 })).toEqual([[[[]]]]);
    expect(() => decodeStrict(bytes('lllleeee'), { maxDepth: 3 })).toThrow(ProtocolError);
  });
  test('maxItems counts values, not keys', () => {
    expect(decodeStrict(bytes('d1:ai1e1:bi2ee'), { maxItems: 3 })).toEqual({ a: 1, b: 2 });
    expect(() => decodeStrict(bytes('d1:ai1e1:bi2ee'), { maxItems: 2 })).toThrow(ProtocolError);
  });
  test('maxBytes', () => {
    expect(decodeStrict(bytes('4:spam'), { maxBytes: 6 })).toEqual(bytes('spam'));
    expect(() => decodeStrict(bytes('4:spam'), { maxBytes: 5 })).toThrow(ProtocolError);
  });
});

describe('decodeStrict() reads', () => {
  test('the largest and smallest integers', () => {
    expect(decodeStrict(bytes('i9007199254740991e'))).toBe(Number.MAX_SAFE_INTEGER);
    expect(decodeStrict(bytes('i-9007199254740991e'))).toBe(Number.MIN_SAFE_INTEGER);
    expect(decodeStrict(bytes('i0e'))).toBe(0);
  });
  test('keys that are not text, byte for byte', () => {
    const hash = new Uint8Array(20).map((_, i) => 250 - i * 11);
    const encoded = encode({ files: { [keyFromBytes(hash)]: { complete: 1 } } });
    const decoded = decodeDict(encoded);
    expect(decoded).toEqual({ files: { [keyFromBytes(hash)]: { complete: 1 } } } as never);
    expect(encode(decoded)).toEqual(encoded);
  });
  test('"__proto__" as a key as any other', () => {
    const decoded = decodeDict(bytes('d9:__proto__d1:ai1eee'));
    expect(Object.keys(decoded)).toEqual(['__proto__']);
    expect((decoded as { a?: unknown }).a).toBeUndefined();
    expect(encode(decoded)).toEqual(bytes('d9:__proto__d1:ai1eee'));
  });
  test('a blob as a view of the input, not a copy', () => {
    const encoded = encode({ pieces: new Uint8Array(100_000).fill(7) });
    const pieces = decodeDict(encoded).pieces as Uint8Array;
    expect(pieces.buffer).toBe(encoded.buffer as ArrayBuffer);
    expect(pieces).toEqual(new Uint8Array(100_000).fill(7));
  });
  test('decodePrefix() says where ut_metadata data begins', () => {
    const message = bytes('d8:msg_typei1e5:piecei0e10:total_sizei5eehello');
    const { value, bytesUsed } = decodePrefix(message);
    expect(value).toEqual({ msg_type: 1, piece: 0, total_size: 5 });
    expect(message.subarray(bytesUsed)).toEqual(bytes('hello'));
  });
  test('decodeDict() refuses other values', () => {
    expect(() => decodeDict(bytes('le'))).toThrow(ProtocolError);
    expect(() => decodeDict(bytes('1:a'))).toThrow(ProtocolError);
  });
});

describe('rawValue()', () => {
  test('gives the bytes of a top-level value, not of a nested one of the same name', () => {
    const file = bytes('d1:ad4:infoi1ee4:infod1:xi2ee5:otheri3ee');
    expect(rawValue(file, 'info')).toEqual(bytes('d1:xi2ee'));
  });
  test('gives undefined without the key, and for other values than a dictionary', () => {
    expect(rawValue(bytes('d1:ad4:infoi1eee'), 'info')).toBeUndefined();
    expect(rawValue(bytes('l4:infoi1ee'), 'info')).toBeUndefined();
  });
  test('refuses trailing bytes', () =>
    expect(() => rawValue(bytes('d4:infoi1eex'), 'info')).toThrow(ProtocolError));
});

describe('property', () => {
  test('whatever is encoded decodes to the same, and re-encodes to the same bytes', () => {
    const { int, value } = random(1);
    for (let i = 0; i < 2_000; i++) {
      const encoded = encode(value(4, int(2) === 0));
      const decoded = decodeStrict(encoded);
      expect(encode(decoded)).toEqual(encoded);
    }
  });
  test('agrees with the library where keys are ASCII, on both of its sides', () => {
    const { value } = random(2);
    for (let i = 0; i < 1_000; i++) {
      const plain = value(4, true);
      const encoded = encode(plain);
      expect(encoded).toEqual(new Uint8Array(bencode.encode(plain)));
      expect(decodeStrict(encoded)).toEqual(bencode.decode(encoded) as BValue);
    }
  });
  test('arbitrary and damaged bytes give a value that re-encodes to them, or ProtocolError', () => {
    const { int, value } = random(3);
    let accepted = 0;
    for (let i = 0; i < 6_000; i++) {
      const input = damaged(i % 3 === 0 ? noise(int, int(40)) : encode(value(3, int(2) === 0)), int);
      try {
        const decoded = decodeStrict(input);
        accepted += 1;
        expect(encode(decoded as BInput)).toEqual(input);
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolError);
      }
    }
    expect(accepted).toBeGreaterThan(100);
  });
});

function noise(int: (n: number) => number, length: number): Uint8Array {
  const alphabet = 'dlie0123456789:-ab';
  return bytes(Array.from({ length }, () => alphabet[int(alphabet.length)]).join(''));
}

function damaged(input: Uint8Array, int: (n: number) => number): Uint8Array {
  const copy = new Uint8Array(input);
  if (copy.length === 0) return copy;
  switch (int(4)) {
    case 0:
      copy[int(copy.length)] = int(256);
      return copy;
    case 1:
      return copy.subarray(0, int(copy.length));
    case 2:
      return new Uint8Array([...copy, int(256)]);
    default:
      return copy;
  }
}

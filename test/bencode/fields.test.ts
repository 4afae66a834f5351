import { describe, expect, test } from 'bun:test';
import { decodeDict } from '../../src/bencode/decode.ts';
import { encode } from '../../src/bencode/encode.ts';
import { asText, findInt, getBytes, getDict, getInt, getList, getText } from '../../src/bencode/fields.ts';
import { ProtocolError } from '../../src/lib/errors.ts';

const dict = decodeDict(
  encode({ int: 5, negative: -1, bytes: new Uint8Array([0xff]), text: 'häh', list: [1], dict: { a: 1 } }),
);

describe('fields', () => {
  test('give values of their type', () => {
    expect(getInt(dict, 'int')).toBe(5);
    expect(getInt(dict, 'negative', -10)).toBe(-1);
    expect(getBytes(dict, 'bytes', 1)).toEqual(new Uint8Array([0xff]));
    expect(getText(dict, 'text')).toBe('häh');
    expect(getList(dict, 'list')).toEqual([1]);
    expect(getInt(getDict(dict, 'dict'), 'a')).toBe(1);
    expect(findInt(dict, 'absent')).toBeUndefined();
  });
  test('throw a ProtocolError that names the key', () => {
    const wrong: [() => unknown, string][] = [
      [() => getInt(dict, 'absent'), 'absent'],
      [() => getInt(dict, 'text'), 'text'],
      [() => getInt(dict, 'negative'), 'negative'],
      [() => getInt(dict, 'int', 0, 4), 'int'],
      [() => getBytes(dict, 'int'), 'int'],
      [() => getBytes(dict, 'bytes', 2), 'bytes'],
      [() => getText(dict, 'bytes'), 'bytes'],
      [() => getList(dict, 'dict'), 'dict'],
      [() => getDict(dict, 'list'), 'list'],
      [() => getDict(dict, 'bytes'), 'bytes'],
      [() => asText(1, 'url-list'), 'url-list'],
    ];
    for (const [run, key] of wrong) {
      expect(run).toThrow(ProtocolError);
      expect(run).toThrow(`"${key}"`);
    }
  });
  test('see own keys only', () => {
    expect(() => getDict(dict, '__proto__')).toThrow(ProtocolError);
    expect(() => getText(dict, 'constructor')).toThrow(ProtocolError);
  });
});

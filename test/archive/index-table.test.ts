import { describe, expect, test } from 'bun:test';
import { IndexTable, pathFingerprint, RECORD_BYTES } from '../../src/archive/index-table.ts';
import { TableBuilder } from '../../src/archive/table-builder.ts';
import { ProtocolError } from '../../src/lib/errors.ts';
import { parseSha256, type Sha256, sha256Of } from '../../src/lib/sha256.ts';
import { bytesOf, packagesOf, randomBytes, randomInts } from './samples.ts';

function tableOf(index: Uint8Array): Uint8Array {
  const builder = new TableBuilder();
  builder.push(index);
  return builder.finish();
}

const FILES = Array.from({ length: 500 }, (_, i) => ({
  path: `pool/main/p/p${i}/p${i}_1_all.deb`,
  content: `deb ${i}`,
}));
const TABLE = tableOf(packagesOf(FILES));

describe('IndexTable', () => {
  test('finds each file by its path, and only those', () => {
    const table = new IndexTable(TABLE);
    expect(table.length).toBe(500);
    for (const { path, content } of FILES) {
      expect(table.findPath(path)).toEqual({ key: sha256Of(bytesOf(content)), sizeBytes: content.length });
      expect(table.findPath(`${path}x`)).toBeUndefined();
    }
  });

  test('finds each file by its content, and only those', () => {
    const table = new IndexTable(TABLE);
    for (const { content } of FILES) {
      const key = sha256Of(bytesOf(content));
      expect(table.findKey(key)).toEqual({ key, sizeBytes: content.length });
      expect(table.findKey(sha256Of(bytesOf(`${content}x`)))).toBeUndefined();
    }
    for (const edge of ['0', 'f'])
      expect(table.findKey(parseSha256(edge.repeat(64)) as Sha256)).toBeUndefined();
  });

  test('tells fingerprints apart that share their first 15 bytes', () => {
    const table = new IndexTable(TABLE);
    const fingerprint = pathFingerprint(FILES[7]?.path as string);
    expect(table.find(fingerprint)?.sizeBytes).toBe(5);
    for (const place of [0, 4, 15]) {
      const other = fingerprint.slice();
      other[place] = (other[place] as number) ^ 1;
      expect(table.find(other)).toBeUndefined();
    }
  });

  test('an empty table has nothing', () => {
    const table = new IndexTable(tableOf(bytesOf('')));
    expect(table.length).toBe(0);
    expect(table.findPath('x')).toBeUndefined();
    expect(table.findKey(sha256Of(bytesOf('x')))).toBeUndefined();
  });

  test('holds sizes beyond 4 GiB', () => {
    const size = 2 ** 40 + 12345;
    const key = sha256Of(bytesOf('x'));
    expect(
      new IndexTable(tableOf(bytesOf(`Filename: a\nSize: ${size}\nSHA256: ${key}\n`))).findPath('a'),
    ).toEqual({
      key,
      sizeBytes: size,
    });
  });

  test('takes 58 bytes a record', () => {
    expect(RECORD_BYTES).toBe(58);
    expect(TABLE.length).toBe(64 + 500 * 58);
  });

  test('any one byte changed, or a length changed, is a ProtocolError', () => {
    const small = tableOf(packagesOf(FILES.slice(0, 3)));
    expect(new IndexTable(small.slice()).length).toBe(3);
    for (let at = 0; at < small.length; at += 1) {
      // Between the record count and the checksum lie bytes that mean nothing yet.
      if (at >= 12 && at < 32) continue;
      const edited = small.slice();
      edited[at] = (edited[at] as number) ^ 0x40;
      expect(() => new IndexTable(edited)).toThrow(ProtocolError);
    }
    for (const length of [0, 7, 63, 64, small.length - 1])
      expect(() => new IndexTable(small.slice(0, length))).toThrow(ProtocolError);
    expect(() => new IndexTable(Buffer.concat([small, new Uint8Array(58)]))).toThrow(ProtocolError);
  });

  test('arbitrary bytes are a ProtocolError', () => {
    const int = randomInts(5);
    for (let round = 0; round < 500; round += 1) {
      const bytes = randomBytes(int, int(300));
      bytes.set(TABLE.subarray(0, Math.min(bytes.length, 8)));
      expect(() => new IndexTable(bytes)).toThrow(ProtocolError);
    }
  });

  test('reads a table that does not begin at a word of memory', () => {
    const shifted = new Uint8Array(TABLE.length + 3);
    shifted.set(TABLE, 3);
    expect(new IndexTable(shifted.subarray(3)).findPath(FILES[0]?.path as string)).toBeDefined();
  });
});

import { describe, expect, test } from 'bun:test';
import { IndexTable } from '../../src/archive/index-table.ts';
import { TableBuilder } from '../../src/archive/table-builder.ts';
import { ProtocolError } from '../../src/lib/errors.ts';
import { sha256Of } from '../../src/lib/sha256.ts';
import { bytesOf, packagesOf, randomInts } from './samples.ts';

const [A, B] = [sha256Of(bytesOf('a')), sha256Of(bytesOf('b'))];

function tableOf(text: string, size = text.length): IndexTable {
  const builder = new TableBuilder();
  const bytes = bytesOf(text);
  for (let at = 0; at < bytes.length; at += size) builder.push(bytes.subarray(at, at + size));
  return new IndexTable(builder.finish());
}

describe('TableBuilder', () => {
  test('makes the same table of the same stanzas however they are cut', () => {
    const index = packagesOf(Array.from({ length: 50 }, (_, i) => ({ path: `p/${i}`, content: `c${i}` })));
    const text = Buffer.from(index).toString();
    expect(tableOf(text, 1).findPath('p/49')).toEqual(tableOf(text).findPath('p/49'));
    expect(tableOf(text, 7).length).toBe(50);
  });

  test('takes the files of a Sources stanza from its Directory', () => {
    const table = tableOf(
      `Package: hello\nDirectory: pool/main/h/hello\nFiles:\n 0 1 hello_1.dsc\nChecksums-Sha256:\n ${A} 10 hello_1.dsc\n ${B} 20 hello_1.tar.xz\n bad line\n\n` +
        `Package: flat\nDirectory: .\nChecksums-Sha256:\n ${B} 30 flat_1.dsc\n`,
    );
    expect(table.length).toBe(3);
    expect(table.findPath('pool/main/h/hello/hello_1.dsc')).toEqual({ key: A, sizeBytes: 10 });
    expect(table.findPath('pool/main/h/hello/hello_1.tar.xz')).toEqual({ key: B, sizeBytes: 20 });
    expect(table.findPath('flat_1.dsc')).toEqual({ key: B, sizeBytes: 30 });
  });

  test('one normal form of paths: no "./" at the start, "+" and "~" and "%3a" as they stand', () => {
    const names = ['./flat/a_1.deb', 'pool/g++_1~rc1+b1.deb', 'pool/x_1%3a2.deb', '/abs.deb'];
    const table = tableOf(names.map((name) => `Filename: ${name}\nSize: 1\nSHA256: ${A}\n`).join('\n'));
    for (const name of ['flat/a_1.deb', 'pool/g++_1~rc1+b1.deb', 'pool/x_1%3a2.deb', 'abs.deb']) {
      expect(table.findPath(name)).toBeDefined();
    }
  });

  test('takes digests of either case', () => {
    expect(tableOf(`Filename: a\nSize: 1\nSHA256: ${A.toUpperCase()}\n`).findPath('a')?.key).toBe(A);
  });

  test.each([
    ['no SHA256', `Filename: a\nSize: 1\n`],
    ['no Size', `Filename: a\nSHA256: ${A}\n`],
    ['no Filename', `Size: 1\nSHA256: ${A}\n`],
    ['a short SHA256', `Filename: a\nSize: 1\nSHA256: ${A.slice(1)}\n`],
    ['a SHA256 that is not hexadecimal', `Filename: a\nSize: 1\nSHA256: g${A.slice(1)}\n`],
    ['a negative Size', `Filename: a\nSize: -1\nSHA256: ${A}\n`],
    ['a Size that is too large', `Filename: a\nSize: 281474976710656\nSHA256: ${A}\n`],
    ['a path that climbs', `Filename: pool/../../a\nSize: 1\nSHA256: ${A}\n`],
    ['a path beyond all measure', `Filename: ${'a/'.repeat(3000)}\nSize: 1\nSHA256: ${A}\n`],
    ['a source file in another directory', `Directory: p\nChecksums-Sha256:\n ${A} 1 ../x\n ${A} 1 a/b\n`],
  ])('passes over a stanza with %s, and nothing of it stays for the next', (_, stanza) => {
    const table = tableOf(`${stanza}\nFilename: good\nSize: 2\nSHA256: ${B}\n`);
    expect(table.length).toBe(1);
    expect(table.findPath('good')).toEqual({ key: B, sizeBytes: 2 });
    expect(tableOf(`${stanza}\nOther: x\n`).length).toBe(0);
  });

  test('keeps one record of a path named twice alike, none of one that contradicts itself', () => {
    const stanza = (path: string, key: string, size: number) =>
      `Filename: ${path}\nSize: ${size}\nSHA256: ${key}\n\n`;
    const table = tableOf(
      stanza('twice', A, 1) +
        stanza('torn', A, 1) +
        stanza('twice', A, 1) +
        stanza('torn', B, 1) +
        stanza('torn', A, 1) +
        stanza('sized', A, 1) +
        stanza('sized', A, 2),
    );
    expect(table.length).toBe(1);
    expect(table.findPath('twice')).toEqual({ key: A, sizeBytes: 1 });
    expect(table.findPath('torn')).toBeUndefined();
  });

  test('grows beyond its first rows, several names of one content among them', () => {
    const files = Array.from({ length: 10_000 }, (_, i) => ({ path: `p/${i}`, content: `${i % 10}` }));
    const table = tableOf(Buffer.from(packagesOf(files)).toString());
    expect(table.length).toBe(10_000);
    for (const i of [0, 4095, 4096, 9999])
      expect(table.findPath(`p/${i}`)?.key).toBe(sha256Of(bytesOf(`${i % 10}`)));
    for (let i = 0; i < 10; i += 1) expect(table.findKey(sha256Of(bytesOf(`${i}`)))?.sizeBytes).toBe(1);
  });

  test('arbitrary edits give a table or a ProtocolError', () => {
    const int = randomInts(6);
    const index = packagesOf(Array.from({ length: 20 }, (_, i) => ({ path: `p/${i}`, content: `c${i}` })));
    let accepted = 0;
    for (let round = 0; round < 500; round += 1) {
      const edited = index.slice();
      for (let edits = int(5); edits > 0; edits -= 1) edited[int(edited.length)] = int(256);
      const builder = new TableBuilder();
      try {
        builder.push(edited);
        expect(new IndexTable(builder.finish()).length).toBeLessThanOrEqual(20);
        accepted += 1;
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
      }
    }
    expect(accepted).toBeGreaterThan(100);
  });
});

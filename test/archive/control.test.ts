import { describe, expect, test } from 'bun:test';
import { ControlScanner, parseStanza } from '../../src/archive/control.ts';
import { ProtocolError } from '../../src/lib/errors.ts';
import { bytesOf, randomBytes, randomInts } from './samples.ts';

const FIELDS = ['Package', 'SHA256', 'Description'];

/** Every stanza as [field, value] pairs, fed in chunks of `size`. */
function scan(text: string | Uint8Array, size = Number.POSITIVE_INFINITY, limits = {}): [string, string][][] {
  const stanzas: [string, string][][] = [];
  let open: [string, string][] = [];
  const scanner = new ControlScanner(
    FIELDS,
    {
      onField: (field, bytes, from, to) =>
        open.push([FIELDS[field] as string, bytes.toString('latin1', from, to)]),
      onStanza: () => {
        stanzas.push(open);
        open = [];
      },
    },
    limits,
  );
  const bytes = typeof text === 'string' ? bytesOf(text) : text;
  const step = Math.min(size, Math.max(1, bytes.length));
  for (let at = 0; at < bytes.length; at += step) scanner.push(bytes.slice(at, at + step));
  scanner.end();
  return stanzas;
}

const SAMPLE =
  'Package: hello\nVersion: 2.10\nDescription: a greeting\n which\n .\n  greets\nSHA256: ab\n\n\nsha256:cd\nPACKAGE:  two  \n';
const PARSED: [string, string][][] = [
  [
    ['Package', 'hello'],
    ['Description', 'a greeting\n which\n .\n  greets'],
    ['SHA256', 'ab'],
  ],
  [
    ['SHA256', 'cd'],
    ['Package', 'two'],
  ],
];

describe('ControlScanner', () => {
  test('gives the fields asked for, with their continuation lines, names in any case', () => {
    expect(scan(SAMPLE)).toEqual(PARSED);
  });

  test('finds the same wherever the chunks are cut', () => {
    for (let size = 1; size <= SAMPLE.length; size += 1) expect(scan(SAMPLE, size)).toEqual(PARSED);
  });

  test('takes CR LF for LF, at every cut', () => {
    const dos = SAMPLE.replaceAll('\n', '\r\n');
    const expected = PARSED.map((stanza) =>
      stanza.map(([name, value]) => [name, value.replaceAll('\n', '\r\n')]),
    );
    for (const size of [1, 2, 3, 7, 64]) expect(scan(dos, size)).toEqual(expected as [string, string][][]);
  });

  test('closes the last stanza without a newline at the end', () => {
    expect(scan('Package: a')).toEqual([[['Package', 'a']]]);
    expect(scan('Package: a\n b', 1)).toEqual([[['Package', 'a\n b']]]);
  });

  test('has no stanza in nothing and in blank lines', () => {
    expect(scan('')).toEqual([]);
    expect(scan('\n\n\r\n\n')).toEqual([]);
  });

  test('reports a stanza of which no field was asked for, and tells like names apart', () => {
    expect(scan('Version: 1\nPackages: x\nPackage-List: y\nSHA25: z\n\nPackage: b\n')).toEqual([
      [],
      [['Package', 'b']],
    ]);
  });

  test('an empty field is an empty value', () => {
    expect(scan('Package:\nSHA256: \n')).toEqual([
      [
        ['Package', ''],
        ['SHA256', ''],
      ],
    ]);
  });

  test.each([
    ['a line without a colon', 'Package hello\n'],
    ['a stray continuation line', ' x\n'],
    ['a continuation line after a blank one', 'Package: a\n\n b\n'],
    ['a name with a space', 'Pack age: a\n'],
    ['an empty name', ': a\n'],
    ['a comment', '# a: b\n'],
    ['a name beginning with a dash', '-----BEGIN: x\n'],
    ['binary data', '\x00\x01\x02\n'],
    ['a page of a captive portal', '<html>\n<body>\n'],
  ])('%s is a ProtocolError', (_, text) => {
    expect(() => scan(text)).toThrow(ProtocolError);
    expect(() => scan(text, 1)).toThrow(ProtocolError);
  });

  test('bounds lines, fields and stanzas', () => {
    const limits = { maxFieldBytes: 100, maxStanzaBytes: 1000 };
    expect(() => scan(`Other: ${'x'.repeat(101)}`, 10, limits)).toThrow(ProtocolError);
    expect(() => scan(`Package: a\n${` ${'y'.repeat(50)}\n`.repeat(3)}`, 10, limits)).toThrow(ProtocolError);
    expect(() => scan('Other: a\n'.repeat(120), 10, limits)).toThrow(ProtocolError);
    // Fields that nobody asked for may be longer than one that is kept.
    expect(scan(`Other: a\n${` ${'y'.repeat(50)}\n`.repeat(10)}`, 10, limits)).toEqual([[]]);
  });

  test('an endless line is refused before it is whole', () => {
    const scanner = new ControlScanner(FIELDS, { onField() {}, onStanza() {} }, { maxFieldBytes: 1000 });
    const feed = () => {
      for (let i = 0; i < 1000; i += 1) scanner.push(bytesOf('x'.repeat(100)));
    };
    expect(feed).toThrow(ProtocolError);
  });

  test('arbitrary bytes give stanzas or a ProtocolError, the same however they are cut', () => {
    const int = randomInts(1);
    const alphabet = bytesOf('PackageSHA256Description:: \t\r\n\n\n -#\u00e9\0');
    let accepted = 0;
    for (let round = 0; round < 3000; round += 1) {
      const length = int(60);
      const bytes =
        int(3) === 0
          ? randomBytes(int, length)
          : new Uint8Array(length).map(() => alphabet[int(alphabet.length)] as number);
      const outcomes = [bytes.length + 1, 1 + int(9)].map((size) => {
        try {
          return JSON.stringify(scan(bytes, size));
        } catch (error) {
          if (error instanceof ProtocolError) return 'refused';
          throw error;
        }
      });
      expect(outcomes[0]).toBe(outcomes[1] as string);
      if (outcomes[0] !== 'refused') accepted += 1;
    }
    expect(accepted).toBeGreaterThan(20);
  });

  test('generated stanzas come back as they were', () => {
    const int = randomInts(2);
    for (let round = 0; round < 200; round += 1) {
      const stanzas = Array.from({ length: 1 + int(5) }, () =>
        Array.from({ length: 1 + int(4) }, () => {
          const lines = Array.from({ length: 1 + int(3) }, () => `v${int(1000)}`);
          return [FIELDS[int(3)] as string, lines.join('\n ')] as [string, string];
        }),
      );
      const text = stanzas
        .map((fields) => fields.map(([name, value]) => `${name}: ${value}\n`).join(''))
        .join('\n');
      expect(scan(text, 1 + int(40))).toEqual(stanzas);
    }
  });
});

describe('parseStanza()', () => {
  test('gives values by lower-case name', () => {
    expect([...parseStanza(bytesOf('Origin: Débian\nSuite: x\n'), ['Origin', 'Codename'])]).toEqual([
      ['origin', 'Débian'],
    ]);
  });

  test('refuses a second stanza', () => {
    expect(() => parseStanza(bytesOf('A: 1\n\nA: 2\n'), ['A'])).toThrow(ProtocolError);
  });
});

/**
 * The tables of limits and figures in docs/protocol.md against the code. Each row names its constant, `room/file.ts NAME`, which is
 * read from the source, as not all of them are anybody else's business: a number, or a product of numbers and
 * constants of the same file.
 */
import { describe, expect, test } from 'bun:test';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { tableRows } from './protocol-document.ts';

const SRC = join(import.meta.dir, '../../src');

/** The value of `const NAME = …;` in a source file. */
function constantOf(path: string, name: string): number {
  const source = readFileSync(join(SRC, path), 'utf8');
  const [, expression] =
    new RegExp(`^(?:export )?(?:const ${name} =|  readonly ${name} =|  ${name}:) ([^;]+?)[;,]$`, 'm').exec(
      source,
    ) ?? [];
  if (expression === undefined) throw new Error(`no ${name} in src/${path}`);
  const numbers = expression.replace(/\b[A-Z][A-Z0-9_]+\b/g, (other) => String(constantOf(path, other)));
  if (!/^[\d_.\s*+<()]+$/.test(numbers)) throw new Error(`${name} in src/${path} is ${expression}`);
  return Number(new Function(`return (${numbers});`)());
}

const rows = ['limit', 'figure']
  .flatMap((what) => tableRows(`| ${what} | value | constant |`))
  .map(([limit = '', value = '', constant = '']) => {
    const [, path = '', name = ''] = /^`([\w/-]+\.ts) ([\w]+)`$/.exec(constant) ?? [];
    return { limit, value: Number(value.replaceAll(',', '')), path, name };
  });

describe('limits in docs/protocol.md', () => {
  test.each(rows)('$limit: $value', ({ value, path, name }) => {
    expect(existsSync(join(SRC, path))).toBe(true);
    expect(constantOf(path, name)).toBe(value);
  });

  test('none is named twice, and all limits of src/wire are there', () => {
    const named = rows.map(({ path, name }) => `${path} ${name}`);
    expect(new Set(named).size).toBe(named.length);
    const inWire = readdirSync(join(SRC, 'wire')).flatMap((file) => {
      const source = readFileSync(join(SRC, 'wire', file), 'utf8');
      return [...source.matchAll(/^(?:export )?const (MAX_\w+|\w+_LIMIT) =/gm)].map(
        ([, name]) => `wire/${file} ${name}`,
      );
    });
    expect(inWire.length).toBeGreaterThan(10);
    expect(inWire.filter((name) => !named.includes(name) && !NOT_REACHED.includes(name))).toEqual([]);
  });
});

/** No limit that anybody could run into: derived from others, or a name. */
const NOT_REACHED = ['wire/message.ts BODY_LIMIT', 'wire/extended.ts MAX_U31'];

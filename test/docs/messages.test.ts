/** docs/troubleshooting.md quotes only what the program says: the words between its placeholders stand in src/. */
import { expect, test } from 'bun:test';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dir, '../..');
const PLACEHOLDERS = /"?\b(?:HOST|NAME|URL|DIRECTORY|NUMBER)\b"?/;

const source = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => readFileSync(join(root, 'src', name), 'utf8'))
  .join('\n');

/** What stands in backquotes at the beginning of a table's row, without what is a name of something. */
function quoted(markdown: string): string[] {
  return [...markdown.matchAll(/^\| `([^`]+)`/gm)].map(([, message = '']) => message);
}

/** The parts of a message that no line of the program says. */
function unsaid(message: string, program: string): string[] {
  const parts = message.split(PLACEHOLDERS).map((part) => part.trim().replace(/^[:;] /, ''));
  return parts.filter((part) => part.length > 2 && !program.includes(part));
}

test('docs/troubleshooting.md quotes what the program says', () => {
  const messages = quoted(readFileSync(join(root, 'docs/troubleshooting.md'), 'utf8'));
  expect(messages.length).toBeGreaterThan(20);
  expect(messages.flatMap((message) => unsaid(message, source))).toEqual([]);
});

test('a message that the program no longer has is found', () => {
  const program = ['`could not find $', '{name}: it is gone`'].join('');
  expect(unsaid('could not find NAME: it is gone', program)).toEqual([]);
  expect(unsaid('could not find NAME: it is there', program)).toEqual(['it is there']);
});

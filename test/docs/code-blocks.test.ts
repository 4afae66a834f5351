/** Every code block of the documents for users is run, or says why it isn't. */
import { describe, expect, test } from 'bun:test';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { COMMANDS } from '../../src/commands/commands.ts';
import { codeBlocks, codeBlocksOf, faultOf, USER_DOCUMENTS } from './code-blocks.ts';

const root = join(import.meta.dir, '../..');
const recipes = readFileSync(join(root, 'test/system/repository-hosts.test.ts'), 'utf8');
const isRecipe = (name: string) => recipes.includes(`recipe('${name}')`);

describe.each(USER_DOCUMENTS)('%s', (path) => {
  const blocks = codeBlocksOf(path);
  test('has only blocks that are run or say why not', () => {
    const faults = blocks.map((block) => [block.at, faultOf(block, isRecipe)] as const);
    expect(faults.filter(([, fault]) => fault !== undefined)).toEqual([]);
  });
  test('names only tests that are there in its reasons', () => {
    const tests = blocks.flatMap(({ note }) => note.match(/\btest\/[\w/.-]+\.ts/g) ?? []);
    expect(tests.filter((name) => !existsSync(join(root, name)))).toEqual([]);
  });
  test('shows only commands and flags that are there', async () => {
    const shown = blocks.flatMap(({ at, text }) => uses(text).map((use) => ({ at, ...use })));
    for (const { at, command, flags } of shown) {
      const found = COMMANDS[command];
      if (!found) throw new Error(`${at}: there is no command ${command}`);
      const { args = {} } = await found.load();
      const known = new Set(['help', 'version', ...Object.keys(args)]);
      const unknown = flags.filter((flag) => !known.has(flag) && !known.has(flag.replace(/^no-/, '')));
      expect({ at, unknown }).toEqual({ at, unknown: [] });
    }
  });
});

/** The calls of debtorrent in a script, with their flags. */
function uses(text: string): { command: string; flags: string[] }[] {
  const joined = text.replaceAll('\\\n', ' ');
  return [...joined.matchAll(/(?:^|[ $#;|])debtorrent ([a-z-]+)([^\n|;]*)/gm)].map(
    ([, command = '', rest = '']) => ({
      command,
      flags: [...rest.matchAll(/ --([a-z-]+)/g)].map(([, flag = '']) => flag),
    }),
  );
}

test('codeBlocks() finds blocks in lists, too, without their indent', () => {
  const markdown = 'a\n```sh\none\n```\n- b\n\n  ```text why not\n  two\n    three\n  ```\n';
  expect(codeBlocks('x.md', markdown)).toEqual([
    { at: 'x.md:2', language: 'sh', note: '', text: 'one\n' },
    { at: 'x.md:7', language: 'text', note: 'why not', text: 'two\n  three\n' },
  ]);
});

test.each([
  ['sh', '', undefined],
  ['sh', 'known', undefined],
  ['sh', 'unknown', 'no test runs unknown'],
  ['console', '(needs two machines)', undefined],
  ['console', '', 'it says no reason for not being run'],
  ['', '', 'its fence says neither sh, console, toml nor text'],
])('faultOf() of a block %p %p is %p', (language, note, fault) => {
  expect(faultOf({ at: 'x.md:1', language, note, text: '' }, (name) => name === 'known')).toBe(fault);
});

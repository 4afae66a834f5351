/**
 * The code blocks of the documents for users. What each is, its fence says: `sh` runs as root on a machine that has DebTorrent
 * (test/system/documents.test.ts), the blocks of a document one after the other; `sh NAME` is a recipe that another test
 * runs; `console (REASON)` only shows something, and why; `toml` are settings; `text` is anything else.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dir, '../..');

/** Those that people go by who use DebTorrent or build it; the others describe it. */
export const USER_DOCUMENTS = [
  'README.md',
  'CONTRIBUTING.md',
  ...['apt', 'configuration', 'fleet', 'operators', 'privacy', 'repository-hosts', 'troubleshooting'].map(
    (name) => `docs/${name}.md`,
  ),
] as const;

export interface CodeBlock {
  /** "README.md:12" */
  readonly at: string;
  /** First word of the fence; '' where it says nothing. */
  readonly language: string;
  /** The rest of it. */
  readonly note: string;
  readonly text: string;
}

export function codeBlocksOf(path: string): CodeBlock[] {
  return codeBlocks(path, readFileSync(join(root, path), 'utf8'));
}

export function codeBlocks(path: string, markdown: string): CodeBlock[] {
  return [...markdown.matchAll(/^( *)```(\S*) ?(.*)\n([\s\S]*?)^\1```$/gm)].map((match) => {
    const [, indent = '', language = '', note = '', text = ''] = match;
    const line = markdown.slice(0, match.index).split('\n').length;
    return {
      at: `${path}:${line}`,
      language,
      note,
      text: text.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
    };
  });
}

/** What is wrong with it; undefined when all is well. `isRecipe`: whether a test runs the recipe of that name. */
export function faultOf(
  { language, note }: CodeBlock,
  isRecipe: (name: string) => boolean,
): string | undefined {
  switch (language) {
    case 'sh':
      return note === '' || isRecipe(note) ? undefined : `no test runs ${note}`;
    case 'console':
      return /^\(.{10,}\)$/.test(note) ? undefined : 'it says no reason for not being run';
    case 'toml':
    case 'text':
      return undefined;
    default:
      return 'its fence says neither sh, console, toml nor text';
  }
}

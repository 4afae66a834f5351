/** The documents name nothing that isn't there: relative links and their anchors, files, npm scripts, flags, rooms. */
import { describe, expect, test } from 'bun:test';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import packageJson from '../../package.json' with { type: 'json' };
import { fetchArgs } from '../../src/commands/fetch.ts';
import { makeTorrentArgs } from '../../src/commands/make-torrent.ts';
import { statusArgs } from '../../src/commands/status.ts';
import { trackerArgs } from '../../src/commands/tracker.ts';
import { keyOf } from '../../src/config/read-settings.ts';
import { SETTING_NAMES, SETTINGS } from '../../src/config/settings.ts';

const root = join(import.meta.dir, '../..');
const documents = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`),
].filter((name) => name.endsWith('.md'));

const read = (path: string) => readFileSync(join(root, path), 'utf8');

/** Without code blocks: what they hold is no link. */
function prose(markdown: string): string {
  return markdown.replace(/^```[\s\S]*?^```$/gm, '');
}

/** As GitHub makes them of headings. */
function anchors(markdown: string): string[] {
  return [...prose(markdown).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

function deadLinks(path: string, markdown: string): string[] {
  const targets = [...prose(markdown).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
  return targets.filter((target) => {
    if (/^[a-z]+:/.test(target)) return false;
    const [file = '', anchor] = target.split('#');
    const to = file === '' ? path : join(dirname(path), file);
    if (!existsSync(join(root, to))) return true;
    return anchor !== undefined && !anchors(to === path ? markdown : read(to)).includes(anchor);
  });
}

/** Files and folders in backquotes: from the top, or of src/ by room ("proxy/app.ts"). */
function missingFiles(markdown: string): string[] {
  const named = [
    ...prose(markdown).matchAll(
      /`((?:[\w.-]+\/)+[\w.-]+\.(?:ts|mjs|json|md)|(?:src|test|docs|scripts)\/[\w/.-]+)`/g,
    ),
  ];
  const names = named.map(([, name = '']) => name).filter((name) => !name.startsWith('catalogue/'));
  return names.filter((name) => !existsSync(join(root, name)) && !existsSync(join(root, 'src', name)));
}

describe.each(documents)('%s', (path) => {
  const markdown = read(path);
  test('has no dead relative link', () => expect(deadLinks(path, markdown)).toEqual([]));
  test('names only files that are there', () => expect(missingFiles(markdown)).toEqual([]));
  test('names only npm scripts that are there', () => {
    const scripts = [...markdown.matchAll(/\bnpm (?:run ([\w:-]+)|(start|test)\b)/g)].map(
      ([, a, b]) => a ?? b,
    );
    expect(scripts.filter((script) => !Object.hasOwn(packageJson.scripts, script ?? ''))).toEqual([]);
  });
});

test.each(['README.md', 'fleet', 'operators', 'privacy', 'troubleshooting'])(
  '%s names only flags and settings that are there',
  (name) => {
    const text = read(name === 'README.md' ? name : `docs/${name}.md`);
    const known = new Set([
      ...SETTING_NAMES.map((setting) => SETTINGS[setting].flag),
      ...Object.keys({ ...makeTorrentArgs, ...statusArgs, ...fetchArgs, ...trackerArgs }),
      ...['config', 'version', 'help'],
    ]);
    const flags = [...text.matchAll(/(?<![\w-])--([a-z][a-z-]*)/g)].map(([, flag = '']) => flag);
    expect(flags.filter((flag) => !known.has(flag))).toEqual([]);
    const keys = new Set<string | undefined>(SETTING_NAMES.map(keyOf));
    const named = [...text.matchAll(/`(?:([a-z]+_[a-z_]+)|([a-z_]+) = [^`]*)`/g)].map(([, a, b]) => a ?? b);
    expect(flags.length + named.length).toBeGreaterThan(3);
    expect(named.filter((key) => !keys.has(key))).toEqual([]);
  },
);

test('docs/ARCHITECTURE.md shows every room of src/, and the files that it says to read first', () => {
  const architecture = read('docs/ARCHITECTURE.md');
  const rooms = readdirSync(join(root, 'src'), { withFileTypes: true }).filter((entry) =>
    entry.isDirectory(),
  );
  const table = new Map(
    [...architecture.matchAll(/^\| `([a-z]+)` \| (`.*`) \|$/gm)].map(([, room = '', files = '']) => [
      room,
      files,
    ]),
  );
  expect([...table.keys()].sort()).toEqual(rooms.map(({ name }) => name).sort());
  for (const [room, files] of table) {
    for (const file of files.split(', ')) {
      expect(existsSync(join(root, 'src', room, file.replaceAll('`', '')))).toBe(true);
    }
  }
});

describe('the checks find', () => {
  test('a dead link and a dead anchor', () => {
    const markdown =
      '# One\n[a](docs/none.md) [b](#two) [c](#one) [d](https://example.org/)\n```\n[e](f)\n```\n';
    expect(deadLinks('README.md', markdown)).toEqual(['docs/none.md', '#two']);
  });
  test('a file that is not there', () => {
    expect(missingFiles('`src/none.ts` `proxy/app.ts` `proxy/none.ts` `test/wire` `pool/main`')).toEqual([
      'src/none.ts',
      'proxy/none.ts',
    ]);
  });
});

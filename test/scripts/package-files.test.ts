/** What scripts/package-files.ts makes for the Debian package, and that debian/ goes with it. */
import { describe, expect, test } from 'bun:test';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import packageJson from '../../package.json' with { type: 'json' };
import { packageFiles } from '../../scripts/package-files.ts';
import { COMMANDS } from '../../src/commands/commands.ts';
import { OUR_WORDS } from '../../src/commands/own-file.ts';
import { keyOf, readConfigFile, readSettings } from '../../src/config/read-settings.ts';
import { SETTING_NAMES, SETTINGS } from '../../src/config/settings.ts';
import { tempDir } from '../fixtures/temp-dir.ts';

const files = await packageFiles();
const textOf = (path: string) => files.get(path) as string;
const inDebian = (path: string) => readFileSync(join(import.meta.dir, '../../debian', path), 'utf8');

describe('debtorrent.toml', () => {
  const text = textOf('debtorrent.toml');

  test('has every setting, each as a comment', () => {
    expect(text).not.toMatch(/^[^#\n]/m);
    for (const name of SETTING_NAMES) expect(text).toMatch(new RegExp(`^#${keyOf(name)} = \\S`, 'm'));
  });

  test('is accepted with all comments taken away, and then says the defaults', () => {
    using dir = tempDir('settings');
    const path = join(dir.path, 'debtorrent.toml');
    writeFileSync(path, text.replace(/^#(?=[a-z_]+ = )/gm, ''));
    const settings = readSettings({}, readConfigFile(path));
    const folders = { cacheDir: '/var/cache/debtorrent', stateDir: '/var/lib/debtorrent' };
    for (const name of SETTING_NAMES) {
      const { initial } = SETTINGS[name];
      if (initial !== undefined)
        expect(settings[name]).toEqual({ ...settings, [name]: initial, ...folders }[name]);
    }
  });
});

describe('the man pages', () => {
  test('name every command with its flags, and every setting', async () => {
    const page = textOf('debtorrent.1').replaceAll('\\-', '-');
    for (const [name, { load }] of Object.entries(COMMANDS)) {
      expect(page).toContain(`.SH DEBTORRENT ${name.toUpperCase()}\n`);
      for (const [flag, def] of Object.entries((await load()).args)) {
        if (def.type !== 'positional') expect(page).toMatch(new RegExp(`--(?:no-)?${flag}\\\\fR`));
      }
    }
    const settings = textOf('debtorrent.toml.5').replaceAll('\\-', '-');
    for (const name of SETTING_NAMES) expect(settings).toContain(`\n\\fB${keyOf(name)}\\fR\n`);
  });

  test('have all of the protocol, headings and tables', () => {
    const source = readFileSync(join(import.meta.dir, '../../docs/protocol.md'), 'utf8');
    const page = textOf('debtorrent-protocol.7');
    const headings = source.replace(/^```.*?^```/gms, '').match(/^###? /gm) ?? [];
    // And NAME and SEE ALSO.
    expect(page.match(/^\.S[HS] /gm)).toHaveLength(headings.length + 2);
    expect(page).toContain('.TS\n');
    expect(page).not.toMatch(/^(?:\||```|#)/m);
  });
});

describe("apt's two files", () => {
  test('the line is one that `debtorrent apt enable` would write, and `apt disable` remove', () => {
    expect(textOf('30debtorrent')).toContain(OUR_WORDS);
    expect(textOf('30debtorrent')).toContain('"/usr/libexec/debtorrent/apt-probe"');
    expect(inDebian('debtorrent.preinst')).toContain(OUR_WORDS);
  });

  test("the probe isn't one for commands to touch", () => {
    expect(textOf('apt-probe')).toStartWith('#!/bin/bash -p\n');
    expect(textOf('apt-probe')).not.toContain(OUR_WORDS);
    expect(textOf('apt-probe')).toContain('port=9988');
  });
});

test('the changelogs of debian/ and of the program name one version', () => {
  expect(inDebian('changelog')).toStartWith(`debtorrent (${packageJson.version}) `);
});

test('the licences of all that is bundled are there', () => {
  const notices = textOf('third-party-notices.txt');
  for (const name of Object.keys(packageJson.dependencies)) expect(notices).toContain(`\n${name} `);
  expect(notices).toContain('JavaScriptCore');
  expect(notices).not.toContain('\nopenpgp ');
});

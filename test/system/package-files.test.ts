/** The package's man pages and completions, read by the programs that they are for. */
import { expect, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageFiles } from '../../scripts/package-files.ts';
import { run, runWell } from '../fixtures/run.ts';
import { tempDir } from '../fixtures/temp-dir.ts';

const files = await packageFiles();

/** A file of the package's, and its path. */
function written(dir: string, name: string): string {
  const path = join(dir, name.replaceAll('/', '-'));
  writeFileSync(path, files.get(name) as string);
  return path;
}

for (const name of ['debtorrent.1', 'debtorrent.toml.5', 'debtorrent-protocol.7']) {
  test(`${name}: man and mandoc have no complaint`, async () => {
    using dir = tempDir('man');
    const path = written(dir.path, name);
    const env = { LC_ALL: 'C.UTF-8', MANWIDTH: '80' };
    const man = await run(['man', '--warnings', '-E', 'UTF-8', '-l', '-Tutf8', '-Z', path], { env });
    expect(man).toMatchObject({ code: 0, stderr: '' });
    expect(await run(['mandoc', '-Tlint', '-W', 'warning', path])).toMatchObject({ code: 0, output: '' });
  });
}

test('bash completes commands, flags and the words of a flag', async () => {
  using dir = tempDir('bash');
  const path = written(dir.path, 'completions/bash/debtorrent');
  const complete = async (...words: string[]) => {
    const script = `source ${path}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _debtorrent; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return (await runWell(['bash', '-c', script, 'bash', ...words])).stdout.trim().split('\n');
  };
  expect(await complete('debtorrent', 'se')).toContain('serve');
  expect(await complete('debtorrent', 'serve', '--no-l')).toEqual(['--no-lan']);
  expect(await complete('debtorrent', 'serve', '--privacy', '')).toEqual(['lan', 'default', 'open']);
  expect(await complete('debtorrent', 'apt', '')).toEqual(['enable', 'disable', 'status']);
});

test('fish completes commands, flags and the words of a flag', async () => {
  using dir = tempDir('fish');
  const path = written(dir.path, 'completions/fish/debtorrent.fish');
  const complete = async (line: string) => {
    const script = `source ${path}; complete -C '${line}'`;
    const { stdout } = await runWell(['fish', '--no-config', '-c', script], { env: { HOME: dir.path } });
    return stdout
      .trim()
      .split('\n')
      .map((each) => each.split('\t')[0]);
  };
  expect(await complete('debtorrent se')).toContain('serve');
  expect(await complete('debtorrent serve --no-l')).toEqual(['--no-lan']);
  expect(await complete('debtorrent serve --privacy ')).toEqual(['default', 'lan', 'open']);
  expect(await complete('debtorrent apt ')).toEqual(['disable', 'enable', 'status']);
});

test('zsh completes commands and flags', async () => {
  using dir = tempDir('zsh');
  const path = written(dir.path, 'completions/zsh/_debtorrent');
  expect(await run(['zsh', '-n', path])).toMatchObject({ code: 0, output: '' });
  // Only an interactive shell completes: one on a terminal of its own, which is told to list and not to ask.
  const script = `
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell 'PS1=; autoload -Uz compinit; compinit -u -D; source ${path} 2>/dev/null; compdef _debtorrent debtorrent'
zpty -w shell 'zstyle ":completion:*" list-prompt ""; LISTMAX=1000; setopt list_ambiguous; echo rea""dy'
zpty -r shell seen '*ready*'
zpty -w -n shell "$1"$'\\t'
zpty -r shell seen "*$2*" && print found
zpty -d shell`;
  const complete = (line: string, wanted: string) =>
    runWell(['zsh', '-f', '-c', script, 'zsh', line, wanted], { env: { TERM: 'dumb' }, timeoutMs: 20_000 });
  expect((await complete('debtorrent stat', 'status')).stdout).toContain('found');
  expect((await complete('debtorrent serve --no-la', '--no-lan')).stdout).toContain('found');
  expect((await complete('debtorrent serve --privacy o', 'open')).stdout).toContain('found');
});

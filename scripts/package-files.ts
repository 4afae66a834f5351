/**
 * Writes what the Debian package has besides the binary and its own files in debian/: man pages, completions, the two
 * files of APT's, the settings file, licences of others. `package-files.ts DIR`; all is made from tables of the program.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { confFor, PACKAGED_PROBE, packagedProbe } from '../src/commands/apt-files.ts';
import { commandTable } from './command-table.ts';
import { bashCompletion, fishCompletion, zshCompletion } from './completions.ts';
import { commandPage, protocolPage, settingsPage } from './man-pages.ts';
import { notices } from './notices.ts';
import { settingsFile } from './settings-file.ts';

/** Each file's text, by its path below the folder. */
export async function packageFiles(): Promise<ReadonlyMap<string, string>> {
  const commands = await commandTable();
  return new Map([
    ['debtorrent.1', commandPage(commands)],
    ['debtorrent.toml.5', settingsPage()],
    ['debtorrent-protocol.7', protocolPage()],
    ['completions/bash/debtorrent', bashCompletion(commands)],
    ['completions/zsh/_debtorrent', zshCompletion(commands)],
    ['completions/fish/debtorrent.fish', fishCompletion(commands)],
    ['30debtorrent', confFor(PACKAGED_PROBE)],
    ['apt-probe', packagedProbe()],
    ['debtorrent.toml', settingsFile()],
    ['third-party-notices.txt', notices()],
  ]);
}

if (import.meta.main) {
  const [directory] = process.argv.slice(2);
  if (directory === undefined) {
    console.error('usage: package-files.ts DIR');
    process.exit(2);
  }
  for (const [path, text] of await packageFiles()) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), text, { mode: path === 'apt-probe' ? 0o755 : 0o644 });
  }
}

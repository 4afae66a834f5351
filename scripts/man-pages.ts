/**
 * debtorrent(1), debtorrent.toml(5) and debtorrent-protocol(7): from the table of commands, the table of settings and
 * docs/protocol.md, so that no page can lag behind the program.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import packageJson from '../package.json' with { type: 'json' };
import { keyOf, variableOf } from '../src/config/read-settings.ts';
import { isLive, SETTING_NAMES, SETTINGS } from '../src/config/settings.ts';
import type { CommandEntry, Flag } from './command-table.ts';
import { markdownToRoff } from './markdown-to-roff.ts';
import { bold, example, italic, manPage, roffText, tagged } from './roff.ts';
import { defaultOf } from './settings-file.ts';

const { version } = packageJson;

/** Of the version: the same source makes the same page. */
const date = dateOf(readFileSync(join(import.meta.dir, '../debian/changelog'), 'utf8'));

function dateOf(changelog: string): string {
  const written = /^ -- .* {2}(.*)$/m.exec(changelog)?.[1] ?? '';
  return new Date(written).toISOString().slice(0, 10);
}

const FILES: readonly (readonly [string, string])[] = [
  ['/etc/debtorrent/debtorrent.toml', 'Settings of the service, see debtorrent.toml(5).'],
  [
    '/etc/apt/apt.conf.d/30debtorrent',
    'Lets APT ask the program apt-probe, for each host, whether the daemon answers.',
  ],
  [
    '/usr/libexec/debtorrent/apt-probe',
    "That program. It prints the daemon's address, or what holds without it.",
  ],
  [
    '/usr/lib/apt/methods/debtorrent+http, debtorrent+https',
    'Links to the binary: methods for sources.list.',
  ],
  ['/var/cache/debtorrent', 'The files that are kept, the least recently used of which go first.'],
  ['/var/lib/debtorrent', 'What is known of archives and peers, and the totals.'],
];

export function commandPage(commands: readonly CommandEntry[]): string {
  const synopsis = commands.map(({ name, operands, isOpen }) => {
    const words = operands.map(({ value, isRequired }) => {
      const shown = italic(value);
      return isRequired ? shown : `[${shown}]`;
    });
    return `${bold('debtorrent')} ${bold(name)} [${italic('OPTION')}\\&...] ${words.join(' ')}${isOpen ? '\\&...' : ''}`.trim();
  });
  const head = { name: 'debtorrent', section: 1, version, date, about: 'BitTorrent proxy for APT' };
  return manPage(head, [
    '.SH SYNOPSIS',
    synopsis.join('\n.br\n'),
    '.SH DESCRIPTION',
    `${bold('debtorrent serve')} is a proxy for APT that gets each file from other machines where they have it and from the`,
    "mirror where they haven't, checks it against the archive's own signed indexes, keeps it, and gives it on.",
    'Installed from its Debian package it runs as a service of systemd, and APT asks it wherever it answers: nothing has to',
    `be set. Its status page is at http://localhost:9988/; ${bold('debtorrent status')} shows the same.`,
    ...commands.flatMap(({ name, about, flags, operands }) => [
      `.SH ${roffText(`debtorrent ${name}`).toUpperCase()}`,
      `${roffText(about)}.`,
      ...operands.map((operand) => tagged(italic(operand.value), roffText(operand.about))),
      ...flags.map((flag) => tagged(flagTag(flag), roffText(flag.about))),
    ]),
    '.SH EXIT STATUS',
    tagged(bold('0'), 'Done.'),
    tagged(bold('1'), 'Failed; stderr says why.'),
    tagged(bold('2'), 'The command line or the settings were not understood.'),
    tagged(bold('3'), 'status --check: APT is affected by something.'),
    '.SH FILES',
    ...FILES.map(([path, text]) => tagged(italic(path), roffText(text))),
    '.SH EXAMPLES',
    'What it does and has saved:',
    example(['debtorrent status']),
    '.PP',
    'One run of APT without it:',
    example(['apt-get -o Acquire::http::Proxy-Auto-Detect= update']),
    '.PP',
    'From now on without it, and with it again:',
    example(['debtorrent apt disable', 'debtorrent apt enable']),
    '.PP',
    'A source by the method, for which files of https mirrors are cached, verified and shared, too:',
    example(['deb debtorrent+https://ftp.de.debian.org/debian bookworm main']),
    '.SH SEE ALSO',
    seeAlso(['debtorrent.toml(5)', 'debtorrent-protocol(7)', 'apt.conf(5)', 'sources.list(5)']),
  ]);
}

export function settingsPage(): string {
  const head = { name: 'debtorrent.toml', section: 5, version, date, about: 'settings of debtorrent' };
  return manPage(head, [
    '.SH SYNOPSIS',
    italic('/etc/debtorrent/debtorrent.toml'),
    '.SH DESCRIPTION',
    `The file that ${bold('debtorrent serve \\-\\-config'.replaceAll('\\', ''))} ${italic('FILE')} reads, in the form of TOML:`,
    `lines ${roffText('key = value')}, text in double quotes, several values as a list in brackets. The service reads`,
    `${italic('/etc/debtorrent/debtorrent.toml')}, in which all settings stand as comments. A flag wins over the`,
    "environment, that over the file, the file over the default. A key that isn't known is refused, with the nearest known one.",
    '.PP',
    `On SIGHUP (${bold('systemctl reload debtorrent')}) a running daemon reads the file again and takes over what is marked below as`,
    'taken over on reload; of other changes it says that they take a restart. A file that has no sense changes nothing.',
    `${bold('debtorrent config')} prints what holds, and where each value came from.`,
    '.SH SETTINGS',
    ...SETTING_NAMES.map((name) => {
      const { description, fileDescription, flag } = SETTINGS[name];
      const about = `${fileDescription ?? description.replace(/ \(repeatable\)$/, '')}.`;
      const unset = SETTINGS[name].initial === undefined;
      const initial = unset
        ? `Not set by default; an example: ${defaultOf(name)}.`
        : `Default: ${defaultOf(name)}.`;
      const where = `Flag: --${flag}. Variable: ${variableOf(name)}.${isLive(name) ? ' Taken over on reload.' : ''}`;
      return tagged(bold(keyOf(name)), [about, initial, where].map(roffText).join('\n'));
    }),
    '.SH FORMS',
    tagged(
      'Sizes and rates',
      roffText(
        '"10 GiB", "500MB", "2 MiB/s", or a bare number of bytes. kB, MB, GB and TB are powers of 1000; KiB, MiB, GiB, TiB and a bare K, M, G, T powers of 1024.',
      ),
    ),
    tagged(
      'Addresses',
      roffText('HOST:PORT, IPv6 in brackets ([2001:db8::1]:9989). Port 0 takes any free one.'),
    ),
    tagged(
      'Folders',
      roffText(
        'Defaults are those of the service; for an ordinary user they are ~/.cache/debtorrent and ~/.local/state/debtorrent.',
      ),
    ),
    '.SH EXAMPLE',
    example([
      'cache_limit = "50 GiB"',
      'peer = ["192.168.1.20:9989", "192.168.1.21:9989"]',
      'upload_limit = "5 MiB/s"',
    ]),
    '.SH SEE ALSO',
    seeAlso(['debtorrent(1)', 'systemd.socket(5)']),
  ]);
}

export function protocolPage(): string {
  const text = readFileSync(join(import.meta.dir, '../docs/protocol.md'), 'utf8');
  const head = {
    name: 'debtorrent-protocol',
    section: 7,
    version,
    date,
    about: 'what nodes of debtorrent say to each other',
  };
  return manPage(head, [markdownToRoff(text), '.SH SEE ALSO', seeAlso(['debtorrent(1)'])]);
}

function flagTag({ name, short, value }: Flag): string {
  const names = [short, name].filter((each) => each !== undefined).map(bold);
  if (value === undefined) return names.join(', ');
  const isOptional = value.startsWith('[');
  const shown = italic(value.replace(/^\[(.*)\]$/, '$1'));
  return `${names.join(', ')} ${isOptional ? `[${shown}]` : shown}`;
}

function seeAlso(pages: readonly string[]): string {
  return pages
    .map((page) => {
      const [, name = '', section = ''] = /^(.*)\((\d)\)$/.exec(page) ?? [];
      return `.BR ${roffText(name)} (${section})`;
    })
    .join(' ,\n');
}

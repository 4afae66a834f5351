/**
 * /etc/debtorrent/debtorrent.toml as the package ships it: each setting with what it is for and its default, as a
 * comment, so that nothing holds but what an administrator has said.
 */
import { keyOf } from '../src/config/read-settings.ts';
import { settingText } from '../src/config/setting-text.ts';
import { SETTING_NAMES, SETTINGS, type SettingName } from '../src/config/settings.ts';
import type { Amount } from '../src/lib/amount.ts';
import { formatBytes } from '../src/lib/format-bytes.ts';
import type { HostPort } from '../src/lib/host-port.ts';

const HEAD = `# Settings of the DebTorrent service. Each line is the default: take the # before a setting away to change it, then
# "systemctl reload debtorrent"; its log says when a change takes "systemctl restart debtorrent". debtorrent.toml(5)
# explains; "debtorrent config" shows what holds.
#
# Where APT is listened for says debtorrent.socket, not "listen" here: "systemctl edit debtorrent.socket".
`;

const WIDTH = 116;

/** The folders of the service (debian/debtorrent.service), whoever asks. */
const FOLDERS: { readonly [N in SettingName]?: string } = {
  cacheDir: '/var/cache/debtorrent',
  stateDir: '/var/lib/debtorrent',
};

export function settingsFile(): string {
  const blocks = SETTING_NAMES.map((name) => {
    const { description, fileDescription } = SETTINGS[name];
    const text = wrap(fileDescription ?? description.replace(/ \(repeatable\)$/, ''), WIDTH);
    return `${text.map((line) => `# ${line}`).join('\n')}\n#${keyOf(name)} = ${defaultOf(name)}\n`;
  });
  return [HEAD, ...blocks].join('\n');
}

/** The default in TOML; where there is none, what one would write. */
export function defaultOf(name: SettingName): string {
  const { initial, kind, expects } = SETTINGS[name];
  const folder = FOLDERS[name];
  if (folder !== undefined) return JSON.stringify(folder);
  if (initial === undefined)
    return kind === 'optional-value' ? 'true' : (/"[^"]*"/.exec(expects)?.[0] ?? '""');
  if (typeof initial === 'number') return initial === 0 ? '0' : JSON.stringify(formatBytes(initial));
  return toml(initial);
}

function toml(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(toml).join(', ')}]`;
  if (typeof value === 'object') return JSON.stringify(settingText(value as HostPort | Amount));
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) as string;
    if (line !== '' && line.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines;
}

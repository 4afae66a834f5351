/** `debtorrent config`: the settings that `serve` would run with, as a configuration file, each with what it is for. */
import { keyOf, readConfigFile, readSettings } from '../config/read-settings.ts';
import { SETTING_NAMES, SETTINGS, type SettingName, type Settings } from '../config/settings.ts';
import { formatHostPort, type HostPort } from '../lib/host-port.ts';
import { repeatedFlag } from './repeated-flag.ts';

export const args = {
  config: { type: 'string', valueHint: 'FILE', description: 'Show what this file makes of them' },
} as const;

export async function run({ rawArgs }: { readonly rawArgs: readonly string[] }): Promise<number> {
  const file = repeatedFlag(rawArgs, 'config').at(-1);
  const settings = readSettings({}, file === undefined ? {} : readConfigFile(file));
  process.stdout.write(SETTING_NAMES.map((name) => describe(name, settings)).join('\n'));
  return 0;
}

/** A comment and a line of TOML; a setting without a value as a comment. */
function describe(name: SettingName, settings: Settings): string {
  const value = toToml(settings[name]);
  const line = value === undefined ? `#${keyOf(name)} =` : `${keyOf(name)} = ${value}`;
  const { description, fileDescription } = SETTINGS[name];
  return `# ${fileDescription ?? description}\n${line}\n`;
}

function toToml(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (Array.isArray(value)) return `[${value.map(toToml).join(', ')}]`;
  if (typeof value === 'object' && value !== null) return JSON.stringify(formatHostPort(value as HostPort));
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}

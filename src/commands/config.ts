/**
 * `debtorrent config`: the settings that `serve` would run with, as a configuration file, each with what it is for and where
 * its value came from; or as JSON. Where the package's file is there and none is named, that is read, as the service does.
 */
import { existsSync } from 'node:fs';
import type { ArgsDef } from 'citty';
import { keyOf, variableOf } from '../config/read-settings.ts';
import { settingText } from '../config/setting-text.ts';
import { isLive, SETTING_NAMES, SETTINGS, type SettingName } from '../config/settings.ts';
import type { Amount } from '../lib/amount.ts';
import type { HostPort } from '../lib/host-port.ts';
import { type Configuration, type ConfigurationOptions, readConfiguration } from './configuration.ts';
import { settingArgs } from './setting-flags.ts';

/** The service's (debian/debtorrent.service). */
export const SERVICE_FILE = '/etc/debtorrent/debtorrent.toml';

export const args: ArgsDef = {
  config: {
    type: 'string',
    valueHint: 'FILE',
    description: `Show what this file makes of them (default ${SERVICE_FILE}, where it is there)`,
  },
  json: { type: 'boolean', description: 'Print them as JSON, for programs' },
  ...settingArgs(SETTING_NAMES),
};

export interface ConfigCommand {
  readonly args?: { readonly json?: boolean };
  readonly rawArgs: readonly string[];
}

export async function run(
  { args: { json = false } = {}, rawArgs }: ConfigCommand,
  options: ConfigurationOptions = {},
): Promise<number> {
  const usualFile = existsSync(SERVICE_FILE) ? SERVICE_FILE : undefined;
  const configuration = readConfiguration(rawArgs, { usualFile, ...options });
  process.stdout.write(json ? asJson(configuration) : asFile(configuration));
  return 0;
}

function asJson({ settings, origins, file }: Configuration): string {
  const entries = SETTING_NAMES.map((name) => [
    keyOf(name),
    {
      value: plain(settings[name]),
      from: origins[name],
      needsRestart: !isLive(name),
    },
  ]);
  return `${JSON.stringify({ file: file ?? null, settings: Object.fromEntries(entries) }, null, 2)}\n`;
}

function asFile(configuration: Configuration): string {
  const head = `# ${configuration.file === undefined ? 'No file was read.' : `Read: ${configuration.file}`}\n`;
  return [head, ...SETTING_NAMES.map((name) => describe(name, configuration))].join('\n');
}

/** A comment and a line of TOML; a setting without a value as a comment. */
function describe(name: SettingName, { settings, origins }: Configuration): string {
  const value = toToml(settings[name]);
  const line = value === undefined ? `#${keyOf(name)} =` : `${keyOf(name)} = ${value}`;
  const { description, fileDescription, flag } = SETTINGS[name];
  const from = { flag: `--${flag}`, environment: variableOf(name), file: 'the file', default: 'default' };
  return `# ${fileDescription ?? description}\n${line}  # ${from[origins[name]]}\n`;
}

/** As JSON has it: addresses as text, what isn't set as null. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'object' && value !== null) return settingText(value as HostPort | Amount);
  return value ?? null;
}

function toToml(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (Array.isArray(value)) return `[${value.map(toToml).join(', ')}]`;
  if (typeof value === 'object' && value !== null)
    return JSON.stringify(settingText(value as HostPort | Amount));
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}

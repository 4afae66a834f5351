/**
 * Settings from flags and a file: flags win over the file, the file over the defaults. What has no sense is refused
 * with the setting's name and what would have had some; an unknown key with the nearest known one.
 */
import { readFileSync } from 'node:fs';
import { ConfigError, UsageError } from '../lib/errors.ts';
import { nearest } from '../lib/nearest.ts';
import { SETTING_NAMES, SETTINGS, type SettingName, type Settings } from './settings.ts';

/** Values as they were written, by setting: a list for those that may be repeated, true/false for switches. */
export type Written = Partial<Record<SettingName, string | boolean | readonly string[]>>;

/** Throws UsageError (flags) or ConfigError (file). */
export function readSettings(flags: Written, file: Written = {}): Settings {
  const settings: Partial<Record<SettingName, unknown>> = {};
  for (const name of SETTING_NAMES) {
    const fromFlags = flags[name] !== undefined;
    const written = flags[name] ?? file[name];
    settings[name] =
      written === undefined ? SETTINGS[name].initial : parse(name, written, fromFlags ? 'flag' : 'file');
  }
  return settings as unknown as Settings;
}

/** The TOML file at `path` as written values. Throws ConfigError. */
export function readConfigFile(path: string): Written {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new ConfigError(`could not read ${path}: ${(cause as Error).message}`, { cause });
  }
  let table: Record<string, unknown>;
  try {
    table = Bun.TOML.parse(text) as Record<string, unknown>;
  } catch (cause) {
    throw new ConfigError(`could not read ${path}: ${(cause as Error).message}`, { cause });
  }
  const written: Written = {};
  const known = new Map(SETTING_NAMES.map((name) => [keyOf(name), name]));
  for (const [key, value] of Object.entries(table)) {
    const name = known.get(key);
    if (!name) {
      const near = nearest(key.replace(/^no[-_]/, ''), [...known.keys()]);
      throw new ConfigError(`${path}: unknown setting "${key}"${near ? `; did you mean "${near}"?` : ''}`);
    }
    written[name] = asWritten(value, `${path}: "${key}"`);
  }
  return written;
}

/** The key of a setting in the file: "cache_dir"; switches by what they switch ("lan"). */
export function keyOf(name: SettingName): string {
  return SETTINGS[name].flag.replace(/^no-/, '').replaceAll('-', '_');
}

function asWritten(value: unknown, where: string): string | boolean | readonly string[] {
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') return String(value);
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  throw new ConfigError(`${where} must be text, a number, true, false or a list of texts`);
}

function parse(
  name: SettingName,
  written: string | boolean | readonly string[],
  where: 'flag' | 'file',
): unknown {
  const { kind, flag, expects, parse: parseOne } = SETTINGS[name];
  const wrong = (what: string) =>
    where === 'flag' ? new UsageError(`--${flag} ${what}`) : new ConfigError(`"${keyOf(name)}" ${what}`);
  const one = (text: string): unknown => {
    const value = parseOne(text);
    if (value !== undefined) return value;
    const said = where === 'flag' ? JSON.stringify(text) : `is ${JSON.stringify(text)}, which`;
    throw wrong(`${said} has no sense: give ${expects}`);
  };
  if (kind === 'off-switch') {
    if (typeof written === 'boolean') return written;
    throw wrong('is true or false');
  }
  if (typeof written === 'boolean') {
    if (kind === 'optional-value') return written ? one('') : undefined;
    throw wrong(`is ${written}: give ${expects}`);
  }
  if (kind === 'list') return (typeof written === 'string' ? [written] : written).map(one);
  if (typeof written !== 'string') throw wrong('takes one value');
  return one(written);
}

/**
 * Settings from flags, environment and a file: flags win over the environment, that over the file, the file over the
 * defaults. What has no sense is refused with the setting's name and what would have had some; an unknown key with the
 * nearest known one.
 */
import { readFileSync } from 'node:fs';
import { ConfigError, UsageError } from '../lib/errors.ts';
import { nearest } from '../lib/nearest.ts';
import { SETTING_NAMES, SETTINGS, type SettingName, type Settings } from './settings.ts';

/** Values as they were written, by setting: a list for those that may be repeated, true/false for switches. */
export type Written = Partial<Record<SettingName, string | boolean | readonly string[]>>;

export type Origin = 'flag' | 'environment' | 'file' | 'default';

/** Throws UsageError (flags) or ConfigError (environment, file). */
export function readSettings(flags: Written, file: Written = {}, environment: Written = {}): Settings {
  const settings: Partial<Record<SettingName, unknown>> = {};
  for (const name of SETTING_NAMES) {
    const from = originOf(name, { flags, environment, file });
    const written = { flag: flags, environment, file, default: {} as Written }[from][name];
    settings[name] = written === undefined ? SETTINGS[name].initial : parse(name, written, from);
  }
  return settings as unknown as Settings;
}

/** Whose value is in force. */
export function originOf(
  name: SettingName,
  {
    flags,
    environment,
    file,
  }: { readonly flags: Written; readonly environment: Written; readonly file: Written },
): Origin {
  if (flags[name] !== undefined) return 'flag';
  if (environment[name] !== undefined) return 'environment';
  return file[name] === undefined ? 'default' : 'file';
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

/** The variable of a setting in the environment: "DEBTORRENT_CACHE_DIR". */
export function variableOf(name: SettingName): string {
  return `DEBTORRENT_${keyOf(name).toUpperCase()}`;
}

function asWritten(value: unknown, where: string): string | boolean | readonly string[] {
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') return String(value);
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  throw new ConfigError(`${where} must be text, a number, true, false or a list of texts`);
}

function parse(name: SettingName, written: string | boolean | readonly string[], where: Origin): unknown {
  const { kind, flag, expects, parse: parseOne } = SETTINGS[name];
  const wrong = (what: string) => {
    if (where === 'flag') return new UsageError(`--${flag} ${what}`);
    return new ConfigError(`${where === 'environment' ? variableOf(name) : `"${keyOf(name)}"`} ${what}`);
  };
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

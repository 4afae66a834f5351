/**
 * The settings that a command line makes, with the environment and the file that one of the two names, and where each
 * value came from. Read again whenever it is called: a daemon does, on SIGHUP.
 */
import { CONFIG_VARIABLE, type Environment, readEnvironment } from '../config/read-environment.ts';
import { type Origin, originOf, readConfigFile, readSettings } from '../config/read-settings.ts';
import { SETTING_NAMES, type SettingName, type Settings } from '../config/settings.ts';
import { repeatedFlag } from './repeated-flag.ts';
import { writtenFlags } from './setting-flags.ts';

export interface Configuration {
  readonly settings: Settings;
  readonly origins: { readonly [N in SettingName]: Origin };
  /** The file that was read. */
  readonly file: string | undefined;
}

export interface ConfigurationOptions {
  readonly env?: Environment;
  /** Read where none is named. */
  readonly usualFile?: string | undefined;
}

/** Throws UsageError, ConfigError. */
export function readConfiguration(
  rawArgs: readonly string[],
  { env = process.env, usualFile }: ConfigurationOptions = {},
): Configuration {
  const path = repeatedFlag(rawArgs, 'config').at(-1) ?? (env[CONFIG_VARIABLE] || usualFile);
  const written = {
    flags: writtenFlags(rawArgs),
    environment: readEnvironment(env),
    file: path === undefined ? {} : readConfigFile(path),
  };
  const origins = SETTING_NAMES.map((name) => [name, originOf(name, written)]);
  return {
    settings: readSettings(written.flags, written.file, written.environment),
    origins: Object.fromEntries(origins) as Configuration['origins'],
    file: path,
  };
}

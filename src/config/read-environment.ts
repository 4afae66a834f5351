/**
 * Settings in the environment: DEBTORRENT_CACHE_DIR is cache_dir in the file; lists are separated by commas, switches
 * are true or false. A variable that was probably meant for one of them is refused, with its name; any other that
 * begins like ours is somebody else's: the environment belongs to all programs. Pure.
 */
import { ConfigError } from '../lib/errors.ts';
import { nearest } from '../lib/nearest.ts';
import { variableOf, type Written } from './read-settings.ts';
import { SETTING_NAMES, SETTINGS, type SettingName } from './settings.ts';

/** The file of settings, where no --config names one. */
export const CONFIG_VARIABLE = 'DEBTORRENT_CONFIG';

const PREFIX = 'DEBTORRENT_';
const SWITCHES: { readonly [word: string]: boolean } = {
  ...{ true: true, yes: true, on: true, 1: true },
  ...{ false: false, no: false, off: false, 0: false },
};
/** In a shorter name two other letters are another word. */
const GUESS_MIN_CHARS = 6;

export type Environment = Readonly<Record<string, string | undefined>>;

/** An empty value counts as none. Throws ConfigError. */
export function readEnvironment(env: Environment): Written {
  const written: Written = {};
  const known = new Map(SETTING_NAMES.map((name) => [variableOf(name), name]));
  for (const [variable, value] of Object.entries(env)) {
    if (!variable.startsWith(PREFIX) || variable === CONFIG_VARIABLE || !value) continue;
    const name = known.get(variable);
    if (name) written[name] = asWritten(name, value);
    else refuseSlip(variable, known);
  }
  return written;
}

function asWritten(name: SettingName, value: string): string | boolean | readonly string[] {
  const { kind } = SETTINGS[name];
  if (kind === 'list')
    return value
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '');
  if (kind === 'value') return value;
  return SWITCHES[value.toLowerCase()] ?? value;
}

function refuseSlip(variable: string, known: ReadonlyMap<string, SettingName>): void {
  const rest = variable.slice(PREFIX.length).replace(/^NO_/, '');
  if (rest.length < GUESS_MIN_CHARS) return;
  const near = nearest(
    rest,
    [...known.keys()].map((each) => each.slice(PREFIX.length)),
  );
  if (near) throw new ConfigError(`the environment has ${variable}; did you mean ${PREFIX}${near}?`);
}

/**
 * `debtorrent serve`: turns the command line into settings and decides in which process the daemon runs: in this one
 * where somebody watches over it already (systemd, a parent of our own) or nobody is to, else in a child that this one
 * keeps alive.
 */
import type { ArgsDef } from 'citty';
import { readConfigFile, readSettings, type Written } from '../config/read-settings.ts';
import { SETTING_NAMES, SETTINGS } from '../config/settings.ts';
import { setLogLevel } from '../lib/log.ts';
import { endOrphan } from './orphan.ts';
import { repeatedFlag } from './repeated-flag.ts';
import { supervise } from './supervise.ts';
import { findWatcher } from './watcher.ts';

export const serveArgs: ArgsDef = {
  config: { type: 'string', valueHint: 'FILE', description: 'Read settings from this file (TOML)' },
  ...Object.fromEntries(
    SETTING_NAMES.map((name) => {
      const { flag, kind, valueHint, description } = SETTINGS[name];
      // citty's way of saying --no-lan.
      if (kind === 'off-switch') {
        return [
          flag.slice('no-'.length),
          { type: 'boolean', default: true, negativeDescription: description },
        ];
      }
      return [flag, { type: 'string', valueHint, description }];
    }),
  ),
};

/** Resolves with the exit code when the daemon has ended. Throws UsageError, ConfigError, or Error with what to do. */
export async function run({ rawArgs }: { readonly rawArgs: readonly string[] }): Promise<number> {
  const configFile = repeatedFlag(rawArgs, 'config').at(-1);
  const settings = readSettings(
    writtenFlags(rawArgs),
    configFile === undefined ? {} : readConfigFile(configFile),
  );
  setLogLevel(settings.logLevel);
  const watcher = findWatcher();
  if (watcher.kind !== 'parent') await endOrphan(settings.stateDir);
  if (watcher.kind === 'nobody' && settings.supervise) {
    const code = await supervise(settings.listen, rawArgs);
    if (code !== undefined) return code;
  }
  // Loaded only here: a process that keeps another alive has no need of it.
  const { serveHere } = await import('./serve-here.ts');
  return serveHere(settings, watcher);
}

/** Flags as they were written. citty keeps only the last of several and can't have a value left out. */
export function writtenFlags(rawArgs: readonly string[]): Written {
  const written: Written = {};
  for (const name of SETTING_NAMES) {
    const { flag, kind } = SETTINGS[name];
    if (kind === 'off-switch') {
      // The last one counts; --lan takes back what the file says.
      const off = rawArgs.lastIndexOf(`--${flag}`);
      const on = rawArgs.lastIndexOf(`--${flag.slice('no-'.length)}`);
      if (off !== on) written[name] = on > off;
      continue;
    }
    if (kind === 'optional-value') {
      const at = rawArgs.indexOf(`--${flag}`);
      const bare = at >= 0 && (rawArgs[at + 1] === undefined || rawArgs[at + 1]?.startsWith('-'));
      if (bare) written[name] = true;
      else if (repeatedFlag(rawArgs, flag).length > 0)
        written[name] = repeatedFlag(rawArgs, flag).at(-1) as string;
      continue;
    }
    const values = repeatedFlag(rawArgs, flag);
    if (values.length > 0) written[name] = kind === 'list' ? values : (values.at(-1) as string);
  }
  return written;
}

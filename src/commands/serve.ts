/**
 * `debtorrent serve`: turns the command line into settings and decides in which process the daemon runs: in this one
 * where somebody watches over it already (systemd, a parent of our own) or nobody is to, else in a child that this one
 * keeps alive.
 */
import type { ArgsDef } from 'citty';
import { listensOf } from '../config/listens.ts';
import { SETTING_NAMES } from '../config/settings.ts';
import { setLogLevel } from '../lib/log.ts';
import { readConfiguration } from './configuration.ts';
import { endOrphan } from './orphan.ts';
import { settingArgs } from './setting-flags.ts';
import { supervise } from './supervise.ts';
import { findWatcher } from './watcher.ts';

export const serveArgs: ArgsDef = {
  config: { type: 'string', valueHint: 'FILE', description: 'Read settings from this file (TOML)' },
  ...settingArgs(SETTING_NAMES),
};

/** Resolves with the exit code when the daemon has ended. Throws UsageError, ConfigError, or Error with what to do. */
export async function run({ rawArgs }: { readonly rawArgs: readonly string[] }): Promise<number> {
  // First, for what it finds in the environment is no setting.
  const watcher = findWatcher();
  const { settings } = readConfiguration(rawArgs);
  setLogLevel(settings.logLevel);
  if (watcher.kind !== 'parent') await endOrphan(settings.stateDir);
  if (watcher.kind === 'nobody' && settings.supervise) {
    const code = await supervise(listensOf(settings), rawArgs);
    if (code !== undefined) return code;
  }
  // Loaded only here: a process that keeps another alive has no need of it.
  const { serveHere } = await import('./serve-here.ts');
  return serveHere(settings, watcher, () => readConfiguration(rawArgs));
}

/**
 * `debtorrent serve`: the daemon in the foreground. Turns the command line into settings, says in a few lines what
 * runs where and how apt uses it, and ends in good order on SIGINT and SIGTERM.
 */
import type { ArgsDef } from 'citty';
import { readConfigFile, readSettings, type Written } from '../config/read-settings.ts';
import { SETTING_NAMES, SETTINGS } from '../config/settings.ts';
import { startDaemon, VERSION } from '../daemon.ts';
import { formatBytes } from '../lib/format-bytes.ts';
import { formatHostPort } from '../lib/host-port.ts';
import { log, setLogLevel } from '../lib/log.ts';
import { repeatedFlag } from './repeated-flag.ts';

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
  const stop = Promise.withResolvers<NodeJS.Signals>();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.resolve(signal));

  const daemon = await startDaemon(settings);
  const { apt, peers, tracker, store } = daemon;
  const host = apt.host === '127.0.0.1' || apt.host === '::1' ? 'localhost' : apt.host;
  const door = `http://${formatHostPort({ host, port: apt.port })}`;
  const { files, bytes, limitBytes } = store.totals();
  log.info(`DebTorrent ${VERSION} serves APT at ${door}/ (the status page, too)`);
  log.info(`try it: apt-get -o Acquire::http::Proxy=${door} update`);
  log.info(`or in sources.list: deb ${door}/ftp.de.debian.org/debian bookworm main`);
  log.info(`peers: ${formatHostPort(peers)}${tracker ? `; tracker: ${formatHostPort(tracker)}` : ''}`);
  log.info(
    `cache: ${settings.cacheDir}, ${files} files, ${formatBytes(bytes)} of ${formatBytes(limitBytes)}`,
  );

  const signal = await stop.promise;
  log.info(`${signal}: stopping`);
  // Whoever asks twice doesn't want to wait.
  for (const again of ['SIGINT', 'SIGTERM'] as const) process.once(again, () => process.exit(1));
  await daemon[Symbol.asyncDispose]();
  return 0;
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

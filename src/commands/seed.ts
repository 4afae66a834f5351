/**
 * `debtorrent seed DIR`: shares the tree of a mirror with other nodes, in place and read-only, in the foreground. Says in
 * a few lines what is shared and what isn't, and why; looks at the tree anew on SIGHUP (for the end of a sync script),
 * and ends in good order on SIGINT and SIGTERM. Its ports are others than those of `serve`, so both run on one machine.
 */
import { dirname, join } from 'node:path';
import type { ArgsDef } from 'citty';
import type { Location } from '../archive/entry.ts';
import { readSettings } from '../config/read-settings.ts';
import { DEFAULT_WAN_UPLOAD, SETTINGS, type SettingName, type Settings } from '../config/settings.ts';
import { type Seed, startSeed } from '../daemon/seed.ts';
import { VERSION } from '../daemon/version.ts';
import { UsageError } from '../lib/errors.ts';
import { formatBytes } from '../lib/format-bytes.ts';
import { formatHostPort, type HostPort } from '../lib/host-port.ts';
import { log, setLogLevel } from '../lib/log.ts';
import { repeatedFlag } from './repeated-flag.ts';
import { seededArchives } from './seeded-archives.ts';
import { settingArgs, writtenFlags } from './setting-flags.ts';

/** Beside those of `serve`. */
export const SEED_LISTEN: HostPort = { host: '127.0.0.1', port: 9991 };
const SEED_PEER_LISTEN: HostPort = { host: '::', port: 9990 };

const SEED_SETTINGS: readonly SettingName[] = [
  ...(['stateDir', 'peers', 'trackers', 'torrents', 'lan', 'dht', 'dhtBootstrap', 'privacy'] as const),
  ...(['portMapping', 'share', 'uploadLimit', 'withTracker', 'logLevel'] as const),
];

export const seedArgs: ArgsDef = {
  directory: {
    type: 'positional',
    required: true,
    valueHint: 'DIR',
    description:
      'The folder that has dists/ and pool/ in it, a flat repository, or a folder above several such',
  },
  uri: {
    type: 'string',
    valueHint: 'URL',
    description: 'Where that folder is served; needed for archives whose Release says no Origin or Codename',
  },
  listen: {
    type: 'string',
    valueHint: 'HOST:PORT',
    description: `Where the status page is served (default ${formatHostPort(SEED_LISTEN)})`,
  },
  'peer-listen': {
    type: 'string',
    valueHint: 'HOST:PORT',
    description: `Where other nodes connect (default port ${SEED_PEER_LISTEN.port}, on all addresses)`,
  },
  standard: {
    type: 'boolean',
    description:
      'Also give the standard torrents that the tree has: those of a torrents.json and beside indexes',
  },
  ...settingArgs(SEED_SETTINGS),
};

export interface SeedCommand {
  readonly args: { readonly directory: string; readonly standard?: boolean };
  readonly rawArgs: readonly string[];
}

const PROGRESS_MS = 60_000;
/** Peers that wait for what is known already go first. */
const FIRST_LOOK_MS = 1_000;

/** Resolves with the exit code when it has ended. Throws UsageError, ConfigError, or Error with what to do. */
export async function runSeed({ args, rawArgs }: SeedCommand): Promise<number> {
  const settings = readSeedSettings(rawArgs);
  setLogLevel(settings.logLevel);
  const base = parseBase(repeatedFlag(rawArgs, 'uri').at(-1));
  const stop = Promise.withResolvers<NodeJS.Signals>();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.resolve(signal));

  await using seed = await startSeed(settings, {
    directory: args.directory,
    ...(base && { base }),
    isStandard: args.standard === true,
  });
  greet(seed, settings, args.directory);
  if (args.standard && seed.standardTorrents === 0)
    log.warn('--standard: the tree has no torrents.json, and no .torrent beside an index');
  else if (seed.standardTorrents > 0) log.info(`standard torrents: ${seed.standardTorrents}`);
  process.on('SIGHUP', () => void seed.look().then(() => sayFiles(seed)));
  const firstLook = setTimeout(
    () => void seed.look().then(() => sayProgress(seed)),
    seed.tree.store.totals().files > 0 ? FIRST_LOOK_MS : 0,
  );

  const signal = await stop.promise;
  clearTimeout(firstLook);
  log.info(`${signal}: stopping`);
  for (const again of ['SIGINT', 'SIGTERM'] as const) process.once(again, () => process.exit(1));
  return 0;
}

/** Throws UsageError. */
export function readSeedSettings(rawArgs: readonly string[]): Settings {
  return readSettings(writtenFlags(rawArgs), {
    listen: formatHostPort(SEED_LISTEN),
    peerListen: formatHostPort(SEED_PEER_LISTEN),
    // Whoever shares a mirror means to give.
    ...{ monthlyUpload: '0', metered: 'no', onBattery: 'share' },
    // Not that of `serve`, which may be running.
    stateDir: join(dirname(SETTINGS.stateDir.initial), 'debtorrent-seed'),
  });
}

/** As the catalogue names places: no slash at the end. Throws UsageError. */
function parseBase(uri: string | undefined): Location | undefined {
  if (uri === undefined) return undefined;
  const url = URL.parse(uri);
  const scheme = url?.protocol.slice(0, -1);
  if (!url || (scheme !== 'http' && scheme !== 'https'))
    throw new UsageError(`--uri ${uri} isn't an http or https URL`);
  return { scheme, host: url.host, path: decodeURI(url.pathname).replace(/\/+$/, '') };
}

function greet(seed: Seed, { uploadLimit, stateDir }: Settings, directory: string): void {
  const { page, peers, tracker, tree } = seed;
  log.info(`DebTorrent ${VERSION} shares ${directory} with other nodes, in place and read-only`);
  const { shared, notShared } = seededArchives(seed.releases(), tree.reading.refused);
  for (const line of shared) log.info(`shared: ${line}`);
  for (const line of notShared) log.warn(`not shared: ${line}`);
  const { files, bytes } = tree.store.totals();
  const known =
    files === 0
      ? 'nothing is known of its files yet: they are'
      : `${files} files (${formatBytes(bytes)}) are offered already, as they were verified before; others are`;
  log.info(`${known} verified before they are offered; what is known is kept in ${stateDir}`);
  const upload =
    uploadLimit === undefined
      ? `${formatBytes(DEFAULT_WAN_UPLOAD)}/s at most beyond the local network`
      : uploadLimit === 0
        ? 'without limit'
        : `${formatBytes(uploadLimit)}/s at most`;
  log.info(
    `peers: ${formatHostPort(peers)}${tracker ? `; tracker: ${formatHostPort(tracker)}` : ''}; given: ${upload} (--upload-limit)`,
  );
  log.info(`status: http://${formatHostPort(page)}/`);
}

/** After a look. */
function sayFiles({ tree }: Seed): void {
  const { files, bytes } = tree.store.totals();
  const { waitingFiles, waitingBytes, unnamedFiles, privateFiles, wrongFiles, unreadable } = tree.progress;
  const waiting =
    waitingFiles > 0 ? `; ${waitingFiles} more (${formatBytes(waitingBytes)}) are being verified` : '';
  log.info(`${files} files (${formatBytes(bytes)}) are offered${waiting}`);
  const others = [
    unnamedFiles > 0 ? `${unnamedFiles} that no index names` : '',
    privateFiles > 0 ? `${privateFiles} of private archives` : '',
    wrongFiles > 0 ? `${wrongFiles} that aren't what their index says` : '',
    unreadable > 0 ? `${unreadable} that can't be read` : '',
  ].filter((part) => part !== '');
  if (others.length > 0) log.info(`files that are not offered: ${others.join(', ')}`);
}

/** Until all is verified that the first look has found. */
async function sayProgress(seed: Seed): Promise<void> {
  const { tree } = seed;
  sayFiles(seed);
  if (tree.progress.waitingFiles === 0) return;
  const startedMs = performance.now();
  const before = tree.progress.hashedBytes;
  const timer = setInterval(() => {
    const { waitingFiles, waitingBytes, hashedBytes } = tree.progress;
    const bytesPerSecond = ((hashedBytes - before) * 1000) / (performance.now() - startedMs);
    const left = bytesPerSecond > 0 ? `, ${Math.ceil(waitingBytes / bytesPerSecond / 60)} min left` : '';
    log.info(
      `${waitingFiles} files (${formatBytes(waitingBytes)}) to be verified, ${formatBytes(bytesPerSecond)}/s${left}`,
    );
  }, PROGRESS_MS);
  timer.unref();
  await tree.idle();
  clearInterval(timer);
  sayFiles(seed);
}

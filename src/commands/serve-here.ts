/**
 * The daemon in this process: says in a few lines what runs where and how apt uses it, reads its settings again on SIGHUP,
 * and ends in good order on SIGINT and SIGTERM, by its own or passed on by the process that supervises it. When that one
 * is killed, what apt is fetching is finished first.
 */
import { statSync } from 'node:fs';
import { keyOf } from '../config/read-settings.ts';
import type { Settings } from '../config/settings.ts';
import { ownHosts } from '../daemon/own-addresses.ts';
import { VERSION } from '../daemon/version.ts';
import { type Daemon, startDaemon } from '../daemon.ts';
import { formatBytes } from '../lib/format-bytes.ts';
import { formatHostPort } from '../lib/host-port.ts';
import { log } from '../lib/log.ts';
import type { Configuration } from './configuration.ts';
import { doubtsAtStart } from './doubts-at-start.ts';
import { onHangup } from './hangup.ts';
import { recordProcesses } from './orphan.ts';
import type { Watcher } from './watcher.ts';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
/** apt is done when it hasn't asked for so long. */
const QUIET_MS = 5000;

/** `read`: the settings as they are written now. Resolves with the exit code when the daemon has ended. Throws Error with what to do. */
export async function serveHere(
  settings: Settings,
  watcher: Watcher,
  read: () => Configuration,
): Promise<number> {
  const stop = Promise.withResolvers<string>();
  // One that comes before there is a daemon has nothing to change.
  let reload = () => {};
  onHangup({ reload: () => reload(), gone: () => stop.resolve('the terminal is gone') });
  for (const signal of SIGNALS) process.once(signal, () => stop.resolve(signal));
  const orphaned = Promise.withResolvers<void>();
  if (watcher.kind === 'parent') {
    recordProcesses(settings.stateDir);
    process.on('message', (signal) => (signal === 'SIGHUP' ? reload() : stop.resolve(String(signal))));
    process.once('disconnect', orphaned.resolve);
  }
  watcher.begin();

  const daemon = await startDaemon(settings, watcher.sockets);
  greet(daemon, settings);
  const surroundings = { wallMs: Date.now(), madeMs: madeMs(), addresses: ownHosts() };
  for (const doubt of doubtsAtStart(surroundings)) log.warn(doubt);
  reload = () => readAgain(daemon, read);
  watcher.ready();

  void orphaned.promise.then(async () => {
    log.warn('the process that supervised this one is gone: ending when apt has what it asks for');
    await quiet(daemon);
    stop.resolve('orphaned');
  });
  const signal = await stop.promise;
  log.info(`${signal}: stopping`);
  watcher.stopping();
  // Whoever asks twice doesn't want to wait.
  for (const again of SIGNALS) process.once(again, () => process.exit(1));
  reload = () => {};
  if (watcher.kind === 'parent') process.on('message', (again) => again !== 'SIGHUP' && process.exit(1));
  await daemon[Symbol.asyncDispose]();
  return 0;
}

function greet({ apt, peers, tracker, store }: Daemon, { cacheDir }: Settings): void {
  const host = apt.host === '127.0.0.1' || apt.host === '::1' ? 'localhost' : apt.host;
  const door = `http://${formatHostPort({ host, port: apt.port })}`;
  const { files, bytes, limitBytes } = store.totals();
  log.info(`DebTorrent ${VERSION} serves APT at ${door}/ (the status page, too)`);
  log.info(`try it: apt-get -o Acquire::http::Proxy=${door} update`);
  log.info(`or in sources.list: deb ${door}/ftp.de.debian.org/debian bookworm main`);
  log.info(`peers: ${formatHostPort(peers)}${tracker ? `; tracker: ${formatHostPort(tracker)}` : ''}`);
  log.info(`cache: ${cacheDir}, ${files} files, ${formatBytes(bytes)} of ${formatBytes(limitBytes)}`);
}

/** When the binary was put here: a package or a copy has the time at which it was made. */
function madeMs(): number {
  try {
    return statSync(process.execPath).mtimeMs;
  } catch {
    return 0;
  }
}

/** What has no sense changes nothing. */
function readAgain(daemon: Daemon, read: () => Configuration): void {
  try {
    const { settings, file = 'no file (--config)' } = read();
    const { changed, waiting } = daemon.reload(settings);
    const keys = (names: typeof changed) => names.map(keyOf).join(', ');
    log.info(
      `SIGHUP: read ${file}; ${changed.length > 0 ? `changed: ${keys(changed)}` : 'nothing to change'}`,
    );
    if (waiting.length > 0) log.warn(`changed, but only after a restart: ${keys(waiting)}`);
  } catch (error) {
    log.error(`SIGHUP: all settings stay as they were: ${(error as Error).message}`);
  }
}

async function quiet(daemon: Daemon): Promise<void> {
  for (let quietMs = 0; quietMs < QUIET_MS; quietMs += 250) {
    await Bun.sleep(250);
    if (daemon.isBusy) quietMs = 0;
  }
}

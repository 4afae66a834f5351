/**
 * Who watches over this process and holds its sockets: systemd, our own parent (supervise.ts), or nobody. It is told
 * that we serve, that we are alive (by the event loop: who hangs says nothing) and that we stop.
 * Source: sd_listen_fds(3), sd_notify(3), sd_watchdog_enabled(3).
 */
import { FIRST_FD, inheritedSockets } from '../lib/listen-fds.ts';
import { notify } from '../lib/notify.ts';
import { SIGN_EVERY_MS, type SignOfLife } from './keeper.ts';

/** Names our parent to a child that it supervises, and says how many sockets it holds for it: descriptors from 3 on. */
export const SUPERVISOR = 'DEBTORRENT_SUPERVISOR';

export interface Watcher {
  readonly kind: 'systemd' | 'parent' | 'nobody';
  /** Sockets that listen for APT already. */
  readonly sockets: readonly number[];
  /** From now on it hears that we are alive. */
  begin(): void;
  ready(): void;
  stopping(): void;
}

/** Takes what it reads out of `env`: it is not for our children. */
export function findWatcher(env: Record<string, string | undefined> = process.env): Watcher {
  const { [SUPERVISOR]: supervisor, NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID } = env;
  const sockets = inheritedSockets(env, process.pid).map(({ fd }) => fd);
  for (const name of [SUPERVISOR, 'NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete env[name];
  const held = new RegExp(`^${process.ppid} ([1-9])$`).exec(supervisor ?? '')?.[1];
  if (held !== undefined && process.send) return parentWatcher(Number(held));
  if (NOTIFY_SOCKET === undefined) {
    const kind = sockets.length > 0 ? 'systemd' : 'nobody';
    return { kind, sockets, begin() {}, ready() {}, stopping() {} };
  }
  const tell = (state: string) => void notify(NOTIFY_SOCKET, state);
  const isWatched = WATCHDOG_PID === undefined || WATCHDOG_PID === String(process.pid);
  const watchdogMs = isWatched ? Number(WATCHDOG_USEC ?? 0) / 1000 : 0;
  return {
    kind: 'systemd',
    sockets,
    begin: () => {
      if (watchdogMs > 0) repeat(watchdogMs / 4, () => tell('WATCHDOG=1'));
    },
    ready: () => tell('READY=1'),
    stopping: () => tell('STOPPING=1'),
  };
}

function parentWatcher(held: number): Watcher {
  // A parent that is gone is noticed by the channel's end.
  const tell = (sign: SignOfLife) =>
    process.connected && process.send?.(sign, undefined, undefined, () => {});
  return {
    kind: 'parent',
    sockets: Array.from({ length: held }, (_, i) => FIRST_FD + i),
    begin: () => repeat(SIGN_EVERY_MS, () => tell('alive')),
    ready: () => void tell('ready'),
    stopping() {},
  };
}

function repeat(everyMs: number, run: () => void): void {
  setInterval(run, everyMs).unref();
}

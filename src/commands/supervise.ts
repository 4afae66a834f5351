/**
 * The second process of a `serve` by hand: it opens the sockets for APT, hands them to the daemon, which is its child, and
 * keeps that alive (keeper.ts). So the sockets outlive the daemon: apt's http method never asks again at an address that
 * refused it once, but waits half a minute at one that is open. Signals for the daemon go by a message, for a
 * terminal's ^C must reach it once: it is in a session of its own.
 */
import { closeSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { systemClock } from '../lib/clock.ts';
import { dup } from '../lib/dup.ts';
import type { HostPort } from '../lib/host-port.ts';
import { listenOn } from '../proxy/listen-on.ts';
import { onHangup } from './hangup.ts';
import { type Ended, Keeper, type Kept, type SignOfLife } from './keeper.ts';
import { SUPERVISOR } from './watcher.ts';

/**
 * Resolves with the daemon's exit code; undefined when this system doesn't let us hold a socket. `listens`: where APT is
 * listened for, the main address first. `args` are those of `serve`. Throws when it can't listen, with what to do.
 */
export async function supervise(
  listens: readonly HostPort[],
  args: readonly string[],
): Promise<number | undefined> {
  const fds: number[] = [];
  for (const listen of listens) {
    const fd = await openSocket(listen);
    if (fd === undefined) {
      for (const held of fds) closeSync(held);
      return undefined;
    }
    fds.push(fd);
  }
  const keeper = new Keeper({ clock: systemClock, start: (heard) => startDaemonProcess(fds, args, heard) });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => keeper.stop(signal));
  onHangup({ reload: () => keeper.reload(), gone: () => keeper.stop('SIGTERM') });
  // The clock's timers don't hold us, and between two daemons nothing else does.
  const hold = setInterval(() => {}, 60_000);
  const code = await keeper.run();
  clearInterval(hold);
  return code;
}

/** A socket that listens and is not accepted from: the descriptor outlives the server that made it. */
async function openSocket(listen: HostPort): Promise<number | undefined> {
  // Nobody knows of the address yet; who comes in this moment has to come again.
  const server = createServer((socket) => socket.destroy());
  await listenOn(server, listen);
  const fd = dup(descriptorOf(server));
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return fd;
}

function descriptorOf(server: Server): number {
  return (server as unknown as { readonly _handle?: { readonly fd?: number } })._handle?.fd ?? -1;
}

function startDaemonProcess(
  fds: readonly number[],
  args: readonly string[],
  heard: (sign: SignOfLife) => void,
): Kept {
  const child = Bun.spawn([...ourselves(), 'serve', ...args], {
    stdio: ['ignore', 'inherit', 'inherit', ...fds],
    env: { ...process.env, [SUPERVISOR]: `${process.pid} ${fds.length}` },
    detached: true,
    ipc: heard,
  });
  const ended = child.exited.then((code): Ended => {
    const { signalCode } = child;
    return signalCode === null
      ? { code, signal: null }
      : { code: null, signal: signalCode as NodeJS.Signals };
  });
  // Its end is on its way already where the channel is closed.
  const tell = (signal: NodeJS.Signals) => {
    if (child.exitCode === null && child.signalCode === null) child.send(signal);
  };
  return {
    ended,
    stop: tell,
    reload: () => tell('SIGHUP'),
    kill: () => child.kill('SIGKILL'),
  };
}

function ourselves(): string[] {
  return Bun.main.startsWith('/$bunfs/') ? [process.execPath] : [process.execPath, Bun.main];
}

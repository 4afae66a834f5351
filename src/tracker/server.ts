/**
 * A tracker as a whole: one table of peers behind an HTTP and a UDP door on one port, kept over restarts when there is
 * a directory for it. At the end the peers are saved first, then the doors are shut.
 */
import { randomBytes } from 'node:crypto';
import { type Clock, systemClock } from '../lib/clock.ts';
import type { HostPort } from '../lib/host-port.ts';
import type { AllowedSwarms } from './allowed-swarms.ts';
import { ConnectionIds } from './connection-ids.ts';
import { HttpDoor } from './http.ts';
import type { Draw } from './peer-list.ts';
import { StateFile } from './state-file.ts';
import { Tracker, type TrackerStats } from './tracker.ts';
import { UdpDoor } from './udp.ts';

export interface StartTrackerOptions {
  /** Port 0: any that is free for both. */
  readonly listen: HostPort;
  readonly clock?: Clock;
  readonly draw?: Draw;
  /** None: whatever swarm comes. */
  readonly allowed?: AllowedSwarms | undefined;
  /** Where the peers are kept over restarts; made when it isn't there. None: nothing is written. */
  readonly stateDir?: string | undefined;
}

export interface RunningTracker extends AsyncDisposable {
  readonly address: HostPort;
  stats(): TrackerStats;
}

/** Listens. Throws UnavailableError when the address can't be had. */
export async function startTracker(options: StartTrackerOptions): Promise<RunningTracker> {
  const { listen, clock = systemClock, draw = Math.random, allowed, stateDir } = options;
  const tracker = new Tracker({ clock, draw, allowed });
  const ids = new ConnectionIds(randomBytes(32));
  await using stack = new AsyncDisposableStack();
  const http = stack.use(new HttpDoor({ tracker, listen, clock }));
  const { address } = http;
  stack.use(await UdpDoor.open({ tracker, ids, listen: address }));
  // After the doors: a second tracker whose port is taken must not touch the first one's file.
  if (stateDir !== undefined) stack.use(await StateFile.open(stateDir, tracker, clock));
  const owned = stack.move();
  return {
    address,
    stats: () => tracker.stats(),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

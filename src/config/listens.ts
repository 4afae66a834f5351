/** Where APT is listened for, by the settings: `listen`, and `findable` where that is another place. Pure. */
import type { HostPort } from '../lib/host-port.ts';
import type { Settings } from './settings.ts';

/** The main address first. One that is within the other (127.0.0.1 within 0.0.0.0, at one port) is not a second. */
export function listensOf({ listen, findable }: Pick<Settings, 'listen' | 'findable'>): HostPort[] {
  if (findable === undefined || covers(listen, findable)) return [listen];
  return covers(findable, listen) ? [findable] : [listen, findable];
}

function covers(wide: HostPort, { host, port }: HostPort): boolean {
  if (wide.port !== port || port === 0) return false;
  return wide.host === host || wide.host === '::' || (wide.host === '0.0.0.0' && !host.includes(':'));
}

/** How other machines' APT finds this proxy by itself: by multicast DNS, at the port where `--findable` has it listen. */
import { hostname, networkInterfaces } from 'node:os';
import { Mdns } from '../discovery/mdns.ts';
import { MdnsService } from '../discovery/mdns-service.ts';
import { openMdnsSockets } from '../discovery/mdns-sockets.ts';
import type { Clock } from '../lib/clock.ts';
import type { HostPort } from '../lib/host-port.ts';

export function beFound({ host, port }: HostPort, clock: Clock): Mdns {
  const interfaces = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const hardwareAddresses = interfaces.filter(({ internal }) => !internal).map(({ mac }) => mac);
  const service = new MdnsService({ hostname: hostname(), hardwareAddresses, port });
  return new Mdns({ service, open: openMdnsSockets(host), clock });
}

/** The addresses of this machine, as the system tells them; loopback is none. */
import { networkInterfaces } from 'node:os';

/** Of this machine's interfaces, with their prefixes. */
export function ownAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.flatMap(({ internal, cidr }) => (internal || cidr === null ? [] : [cidr]));
}

/** The same without them. */
export function ownHosts(): string[] {
  return ownAddresses().map((cidr) => cidr.replace(/\/.*$/, ''));
}

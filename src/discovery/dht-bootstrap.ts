/** The DHT's bootstrap nodes as addresses. Names are looked up anew each time, as the public ones move; IPv4 only. */
import { lookup } from 'node:dns/promises';
import { parseIp } from '../announce/ip-address.ts';
import type { HostPort } from '../lib/host-port.ts';

/** Those whose name is known; a name server that is silent makes it wait for as long as the system does. */
export async function resolveNodes(nodes: readonly HostPort[]): Promise<HostPort[]> {
  const resolved = nodes.map(async ({ host, port }) => {
    if (parseIp(host)) return { host, port };
    const { address } = await lookup(host, { family: 4 });
    return { host: address, port };
  });
  const settled = await Promise.allSettled(resolved);
  return settled.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
}

/**
 * The router that this machine sends what leaves its network to, over IPv4, and its own address on that way. Linux:
 * read from the kernel's routing table, without running a program. Undefined where there is none, or elsewhere.
 * Source: proc_net_route, as route(8) shows it: little-endian hexadecimal.
 */
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { reachOf } from './reach.ts';

export interface Gateway {
  readonly address: string;
  /** Our own address on the way there, and how many bits of it name the network. */
  readonly localAddress: string;
  readonly prefixBits: number;
}

const UP_AND_GATEWAY = 0x3;

/** The gateway, if our own address on the way to it is a private one, so that it must be translating addresses. */
export function privateGateway(): Gateway | undefined {
  const gateway = defaultGateway();
  return gateway && reachOf(gateway.localAddress) === 'private' ? gateway : undefined;
}

function defaultGateway(): Gateway | undefined {
  let table: string;
  try {
    table = readFileSync('/proc/net/route', 'utf8');
  } catch {
    return undefined;
  }
  const route = parseRoutes(table);
  const own = route && networkInterfaces()[route.device]?.find(({ family }) => family === 'IPv4');
  if (!own) return undefined;
  const prefixBits = Number(own.cidr?.split('/')[1] ?? 32);
  return { address: route.address, localAddress: own.address, prefixBits };
}

/** The default route with the smallest metric. */
export function parseRoutes(table: string): { device: string; address: string } | undefined {
  let best: { device: string; address: string; metric: number } | undefined;
  for (const line of table.split('\n').slice(1)) {
    const [device = '', destination, gateway = '', flags = '', , , metric = '', mask] = line
      .trim()
      .split(/\s+/);
    if (destination !== '00000000' || mask !== '00000000' || !/^[0-9a-f]{8}$/i.test(gateway)) continue;
    if ((Number.parseInt(flags, 16) & UP_AND_GATEWAY) !== UP_AND_GATEWAY) continue;
    const address = Buffer.from(gateway, 'hex').reverse().join('.');
    if (!best || Number(metric) < best.metric) best = { device, address, metric: Number(metric) };
  }
  return best;
}

/** Whether an IPv4 address is in the gateway's network. */
export function isInNetworkOf({ localAddress, prefixBits }: Gateway, address: string): boolean {
  const [ours, theirs] = [localAddress, address].map(toU32);
  if (ours === undefined || theirs === undefined) return false;
  const shift = 32 - prefixBits;
  return shift >= 32 || ours >>> shift === theirs >>> shift;
}

function toU32(address: string): number | undefined {
  const parts = address.split('.').map(Number);
  if (parts.length !== 4 || parts.some((part) => !(part >= 0 && part < 256))) return undefined;
  return parts.reduce((sum, part) => sum * 256 + part, 0);
}

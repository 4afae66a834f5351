/**
 * The network segments that this machine is plugged into: interfaces that are up and carry multicast, with their
 * addresses; not loopback, and no point-to-point line (a VPN's other end is not the local network). It decides which
 * interfaces are suitable, and whether an address is that of a machine on one of their segments. Source: netdevice(7);
 * the flags are read from sysfs, as the platform tells addresses only.
 */
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { parseIp } from '../announce/ip-address.ts';

/** More than so many are not announced on: the kernel lets a socket join 20 groups (igmp_max_memberships). */
const MAX_INTERFACES = 16;

const IFF_LOOPBACK = 0x8;
const IFF_POINTOPOINT = 0x10;
const IFF_MULTICAST = 0x1000;

export interface LocalAddress {
  readonly family: 4 | 6;
  /** Without a zone. */
  readonly address: string;
  readonly prefixBits: number;
}

export interface LocalInterface {
  /** "eth0" */
  readonly name: string;
  readonly addresses: readonly LocalAddress[];
}

/** Those of this moment. */
export function localInterfaces(): LocalInterface[] {
  const byName = new Map<string, LocalAddress[]>();
  for (const [label, infos = []] of Object.entries(networkInterfaces())) {
    // "eth0:1" is a second name for an address of eth0.
    const name = label.replace(/:.*$/, '');
    if (infos.some(({ internal }) => internal) || !isSuitable(name)) continue;
    const addresses = byName.get(name) ?? [];
    for (const { address, family, cidr } of infos)
      addresses.push({ address, family: family === 'IPv4' ? 4 : 6, prefixBits: prefixBitsOf(cidr, family) });
    byName.set(name, addresses);
  }
  const interfaces = [...byName].map(([name, addresses]) => ({ name, addresses }));
  // A host of containers has hundreds with nothing but a link-local address.
  return interfaces.sort((a, b) => Number(isBare(a)) - Number(isBare(b))).slice(0, MAX_INTERFACES);
}

/** Whether a datagram from this address comes from a machine on one of these segments. Link-local ones have a zone. */
export function isOnSegment(interfaces: readonly LocalInterface[], from: string): boolean {
  const [host = '', zone] = from.split('%', 2);
  const address = parseIp(host);
  if (!address) return false;
  if (isLinkLocal6(address)) return interfaces.some(({ name }) => name === zone);
  return interfaces.some(({ addresses }) => addresses.some((own) => isInSubnet(address, own)));
}

export function isLinkLocal6([a, b = 0, ...rest]: Uint8Array): boolean {
  return rest.length === 14 && a === 0xfe && (b & 0xc0) === 0x80;
}

function isInSubnet(address: Uint8Array, own: LocalAddress): boolean {
  const ours = parseIp(own.address);
  if (ours?.length !== address.length) return false;
  // DHCPv6 gives addresses as /128, on a link that has the /64 (RFC 5942).
  const bits = ours.length === 16 ? Math.min(own.prefixBits, 64) : own.prefixBits;
  return ours.every((byte, i) => {
    const kept = Math.max(0, Math.min(8, bits - 8 * i));
    return (byte ^ (address[i] as number)) >> (8 - kept) === 0;
  });
}

function isBare({ addresses }: LocalInterface): boolean {
  return addresses.every(({ address }) => isLinkLocal6(parseIp(address) ?? new Uint8Array(0)));
}

/** "192.0.2.7/24"; without the prefix nobody else is there. */
function prefixBitsOf(cidr: string | null, family: string): number {
  const bits = Number(cidr?.split('/')[1] ?? Number.NaN);
  return Number.isInteger(bits) ? bits : family === 'IPv4' ? 32 : 128;
}

function isSuitable(name: string): boolean {
  const flags = flagsOf(name);
  return (flags & IFF_MULTICAST) !== 0 && (flags & (IFF_LOOPBACK | IFF_POINTOPOINT)) === 0;
}

function flagsOf(name: string): number {
  try {
    return Number(readFileSync(`/sys/class/net/${name}/flags`, 'utf8').trim());
  } catch {
    // Gone meanwhile, or sysfs is that of another network namespace: sending will show.
    return IFF_MULTICAST;
  }
}

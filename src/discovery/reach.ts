/**
 * Where an address leads: to this machine, into a private network, or out to the public Internet; and so whom a
 * stranger may make us contact. Whoever is on the Internet may name public addresses only; who is in a private network,
 * also private ones; only who is on this machine itself, its own. Addresses that belong to no single host elsewhere
 * (multicast, link-local, cloud metadata, Teredo …) lead nowhere. IPv6 forms that carry an IPv4 address are judged by that.
 * Ranges for documentation and tests count as public: nobody's network is behind them. Pure.
 * Sources: RFC 6890, 1918, 4193, 6598 (shared by a provider's customers, and by overlay networks), 6052, 8215, 3056,
 * 4380, 5214.
 */
import { formatIp, parseIp } from '../announce/ip-address.ts';
import type { HostPort } from '../lib/host-port.ts';
import { isDialable } from './dialable.ts';

export type Reach = 'loopback' | 'private' | 'public';

/** The narrowest first. */
const REACHES: readonly Reach[] = ['loopback', 'private', 'public'];

/** Services of the cloud's own that are addressed like hosts: Alibaba, Azure, AWS over IPv6. */
const METADATA = new Set(['100.100.100.200', '168.63.129.16', 'fd00:ec2::254']);

const NAT64 = [0, 0x64, 0xff, 0x9b];
const ISATAP = [0, 0x5e, 0xfe];

/** Undefined for names and for addresses that lead to no host elsewhere. */
export function reachOf(host: string): Reach | undefined {
  const address = parseIp(host);
  // However it was written: "::ffff:a83f:8110" is one of them, too.
  if (!address || METADATA.has(formatIp(address))) return undefined;
  if (!isDialable({ host, port: 1 }, true)) return undefined;
  if (address.length === 4) return reachOfIpv4(address);
  if (isTeredo(address)) return undefined;
  const inside = insideIpv6(address);
  if (inside) return reachOf(inside.join('.'));
  if (address.subarray(0, 15).every((byte) => byte === 0)) return 'loopback';
  const [a = 0, b = 0] = address;
  const isUniqueLocal = (a & 0xfe) === 0xfc;
  const isSiteLocal = a === 0xfe && (b & 0xc0) === 0xc0;
  return isUniqueLocal || isSiteLocal || isLocalTranslation(address) ? 'private' : 'public';
}

/** Whether who is at `from` may lead us to an address of this reach. */
export function mayLead(from: Reach, to: Reach): boolean {
  return REACHES.indexOf(to) >= REACHES.indexOf(from);
}

/** Whether a peer's address, named by a stranger at `from`, may be dialled. */
export function mayName(from: Reach, at: HostPort): boolean {
  const to = reachOf(at.host);
  return to !== undefined && mayLead(from, to) && isDialable(at, from === 'loopback');
}

function reachOfIpv4([a = 0, b = 0]: Uint8Array): Reach {
  if (a === 127) return 'loopback';
  const isPrivate = a === 10 || (a === 172 && b >= 16 && b < 32) || (a === 192 && b === 168);
  const isShared = a === 100 && b >= 64 && b < 128;
  return isPrivate || isShared ? 'private' : 'public';
}

/** The IPv4 address in 64:ff9b::/96 (NAT64), 2002::/16 (6to4), and in the form of ISATAP, which any prefix may have. */
function insideIpv6(address: Uint8Array): Uint8Array | undefined {
  const [a = 0, b = 0] = address;
  if (a === 0x20 && b === 0x02) return address.subarray(2, 6);
  const isNat64 = beginsWith(address, NAT64) && address.subarray(4, 12).every((byte) => byte === 0);
  const isIsatap = ((address[8] ?? 0) & 0xfd) === 0 && beginsWith(address.subarray(9), ISATAP);
  return isNat64 || isIsatap ? address.subarray(12) : undefined;
}

/** 64:ff9b:1::/48: a network's own way to IPv4, and so to its own IPv4 addresses, wherever in it they are put. */
function isLocalTranslation(address: Uint8Array): boolean {
  return beginsWith(address, [...NAT64, 0, 1]);
}

/** 2001::/32: goes by UDP to an IPv4 address that the one who names it chooses. */
function isTeredo(address: Uint8Array): boolean {
  return beginsWith(address, [0x20, 0x01, 0, 0]);
}

function beginsWith(address: Uint8Array, start: readonly number[]): boolean {
  return start.every((byte, i) => address[i] === byte);
}

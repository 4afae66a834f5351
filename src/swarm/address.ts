/**
 * What an address says about a peer: which group it counts to (bans, limits, votes), which network it is of (how many
 * of us one network may hold), and whether it is near. Pure.
 * A stranger counts by its IPv4 address or its IPv6 /64, as one customer has all of that; a machine of the local
 * network counts by itself, as all of them share a /64. What came through NAT64 counts by the IPv4 address inside.
 * Sources: RFC 1918, 4193, 6052, 6177; docs/protocol.md "Blame and bans".
 */
import { formatIp, parseIp } from '../announce/ip-address.ts';

/** Of the hosts that were asked about lately: the same few are asked about at each turn. */
const groups = new Map<string, string>();
const MAX_GROUPS = 4096;

/** "192.0.2.7" or "2001:db8:1:2::/64"; near ones whole ("fd00::7"); a name or nonsense is its own group. */
export function addressGroup(host: string): string {
  let group = groups.get(host);
  if (group === undefined) {
    group = groupOf(host);
    if (groups.size >= MAX_GROUPS) groups.clear();
    groups.set(host, group);
  }
  return group;
}

function groupOf(host: string): string {
  const address = bytesOf(host);
  if (!address) return host.toLowerCase();
  if (address.length === 4 || isLan(address)) return formatIp(address);
  const inside = insideNat64(address);
  return inside ? formatIp(inside) : `${prefix(address, 8)}/64`;
}

/** "192.0.2.0/24" or "2001:db8:1::/48": as much as one who wants to be many gets hold of cheaply. */
export function addressNetwork(host: string): string {
  const address = bytesOf(host);
  if (!address) return host.toLowerCase();
  const ipv4 = address.length === 4 ? address : insideNat64(address);
  return ipv4 ? `${prefix(ipv4, 3)}/24` : `${prefix(address, 6)}/48`;
}

/** Loopback, private (RFC 1918, RFC 4193) and link-local addresses: the local network. */
export function isLanAddress(host: string): boolean {
  const address = bytesOf(host);
  return address !== undefined && isLan(address);
}

/** An address of this machine itself. */
export function isLoopbackAddress(host: string): boolean {
  const address = bytesOf(host);
  return address !== undefined && isLoopback(address);
}

/** Without the zone of a link-local address. */
function bytesOf(host: string): Uint8Array | undefined {
  return parseIp(host.replace(/%.*$/, ''));
}

function isLan(address: Uint8Array): boolean {
  const [a = 0, b = 0] = address;
  if (isLoopback(address)) return true;
  if (address.length === 4) {
    const isPrivate = a === 10 || (a === 172 && b >= 16 && b < 32) || (a === 192 && b === 168);
    return isPrivate || (a === 169 && b === 254);
  }
  return (a & 0xfe) === 0xfc || (a === 0xfe && (b & 0xc0) === 0x80);
}

function isLoopback(address: Uint8Array): boolean {
  if (address.length === 4) return address[0] === 127;
  return address[15] === 1 && address.subarray(0, 15).every((byte) => byte === 0);
}

/** The IPv4 address in 64:ff9b::/96. */
function insideNat64(address: Uint8Array): Uint8Array | undefined {
  const [a, b, c, d, ...rest] = address;
  const isNat64 =
    a === 0 && b === 0x64 && c === 0xff && d === 0x9b && rest.slice(0, 8).every((byte) => byte === 0);
  return isNat64 ? address.subarray(12) : undefined;
}

/** The first bytes of an address, the others 0. */
function prefix(address: Uint8Array, bytes: number): string {
  const kept = new Uint8Array(address.length);
  kept.set(address.subarray(0, bytes));
  return formatIp(kept);
}

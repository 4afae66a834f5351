/**
 * Whether an address learnt from a stranger (tracker, PEX, DHT) may be dialled. It must be a unicast IP address that
 * belongs to somebody else: never a name, loopback, link-local, multicast, unspecified or reserved address, nor port 0,
 * or strangers could aim this node at services of its own machine. Private addresses may be: a fleet lives there.
 * Addresses given by hand don't come here. Sources: RFC 6890, RFC 4291.
 */
import { parseIp } from '../announce/ip-address.ts';
import type { HostPort } from '../lib/host-port.ts';

/** `learntOnLoopback`: who named the address is on loopback itself, so loopback addresses mean what they say. */
export function isDialable({ host, port }: HostPort, learntOnLoopback = false): boolean {
  const address = parseIp(host);
  if (!address || !Number.isInteger(port) || port < 1 || port > 65535) return false;
  if (isLoopback(address)) return learntOnLoopback;
  return address.length === 4 ? isUnicastIpv4(address) : isUnicastIpv6(address);
}

function isLoopback(address: Uint8Array): boolean {
  if (address.length === 4) return address[0] === 127;
  return address[15] === 1 && address.subarray(0, 15).every((byte) => byte === 0);
}

function isUnicastIpv4([a = 0, b = 0]: Uint8Array): boolean {
  const isThisNetwork = a === 0;
  const isLinkLocal = a === 169 && b === 254;
  const isMulticastOrReserved = a >= 224;
  return !isThisNetwork && !isLinkLocal && !isMulticastOrReserved;
}

function isUnicastIpv6(address: Uint8Array): boolean {
  const [a = 0, b = 0] = address;
  // Unspecified, and IPv4 addresses in forms that no host has (RFC 4291 §2.5.5.1).
  const isCompatible = address.subarray(0, 12).every((byte) => byte === 0);
  const isLinkLocal = a === 0xfe && (b & 0xc0) === 0x80;
  const isMulticast = a === 0xff;
  return !isCompatible && !isLinkLocal && !isMulticast;
}

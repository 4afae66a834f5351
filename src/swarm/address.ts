/**
 * What an address says about a peer: which group it counts to (for bans, limits, votes), and whether it is near.
 * Pure. An IPv4 address is a group of its own, an IPv6 address counts by its /64 (docs/protocol.md "Blame").
 */
import { isIPv4, isIPv6 } from 'node:net';

/** "192.0.2.7" or "2001:db8:1:2::/64"; a name or nonsense is its own group. */
export function addressGroup(host: string): string {
  const plain = host
    .replace(/^::ffff:(?=\d+\.)/i, '')
    .replace(/%.*$/, '')
    .toLowerCase();
  if (!isIPv6(plain)) return plain;
  return `${expandIPv6(plain).slice(0, 4).join(':')}::/64`;
}

/** Loopback, private (RFC 1918, RFC 4193) and link-local addresses: the local network. */
export function isLanAddress(host: string): boolean {
  const plain = host
    .replace(/^::ffff:(?=\d+\.)/i, '')
    .replace(/%.*$/, '')
    .toLowerCase();
  if (isIPv4(plain)) {
    return /^(?:127\.|10\.|192\.168\.|169\.254\.|172\.(?:1[6-9]|2\d|3[01])\.)/.test(plain);
  }
  return isIPv6(plain) && (plain === '::1' || /^(?:f[cd][0-9a-f]{2}|fe[89ab][0-9a-f]):/.test(plain));
}

/** Eight groups of hexadecimal digits without leading zeros. */
function expandIPv6(address: string): string[] {
  const [left = '', right] = address.split('::');
  const head = left === '' ? [] : left.split(':');
  const tail = right === undefined || right === '' ? [] : right.split(':');
  const zeros = right === undefined ? 0 : Math.max(0, 8 - head.length - tail.length);
  return [...head, ...Array<string>(zeros).fill('0'), ...tail].map((g) => g.replace(/^0+(?=.)/, ''));
}

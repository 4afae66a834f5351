/**
 * A range of IP addresses as people write it: "192.168.1.0/24", "2001:db8::/32", or one address. IPv4 addresses that
 * come in IPv6's clothes (::ffff:192.168.1.2, as a socket that listens for both shows them) count as IPv4; the zone of
 * a link-local address ("%eth0") doesn't count. Pure. Source: RFC 4632 §3.1, RFC 4291 §2.3, §2.5.5.2.
 */
import { BlockList, isIP } from 'node:net';

export interface AddressRange {
  /** False for what is no address. */
  has(address: string): boolean;
}

/** Undefined when the text is no range. */
export function parseAddressRange(text: string): AddressRange | undefined {
  const [, address = '', bits] = /^([0-9a-fA-F:.]+)(?:\/(\d{1,3}))?$/.exec(text.trim()) ?? [];
  const family = isIP(address);
  if (family === 0) return undefined;
  const all = family === 4 ? 32 : 128;
  const prefixBits = bits === undefined ? all : Number(bits);
  if (prefixBits > all) return undefined;
  const list = new BlockList();
  list.addSubnet(address, prefixBits, family === 4 ? 'ipv4' : 'ipv6');
  return {
    has(candidate) {
      const plain = plainAddress(candidate);
      const of = isIP(plain);
      return of === family && list.check(plain, of === 4 ? 'ipv4' : 'ipv6');
    },
  };
}

/** Without zone, and as IPv4 where it is that. */
export function plainAddress(address: string): string {
  return address.replace(/%.*$/, '').replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '');
}

/** 127.0.0.0/8 and ::1; of names only "localhost". */
export function isLoopbackHost(host: string): boolean {
  const plain = plainAddress(host).toLowerCase();
  return plain === 'localhost' || plain === '::1' || (isIP(plain) === 4 && plain.startsWith('127.'));
}

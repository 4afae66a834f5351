/**
 * Peers as trackers, PEX and the DHT write them: address and port concatenated, 6 bytes for IPv4 (BEP 23) and 18 for
 * IPv6 (BEP 7), network byte order. Decides nothing about the addresses; see discovery/dialable.ts for that.
 */
import { ProtocolError } from '../lib/errors.ts';
import type { HostPort } from '../lib/host-port.ts';
import { formatIp, parseIp } from './ip-address.ts';

export const COMPACT_IPV4_BYTES = 6;
export const COMPACT_IPV6_BYTES = 18;

/** 6 or 18 bytes from 4 or 16 bytes of address. */
export function compactPeer(address: Uint8Array, port: number): Uint8Array {
  const peer = new Uint8Array(address.length + 2);
  peer.set(address);
  peer[address.length] = port >>> 8;
  peer[address.length + 1] = port;
  return peer;
}

/** Both forms of those peers whose host is an IP address; names are left out. */
export function encodeCompactPeers(peers: Iterable<HostPort>): { peers: Uint8Array; peers6: Uint8Array } {
  const ipv4: Uint8Array[] = [];
  const ipv6: Uint8Array[] = [];
  for (const { host, port } of peers) {
    const address = parseIp(host);
    if (address) (address.length === 4 ? ipv4 : ipv6).push(compactPeer(address, port));
  }
  return { peers: joined(ipv4), peers6: joined(ipv6) };
}

/** The peers of one form, at most `max`. Throws ProtocolError when the length is no multiple of `bytesPerPeer`. */
export function decodeCompactPeers(
  bytes: Uint8Array,
  bytesPerPeer: typeof COMPACT_IPV4_BYTES | typeof COMPACT_IPV6_BYTES,
  max: number = Number.POSITIVE_INFINITY,
): HostPort[] {
  checkCompactPeers(bytes, bytesPerPeer);
  const peers: HostPort[] = [];
  for (let at = 0; at < bytes.length && peers.length < max; at += bytesPerPeer) {
    const portAt = at + bytesPerPeer - 2;
    peers.push({
      host: formatIp(bytes.subarray(at, portAt)),
      port: ((bytes[portAt] as number) << 8) | (bytes[portAt + 1] as number),
    });
  }
  return peers;
}

/** Throws ProtocolError when these are not whole peers. */
export function checkCompactPeers(bytes: Uint8Array, bytesPerPeer: number): void {
  if (bytes.length % bytesPerPeer !== 0) {
    throw new ProtocolError(`could not read peers: ${bytes.length} bytes, ${bytesPerPeer} a peer`);
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

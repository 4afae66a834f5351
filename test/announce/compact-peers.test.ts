import { describe, expect, test } from 'bun:test';
import { compactPeer, decodeCompactPeers, encodeCompactPeers } from '../../src/announce/compact-peers.ts';
import { ProtocolError } from '../../src/lib/errors.ts';

describe('encodeCompactPeers()', () => {
  test('parts IPv4 from IPv6 and leaves names out', () => {
    const { peers, peers6 } = encodeCompactPeers([
      { host: '192.0.2.1', port: 9989 },
      { host: 'ftp.de.debian.org', port: 80 },
      { host: '2001:db8::1', port: 65535 },
      { host: '::ffff:192.0.2.2', port: 1 },
    ]);
    expect(peers.toHex()).toBe('c00002012705c00002020001');
    expect(peers6.toHex()).toBe('20010db8000000000000000000000001ffff');
  });
});

describe('decodeCompactPeers()', () => {
  test('gives back what was encoded', () => {
    const ipv4 = [
      { host: '192.0.2.1', port: 9989 },
      { host: '10.0.0.1', port: 0 },
    ];
    const ipv6 = [{ host: '2001:db8::1', port: 6881 }];
    const { peers, peers6 } = encodeCompactPeers([...ipv4, ...ipv6]);
    expect(decodeCompactPeers(peers, 6)).toEqual(ipv4);
    expect(decodeCompactPeers(peers6, 18)).toEqual(ipv6);
  });

  test('gives at most `max`', () => {
    expect(decodeCompactPeers(new Uint8Array(60), 6, 3).length).toBe(3);
  });

  test('refuses a torn peer', () => {
    expect(() => decodeCompactPeers(new Uint8Array(7), 6)).toThrow(ProtocolError);
    expect(() => decodeCompactPeers(new Uint8Array(6), 18)).toThrow(ProtocolError);
  });
});

test('compactPeer() is the address and the port, high byte first', () => {
  expect(compactPeer(Uint8Array.of(1, 2, 3, 4), 0x2705).toHex()).toBe('010203042705');
});

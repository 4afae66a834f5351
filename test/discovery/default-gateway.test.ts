import { describe, expect, test } from 'bun:test';
import { isInNetworkOf, parseRoutes } from '../../src/discovery/default-gateway.ts';

const HEAD = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n';

describe('parseRoutes()', () => {
  test('takes the default route with the smallest metric', () => {
    const table = `${HEAD}wlan0\t00000000\t0100A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0
eth0\t00000000\t0102A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0
eth0\t0002A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n`;
    expect(parseRoutes(table)).toMatchObject({ device: 'eth0', address: '192.168.2.1' });
  });

  test('finds none where there is none', () => {
    expect(parseRoutes('')).toBeUndefined();
    expect(parseRoutes(HEAD)).toBeUndefined();
    // Down; without a gateway; a host's.
    for (const line of ['0100A8C0\t0002', '00000000\t0001', 'nonsense\t0003'])
      expect(parseRoutes(`${HEAD}eth0\t00000000\t${line}\t0\t0\t0\t00000000\t0\t0\t0\n`)).toBeUndefined();
  });
});

test('isInNetworkOf() goes by the bits', () => {
  const gateway = { address: '192.168.1.1', localAddress: '192.168.1.77', prefixBits: 24 };
  expect(isInNetworkOf(gateway, '192.168.1.200')).toBe(true);
  expect(isInNetworkOf(gateway, '192.168.2.1')).toBe(false);
  expect(isInNetworkOf({ ...gateway, prefixBits: 16 }, '192.168.2.1')).toBe(true);
  expect(isInNetworkOf({ ...gateway, prefixBits: 32 }, '192.168.1.1')).toBe(false);
  expect(isInNetworkOf({ ...gateway, prefixBits: 0 }, '8.8.8.8')).toBe(true);
  for (const odd of ['', '1.2.3', '1.2.3.256', 'fe80::1', 'a.b.c.d'])
    expect(isInNetworkOf(gateway, odd)).toBe(false);
});

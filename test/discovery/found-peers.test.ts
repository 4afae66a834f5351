import { expect, test } from 'bun:test';
import { DhtScope } from '../../src/discovery/dht-scope.ts';
import { FoundPeers, PEERS_A_HOST, PEERS_A_LOOK_UP } from '../../src/discovery/found-peers.ts';
import type { HostPort } from '../../src/lib/host-port.ts';

async function given(peers: HostPort[]): Promise<HostPort[][]> {
  const batches: HostPort[][] = [];
  const found = new FoundPeers(
    new DhtScope([]),
    ({ port }) => port === 9989,
    (batch) => batches.push(batch),
  );
  for (const peer of peers) found.add(peer);
  await Promise.resolve();
  return batches;
}

test('FoundPeers hands on what comes in one go in one batch, each peer once', async () => {
  const [a, b] = [
    { host: '8.8.8.8', port: 1 },
    { host: '8.8.4.4', port: 1 },
  ];
  expect(await given([a, b, a])).toEqual([[a, b]]);
});

test('FoundPeers drops what a stranger must not make us dial', async () => {
  const hosts = ['127.0.0.1', '10.0.0.1', '169.254.169.254', '224.0.0.1', '0.0.0.0'];
  expect(await given(hosts.map((host) => ({ host, port: 80 })))).toEqual([]);
});

test('FoundPeers leaves out ourselves', async () => {
  const other = { host: '8.8.8.8', port: 1 };
  expect(await given([{ host: '8.8.8.8', port: 9989 }, other])).toEqual([[other]]);
});

test('FoundPeers takes two ports of a host: a liar can name a victim, but not 65,535 times', async () => {
  const [batch = []] = await given(
    Array.from({ length: 1000 }, (_, i) => ({ host: '8.8.8.8', port: i + 1 })),
  );
  expect(batch).toHaveLength(PEERS_A_HOST);
});

test('FoundPeers takes 200 of a million', async () => {
  const [batch = []] = await given(
    Array.from({ length: 100_000 }, (_, i) => ({
      host: `20.${i >> 16}.${(i >> 8) & 255}.${i & 255}`,
      port: 1,
    })),
  );
  expect(batch).toHaveLength(PEERS_A_LOOK_UP);
});

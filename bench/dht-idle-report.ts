/** The table of dht-idle.ts. */
import type { DhtIdleRecord } from './dht-idle.ts';
import { markdownTable } from './lib/markdown.ts';
import type { BenchResult } from './lib/results.ts';

export function reportDhtIdle({ records }: BenchResult<DhtIdleRecord>): string {
  return markdownTable(
    [
      'minutes after the start',
      'DHT',
      'nodes known',
      'sent, B/s',
      'received, B/s',
      'CPU %',
      'RSS MB',
      'anonymous MB',
    ],
    records.map(({ dht, from, to, dhtNodes, sentBytes, receivedBytes, cpuSeconds, rssBytes, anonBytes }) => {
      const seconds = (to - from) * 60;
      return [
        `${from} to ${to}`,
        dht ? 'yes' : 'no',
        dht ? String(dhtNodes) : '',
        (sentBytes / seconds).toFixed(0),
        (receivedBytes / seconds).toFixed(0),
        ((100 * cpuSeconds) / seconds).toFixed(2),
        (rssBytes / 1e6).toFixed(0),
        (anonBytes / 1e6).toFixed(0),
      ];
    }),
  );
}

import { describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { METRICS, readMetrics } from '../../src/status/metric-table.ts';
import { statusRoutes } from '../../src/status/routes.ts';
import { busy, idle } from './fixtures.ts';

const figures = { residentBytes: 7, cpuSeconds: 1.5 };
const scraped = async (details: boolean) => {
  const answer = await statusRoutes({ snapshot: () => busy }).request('/metrics', {}, { details });
  expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  return await answer.text();
};

describe('/metrics', () => {
  test('has lines that Prometheus reads, and tells other machines as much as this one', async () => {
    const text = await scraped(false);
    for (const line of text.trimEnd().split('\n'))
      expect(line).toMatch(/^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-z]+="[^"\\]*"\})? -?[0-9.e+]+)$/);
    expect(text).toContain('debtorrent_received_bytes_total{source="lan"} 2147483648\n');
    expect(text).toContain('debtorrent_received_bytes_total{source="peers"} 1073741824\n');
    expect(text).toContain('debtorrent_peers{network="lan"} 1\n');
    expect(text).toContain('debtorrent_releases{state="expired"} 1\n');
    expect(text).toContain('debtorrent_reachable{answer="no"} 1\n');
    const steady = (all: string) => all.replace(/^process_.*$/gm, '');
    expect(steady(await scraped(true))).toBe(steady(text));
  });

  test('names no peer, file, archive or address', async () => {
    expect(await scraped(true)).not.toMatch(/192\.0|198\.51|203\.0|hello|example\.|bookworm|script/);
  });
});

describe('METRICS', () => {
  test('have names as Prometheus wants them, each once', () => {
    const names = METRICS.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const { name, type } of METRICS) {
      expect(name).toMatch(/^(debtorrent|process)_[a-z_]+$/);
      expect(name.endsWith('_total')).toBe(type === 'counter');
    }
  });

  test('have no label value that the table does not list', () => {
    const many = {
      ...busy,
      peers: Array.from({ length: 500 }, (_, i) => ({ ...busy.peers[0], address: `${i}` }) as never),
    };
    for (const snapshot of [busy, idle, many]) {
      for (const [i, { samples }] of readMetrics(snapshot, figures).entries()) {
        const { labels = {} } = METRICS[i] as (typeof METRICS)[number];
        for (const sample of samples)
          for (const [label, value] of Object.entries(sample.labels ?? {}))
            if (label !== 'version') expect(labels[label]).toContain(value);
      }
    }
  });

  test('leave out what is off', () => {
    const names = readMetrics(idle, figures).flatMap(({ name, samples }) =>
      samples.length > 0 ? [name] : [],
    );
    expect(names).not.toContain('debtorrent_dht_nodes');
    expect(names).not.toContain('debtorrent_release_age_seconds');
    expect(names).toContain('debtorrent_store_bytes');
  });
});

describe('docs/grafana.json', () => {
  const text = readFileSync(join(import.meta.dir, '../../docs/grafana.json'), 'utf8');
  const dashboard = JSON.parse(text) as {
    panels: {
      id: number;
      title: string;
      gridPos: Record<'x' | 'y' | 'w' | 'h', number>;
      targets: { expr: string }[];
    }[];
  };

  test('asks only for metrics and label values that exist', () => {
    const known = new Map(METRICS.map((metric) => [metric.name, metric]));
    for (const { title, targets } of dashboard.panels) {
      expect([title, targets.length > 0]).toEqual([title, true]);
      for (const { expr } of targets) {
        const named = [...expr.matchAll(/\b((?:debtorrent|process)_[a-z_]+)\{([^}]*)\}/g)];
        expect(named.length).toBeGreaterThan(0);
        for (const [, name = '', selector = ''] of named) {
          const labels = known.get(name)?.labels ?? {};
          expect([name, known.has(name)]).toEqual([name, true]);
          for (const [, label = '', value = ''] of selector.matchAll(/(\w+)!?="([^"]*)"/g))
            expect([name, labels[label]?.includes(value)]).toEqual([name, true]);
        }
        for (const [, label = ''] of expr.matchAll(/by \((\w+)\)/g))
          expect(METRICS.some(({ labels }) => labels?.[label])).toBe(true);
      }
    }
  });

  test('has panels that do not lie upon each other', () => {
    const taken = new Set<string>();
    for (const { gridPos } of dashboard.panels) {
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect(taken.has(`${x},${y}`)).toBe(false);
          taken.add(`${x},${y}`);
        }
    }
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
  });
});

/**
 * What `/metrics` tells, and docs/metrics.md lists: one row a metric. Only numbers, under labels whose values all stand
 * here: nothing grows with peers, files or archives, and nothing tells who they are, so that whoever may use the proxy
 * may read it. Names, once given, stay. Pure.
 */
import type { MetricFamily, Sample } from '../metrics/exposition.ts';
import { bySource, SOURCES } from './page-view.ts';
import { type ReleaseStatus, releaseLine, type StatusSnapshot } from './snapshot.ts';

/** Of this process. */
export interface ProcessFigures {
  readonly residentBytes: number;
  readonly cpuSeconds: number;
}

type Reading = (snapshot: StatusSnapshot, process: ProcessFigures) => readonly Sample[];

export interface Metric extends Omit<MetricFamily, 'samples'> {
  /** Each label and the values it takes; "…" for what can't be listed. */
  readonly labels?: Readonly<Record<string, readonly string[]>>;
  readonly read: Reading;
}

const TROUBLES = { stale: 'stale', older: 'rolledBack', bad: 'refused' } as const;
const REACH = { yes: 'reachable', no: 'not reachable', unknown: 'unknown' } as const;
const TRACKER_STATES = ['working', 'failing', 'unused'] as const;
const RELEASE_STATES = ['well', 'expired', 'stale', 'other'] as const;

const one = (read: (snapshot: StatusSnapshot) => number | undefined): Reading => {
  return (snapshot) => {
    const value = read(snapshot);
    return value === undefined ? [] : [{ value }];
  };
};

/** One sample for each value of one label. */
function each<T extends string>(
  label: string,
  values: readonly T[],
  read: (snapshot: StatusSnapshot, value: T) => number,
): Pick<Metric, 'labels' | 'read'> {
  return {
    labels: { [label]: values },
    read: (snapshot) => values.map((value) => ({ labels: { [label]: value }, value: read(snapshot, value) })),
  };
}

const KINDS = SOURCES.map(({ kind }) => kind);

export const METRICS: readonly Metric[] = [
  {
    name: 'debtorrent_build_info',
    type: 'gauge',
    help: 'Always 1; says which version runs.',
    labels: { version: ['…'] },
    read: ({ version }) => [{ labels: { version }, value: 1 }],
  },
  {
    name: 'debtorrent_uptime_seconds',
    type: 'gauge',
    help: 'Since the daemon was started.',
    read: one(({ uptimeSeconds }) => uptimeSeconds),
  },
  {
    name: 'debtorrent_received_bytes_total',
    type: 'counter',
    help: 'Payload by where it came from, since the first start on this machine. All but mirror is saved.',
    ...each('source', KINDS, ({ bytes }, kind) => bySource(bytes)[kind]),
  },
  {
    name: 'debtorrent_uploaded_bytes_total',
    type: 'counter',
    help: 'Payload given to other machines, since the first start on this machine.',
    read: one(({ bytes }) => bytes.uploaded),
  },
  {
    name: 'debtorrent_release_troubles_total',
    type: 'counter',
    help: 'Releases that were served from the copy at hand, came older than before, or were bad.',
    ...each('kind', keysOf(TROUBLES), ({ troubles }, kind) => troubles[TROUBLES[kind]]),
  },
  {
    name: 'debtorrent_releases',
    type: 'gauge',
    help: 'Releases in force: expired = no longer valid, stale = its mirror does not answer.',
    ...each('state', RELEASE_STATES, ({ releases }, state) => {
      return releases.filter((release) => stateOf(release) === state).length;
    }),
  },
  {
    name: 'debtorrent_release_age_seconds',
    type: 'gauge',
    help: 'Age of the newest Release in force. Debian has a new one every six hours.',
    read: one(({ releases }) => {
      const ages = releases.flatMap(({ ageSeconds }) => (ageSeconds === undefined ? [] : [ageSeconds]));
      return ages.length === 0 ? undefined : Math.min(...ages);
    }),
  },
  {
    name: 'debtorrent_swarms',
    type: 'gauge',
    help: 'Swarms that are joined, one an archive and architecture.',
    read: one(({ swarms }) => swarms.length),
  },
  {
    name: 'debtorrent_peers',
    type: 'gauge',
    help: 'Connected peers: of the local network, and others.',
    ...each('network', ['lan', 'other'], ({ peers }, network) => {
      return peers.filter(({ lan }) => lan === (network === 'lan')).length;
    }),
  },
  {
    name: 'debtorrent_banned_addresses',
    type: 'gauge',
    help: 'Addresses that nothing is taken from any more.',
    read: one(({ banned }) => banned.length),
  },
  {
    name: 'debtorrent_transfers',
    type: 'gauge',
    help: 'Files on the way.',
    read: one(({ transfers }) => transfers.length),
  },
  {
    name: 'debtorrent_transfers_missing_bytes',
    type: 'gauge',
    help: 'What has yet to come of the files on the way.',
    read: one(({ transfers }) =>
      transfers.reduce((sum, { sizeBytes, haveBytes }) => sum + Math.max(0, sizeBytes - haveBytes), 0),
    ),
  },
  {
    name: 'debtorrent_store_files',
    type: 'gauge',
    help: 'Files in the cache.',
    read: one(({ store }) => store.files),
  },
  {
    name: 'debtorrent_store_bytes',
    type: 'gauge',
    help: 'Size of the cache.',
    read: one(({ store }) => store.bytes),
  },
  {
    name: 'debtorrent_store_limit_bytes',
    type: 'gauge',
    help: 'What the cache may take. 0 where a tree is shared in place.',
    read: one(({ store }) => store.limitBytes),
  },
  {
    name: 'debtorrent_reachable',
    type: 'gauge',
    help: '1 at the answer that holds: whether other machines come in from outside.',
    ...each('answer', keysOf(REACH), ({ reachability }, answer) => {
      return reachability.state === REACH[answer] ? 1 : 0;
    }),
  },
  {
    name: 'debtorrent_trackers',
    type: 'gauge',
    help: 'Trackers, by how they do.',
    ...each('state', TRACKER_STATES, ({ trackers }, state) => {
      return trackers.filter((tracker) => tracker.state === state).length;
    }),
  },
  {
    name: 'debtorrent_dht_nodes',
    type: 'gauge',
    help: 'Known nodes of the DHT. Missing where it is off.',
    read: one(({ dht }) => dht?.nodes),
  },
  {
    name: 'debtorrent_lan_neighbours',
    type: 'gauge',
    help: 'Heard on the local network lately. Missing where nobody is looked for there.',
    read: one(({ lan }) => lan?.neighbours),
  },
  {
    name: 'debtorrent_seed_waiting_bytes',
    type: 'gauge',
    help: 'Of a tree that is shared in place: what has yet to be verified. Missing elsewhere.',
    read: one(({ seed }) => seed?.waitingBytes),
  },
  {
    name: 'process_resident_memory_bytes',
    type: 'gauge',
    help: 'Memory of the daemon.',
    read: (_, { residentBytes }) => [{ value: residentBytes }],
  },
  {
    name: 'process_cpu_seconds_total',
    type: 'counter',
    help: 'Time that the daemon spent on a processor.',
    read: (_, { cpuSeconds }) => [{ value: cpuSeconds }],
  },
];

export function readMetrics(snapshot: StatusSnapshot, process: ProcessFigures): MetricFamily[] {
  return METRICS.map(({ name, type, help, read }) => ({
    name,
    type,
    help,
    samples: read(snapshot, process),
  }));
}

function stateOf(release: ReleaseStatus): (typeof RELEASE_STATES)[number] {
  const { validSeconds, stale } = release;
  if (validSeconds !== undefined && validSeconds < 0) return 'expired';
  if (stale) return 'stale';
  return releaseLine(release) === '' ? 'well' : 'other';
}

function keysOf<T extends object>(of: T): (keyof T & string)[] {
  return Object.keys(of) as (keyof T & string)[];
}

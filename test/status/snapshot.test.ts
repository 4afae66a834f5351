import { expect, test } from 'bun:test';
import {
  collect,
  diskLine,
  type LimitsStatus,
  limitsLine,
  reachLine,
  releaseLine,
  savedShare,
  troublesLine,
  withoutDetails,
} from '../../src/status/snapshot.ts';
import { busy, idle } from './fixtures.ts';

test('collect() gives the names that scripts rely on, in whole seconds', () => {
  const snapshot = collect({
    version: '1.2.3',
    uptimeMs: () => 1999,
    bytes: () => busy.bytes,
    session: () => busy.session,
    today: () => busy.today,
    pulse: {
      rates: () => busy.rates,
      ofPeer: (address) => (address === '192.0.2.7:9989' ? { down: 3 << 20, up: 0 } : { down: 0, up: 0 }),
    },
    troubles: () => busy.troubles,
    swarms: () => new Set(busy.swarms),
    peers: () => busy.peers,
    lan: () => busy.lan,
    banned: () => busy.banned,
    store: () => busy.store,
    transfers: () => busy.transfers,
    reachability: () => busy.reachability,
    trackers: () => new Set(busy.trackers),
    releases: () => new Set(busy.releases),
    dht: () => busy.dht,
  });
  expect(snapshot).toEqual({ ...busy, uptimeSeconds: 1 });
  expect(Object.keys(snapshot.bytes).sort()).toEqual([
    'fromLan',
    'fromMirror',
    'fromPeers',
    'fromStore',
    'uploaded',
  ]);
});

const limits: LimitsStatus = {
  monthlyUpload: { month: '2026-11', bytes: 2 ** 30, limitBytes: 100 * 2 ** 30 },
  upload: { wanBytesPerSecond: 2 * 2 ** 20, paused: [] },
  businessHours: false,
  cache: { limitBytes: 10 * 2 ** 30, minFreeBytes: 2 ** 30, freeBytes: 5 * 2 ** 30 },
};

test('limitsLine() says what was given of how much, how fast, and why nothing is', () => {
  const given = 'given beyond the local network: 1.00 GiB of 100 GiB in 2026-11';
  expect(limitsLine(limits)).toBe(`${given}, at most 2.00 MiB/s`);
  expect(limitsLine({ ...limits, businessHours: true })).toEndWith('at most 2.00 MiB/s (business hours)');
  const upload = { wanBytesPerSecond: 0, paused: ['battery', 'metered connection'] };
  expect(limitsLine({ ...limits, upload })).toBe(`${given}; nothing now: battery, metered connection`);
});

test('diskLine() is there only when others fill the disk', () => {
  expect(diskLine(limits)).toBe('');
  const cache = { ...limits.cache, freeBytes: 2 ** 29 };
  expect(diskLine({ ...limits, cache })).toStartWith(
    'the disk has 512 MiB free, and 1.00 GiB are to stay so',
  );
});

test('withoutDetails() tells nobody elsewhere of limits, nor whether the machine is on battery', () => {
  expect(withoutDetails({ ...busy, limits })).not.toHaveProperty('limits');
});

test('withoutDetails() keeps every name but tells nothing of peers, bans, transfers, trackers, archives, addresses and interfaces', () => {
  const seen = withoutDetails(busy);
  expect(Object.keys(seen).sort()).toEqual(Object.keys(busy).sort());
  expect([seen.peers, seen.banned, seen.transfers, seen.trackers, seen.releases]).toEqual([
    [],
    [],
    [],
    [],
    [],
  ]);
  expect(seen.reachability).toEqual({ state: 'not reachable', addresses: [], advice: '' });
  expect(seen.lan?.interfaces).toEqual([]);
  expect(seen.bytes).toEqual(busy.bytes);
});

test('troublesLine() says what mirrors did that APT says nothing of, and nothing when they did none of it', () => {
  expect(troublesLine(busy.troubles)).toBe(
    'Releases since the first start: 3 from our copy, 2 older than before',
  );
  expect(troublesLine({ stale: 0, rolledBack: 0, refused: 1 })).toBe('Releases since the first start: 1 bad');
  expect(troublesLine(idle.troubles)).toBe('');
});

test('savedShare() is what came from peers and store, of all that clients got', () => {
  expect(savedShare(busy.bytes)).toBe(7 / 8);
  expect(savedShare(idle.bytes)).toBeUndefined();
});

test('reachLine() says how it is, where, and by what', () => {
  const addresses = ['203.0.113.7:9989', '[2001:db8::7]:9989'];
  expect(reachLine({ state: 'reachable', addresses, mappedBy: 'PCP', advice: '' })).toBe(
    'reachable from outside at 203.0.113.7:9989 and [2001:db8::7]:9989 (the router was told by PCP)',
  );
  expect(reachLine(idle.reachability)).toBe('not known yet whether reachable from outside');
});

test('releaseLine() says what is wrong with an archive, and nothing of one that is well', () => {
  expect(busy.releases.map(releaseLine)).toEqual([
    '',
    'no longer valid; the mirror does not answer; 1 d 3 h behind another mirror; older ones came 2 times; bad ones came once',
  ]);
});

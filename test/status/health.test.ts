import { describe, expect, test } from 'bun:test';
import { healthOf } from '../../src/status/health.ts';
import { type StatusSnapshot, withoutDetails } from '../../src/status/snapshot.ts';
import { busy, idle } from './fixtures.ts';

const well: StatusSnapshot = {
  ...busy,
  banned: [],
  trackers: [],
  releases: [],
  reachability: { state: 'reachable', addresses: [], advice: '' },
};
const titles = (snapshot: StatusSnapshot) => healthOf(snapshot).map(({ title }) => title);

describe('healthOf()', () => {
  test('says so when all is well', () => {
    expect(healthOf(well)).toMatchObject([{ level: 'good' }]);
  });

  test('says what is wrong and what to do, worst first', () => {
    const found = healthOf(busy);
    expect(found.map(({ level }) => level)).toEqual(['bad', 'note', 'note']);
    expect(found[0]?.title).toBe('apt.example.org/dists/x is no longer valid');
    expect(found.every(({ advice }) => advice !== '')).toBe(true);
  });

  test('helps a newcomer to begin', () => {
    expect(titles(idle)).toEqual(['APT has not asked for anything yet']);
    expect(healthOf(idle)[0]?.advice).toContain('apt-get update');
  });

  test.each([
    [59, []],
    [60, ['Nobody else is here yet']],
  ])('%d s after the start, being alone is %j', (uptimeSeconds, expected) => {
    const alone = {
      ...well,
      uptimeSeconds,
      peers: [],
      swarms: well.swarms.map((swarm) => ({ ...swarm, peers: 0 })),
    };
    expect(titles(alone).filter((title) => title !== 'All is well')).toEqual(expected);
  });

  test('names trackers and DHT only when none of them answers', () => {
    const [working, failing] = busy.trackers;
    if (!working || !failing) throw new Error('no trackers');
    expect(titles({ ...well, trackers: [working, failing] })).toEqual(['All is well']);
    expect(titles({ ...well, trackers: [failing] })).toEqual(['The tracker does not answer']);
    expect(titles({ ...well, dht: { nodes: 0, readOnly: false } })).toEqual(['The DHT does not answer']);
  });

  test('names a few of many archives', () => {
    const [, bad] = busy.releases;
    if (!bad) throw new Error('no release');
    const many = { ...well, releases: Array.from({ length: 40 }, () => bad) };
    expect(titles(many).length).toBe(6);
    expect(titles(many)).toContain('35 more archives');
  });

  test('tells other machines no name or address', () => {
    expect(JSON.stringify(healthOf(withoutDetails(busy)))).not.toMatch(/example|\d+\.\d+\.\d+/);
  });
});

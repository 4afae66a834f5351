import { describe, expect, test } from 'bun:test';
import { peersOf } from '../../src/announce/http.ts';
import { parseIp } from '../../src/announce/ip-address.ts';
import { RefusedError } from '../../src/lib/errors.ts';
import { AllowedSwarms } from '../../src/tracker/allowed-swarms.ts';
import { DEFAULT_LIMITS } from '../../src/tracker/peer-table.ts';
import { Tracker } from '../../src/tracker/tracker.ts';
import { SetClock, seededDraw } from './samples.ts';

const infoHash = new Uint8Array(20).fill(1);
const ip = (text: string) => ({ address: parseIp(text) as Uint8Array });
const request = (port: number) => ({
  infoHash,
  peerId: new Uint8Array(20),
  port,
  uploadedBytes: 0,
  downloadedBytes: 0,
  leftBytes: 1,
});
const trackerOf = (limits = DEFAULT_LIMITS) => {
  const clock = new SetClock();
  return { clock, tracker: new Tracker({ clock, draw: seededDraw(1), limits }) };
};

describe('Tracker', () => {
  test('introduces the second peer to the first, and the first to the second when it comes again', () => {
    const { tracker } = trackerOf();
    expect(peersOf(tracker.announce(request(1), ip('192.0.2.1')), 9)).toEqual([]);
    expect(peersOf(tracker.announce(request(2), ip('192.0.2.2')), 9)).toEqual([
      { host: '192.0.2.1', port: 1 },
    ]);
    expect(peersOf(tracker.announce(request(1), ip('192.0.2.1')), 9)).toEqual([
      { host: '192.0.2.2', port: 2 },
    ]);
  });

  test('introduces a peer on its own machine under the address at which the asker reached it', () => {
    const { tracker } = trackerOf();
    tracker.announce(request(1), { ...ip('127.0.0.1'), local: () => Uint8Array.of(127, 0, 0, 1) });
    const answer = tracker.announce(request(2), {
      ...ip('192.0.2.2'),
      local: () => Uint8Array.of(192, 0, 2, 99),
    });
    expect(peersOf(answer, 9)).toEqual([{ host: '192.0.2.99', port: 1 }]);
  });

  test('forgets who says stopped, gives it nobody, and counts who says completed', () => {
    const { tracker } = trackerOf();
    tracker.announce(request(1), ip('192.0.2.1'));
    tracker.announce({ ...request(2), event: 'completed', leftBytes: 0 }, ip('192.0.2.2'));
    expect(tracker.scrape([infoHash])).toEqual([{ infoHash, complete: 1, incomplete: 1, downloaded: 1 }]);
    const answer = tracker.announce({ ...request(2), event: 'stopped' }, ip('192.0.2.2'));
    expect(answer).toMatchObject({ complete: 0, incomplete: 1, peers: new Uint8Array(0) });
  });

  test('lets nobody stop another address', () => {
    const { tracker } = trackerOf();
    tracker.announce(request(1), ip('192.0.2.1'));
    tracker.announce({ ...request(1), event: 'stopped' }, ip('192.0.2.2'));
    expect(tracker.stats().peers).toBe(1);
  });

  test('gives 50 peers where no number is named, at most 200, and none for numwant 0', () => {
    const { tracker } = trackerOf();
    for (let i = 0; i < 300; i += 1)
      tracker.announce(request(1), { address: Uint8Array.of(10, i >> 8, i, 1) });
    const given = (numWant?: number) =>
      tracker.announce({ ...request(1), ...(numWant !== undefined && { numWant }) }, ip('192.0.2.1')).peers
        .length / 6;
    expect(given()).toBe(50);
    expect(given(7)).toBe(7);
    expect(given(0)).toBe(0);
    expect(given(100_000)).toBe(200);
  });

  test('forgets a peer that is not heard of for two and a half intervals', () => {
    const { tracker, clock } = trackerOf();
    tracker.announce(request(1), ip('192.0.2.1'));
    clock.seconds = 37 * 60;
    expect(peersOf(tracker.announce(request(2), ip('192.0.2.2')), 9).length).toBe(1);
    clock.seconds = 39 * 60;
    expect(peersOf(tracker.announce(request(2), ip('192.0.2.2')), 9).length).toBe(0);
  });

  test('refuses a scrape of all, and a new swarm when it is full of swarms that are not lonely', () => {
    const { tracker } = trackerOf({ ...DEFAULT_LIMITS, maxSwarms: 1 });
    expect(() => tracker.scrape([])).toThrow(RefusedError);
    tracker.announce(request(1), ip('192.0.2.1'));
    tracker.announce(request(1), ip('198.51.100.1'));
    const other = { ...request(1), infoHash: new Uint8Array(20) };
    expect(() => tracker.announce(other, ip('192.0.2.1'))).toThrow(RefusedError);
  });

  test('serves only the swarms that it was told, when it was told some', () => {
    const clock = new SetClock();
    const allowed = new AllowedSwarms([infoHash]);
    const tracker = new Tracker({ clock, draw: seededDraw(1), allowed });
    tracker.announce(request(1), ip('192.0.2.1'));
    const other = { ...request(1), infoHash: new Uint8Array(20) };
    expect(() => tracker.announce(other, ip('192.0.2.1'))).toThrow('does not serve this swarm');
    expect(tracker.stats().swarms).toBe(1);
  });

  test('gives a seed no seeds, and others both', () => {
    const { tracker } = trackerOf();
    tracker.announce({ ...request(1), leftBytes: 0 }, ip('192.0.2.1'));
    tracker.announce({ ...request(2), leftBytes: 5 }, ip('192.0.2.2'));
    const portsFor = (leftBytes: number) =>
      peersOf(tracker.announce({ ...request(3), leftBytes }, ip('192.0.2.3')), 9).map(({ port }) => port);
    expect(portsFor(0)).toEqual([2]);
    expect(portsFor(1).toSorted()).toEqual([1, 2]);
  });

  test('gives each its own interval, a tenth around a quarter of an hour', () => {
    const { tracker } = trackerOf();
    const intervals = Array.from(
      { length: 200 },
      (_, i) => tracker.announce(request(1 + i), ip('192.0.2.1')).intervalSeconds,
    );
    expect(Math.min(...intervals)).toBeGreaterThanOrEqual(810);
    expect(Math.max(...intervals)).toBeLessThanOrEqual(990);
    expect(new Set(intervals).size).toBeGreaterThan(50);
  });

  test('stats() counts swarms, peers, announces, scrapes and seconds', () => {
    const { tracker, clock } = trackerOf();
    clock.seconds = 5;
    tracker.announce(request(1), ip('192.0.2.1'));
    tracker.announce(request(1), ip('2001:db8::1'));
    tracker.scrape([infoHash]);
    expect(tracker.stats()).toEqual({
      swarms: 1,
      peers: 2,
      ipv4Peers: 1,
      ipv6Peers: 1,
      seeds: 0,
      announces: 2,
      udpAnnounces: 0,
      scrapes: 1,
      refused: 0,
      uptimeSeconds: 5,
    });
  });
});
